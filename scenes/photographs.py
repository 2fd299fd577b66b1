"""One picture from anybody's camera, whatever its size and mode, at the size that a network sees.

Beside `pictures.py`, whose pictures must have the right proportions because places are read off them, what is read here
may be cropped: nobody asks where its objects stand.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageOps

from scenes.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
"""Pictures and nothing else: some formats that Pillow opens are programs, and nothing read may execute."""

PIXELS = 100_000_000
"""A picture of more is refused before it is unpacked: a small file may hold what fills the memory."""

ENLARGED = 2
"""A picture is enlarged by this factor at most."""

ENOUGH = 8
"""Where a picture is this factor larger than the network's, blocks of pixels are averaged first, which is fast; of
a JPEG those are averaged while it is unpacked."""

ORIENTATION, LYING = 0x0112, 5
"""EXIF's tag, and from which value on width and height are exchanged."""


def readable() -> tuple[str, ...]:
    """The formats of `FORMATS` that this Pillow can read."""
    Image.init()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def endings() -> tuple[str, ...]:
    """How the names of files in these formats end (`.png`)."""
    kinds = readable()
    return tuple(sorted(ending for ending, kind in Image.registered_extensions().items() if kind in kinds))


def read_photograph(
    path: Path, height: int, width: int, behind: Sequence[float] = (0.0, 0.0, 0.0)
) -> tuple[UInt8[np.ndarray, "height width 3"], tuple[int, int]]:
    """The picture in a file as RGB at height x width, and the size that it had, (width, height).

    It is turned as its camera was held, laid over the colour `behind` (0..1) where it is transparent, cropped about its
    centre to the proportions, then averaged down. The first picture of a film is read. UserError, which says why and
    does not name the file, for what is no picture of `FORMATS`, has more than `PIXELS`, or is too small.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # PIXELS says what is too large
            with Image.open(path, formats=readable()) as opened:
                if (pixels := opened.width * opened.height) > PIXELS:
                    raise UserError(f"{pixels:,} pixels are more than {PIXELS:,}")
                upright = opened.getexif().get(ORIENTATION, 1) < LYING
                size = (opened.width, opened.height) if upright else (opened.height, opened.width)
                opened.draft(None, (ENOUGH * max(width, height),) * 2)  # pyright: ignore[reportArgumentType]
                opaque = over(eight_bits(ImageOps.exif_transpose(opened)), behind)
    except UserError:
        raise
    except Exception as error:  # Pillow raises many kinds for a file that is cut short or no picture
        raise UserError(reason(error, path)) from error
    return fitted(opaque, height, width), size


def eight_bits(picture: Image.Image) -> Image.Image:
    """With 8 bits a channel: of 16 bits the upper ones; Pillow itself would cut off what is brighter than 255."""
    if picture.mode == "F":
        raise UserError("floating-point numbers, of which nobody knows what is white; 8 or 16 bits can be read")
    if not picture.mode.startswith("I"):
        return picture
    levels = np.asarray(picture).astype(np.int64)
    if levels.min() < 0 or levels.max() > 65535:
        raise UserError("numbers of more than 16 bits, of which nobody knows what is white")
    return Image.fromarray((levels >> 8).astype(np.uint8))


def over(picture: Image.Image, behind: Sequence[float]) -> Image.Image:
    """RGB, with the colour `behind` (0..1) where it is transparent."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    colour = tuple(round(255 * channel) for channel in behind)
    layers = Image.new("RGBA", picture.size, (*colour, 255)), picture.convert("RGBA")
    return Image.alpha_composite(*layers).convert("RGB")


def fitted(picture: Image.Image, height: int, width: int) -> UInt8[np.ndarray, "height width 3"]:
    """Cropped about the centre and brought to height x width: every pixel is the mean of what it covers; a smaller
    picture is enlarged smoothly. UserError for one that is too small for that."""
    size = picture.width, picture.height
    scale = min(picture.width / width, picture.height / height)  # picture pixels to a pixel of the network
    if scale * ENLARGED < 1:
        raise UserError(f"{picture.width} x {picture.height} pixels are too few for {width} x {height}")
    left, upper = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
    if scale < 1:
        box = (left, upper, min(left + scale * width, size[0]), min(upper + scale * height, size[1]))
        return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box))
    block = max(1, int(scale / ENOUGH))
    blocks = np.asarray(picture.reduce(block) if block > 1 else picture, np.float32)
    down = shares(blocks.shape[0], height, upper / block, scale / block)
    across = shares(blocks.shape[1], width, left / block, scale / block)
    averaged = np.einsum("yh,hwc,xw->yxc", down, blocks, across, optimize=True)
    return averaged.round().clip(0, 255).astype(np.uint8)


def shares(pixels: int, cells: int, start: float, extent: float) -> Float32[np.ndarray, "cell pixel"]:
    """How much of each of `cells` cells, `extent` pixels long from `start` on, each of a row of pixels covers. Pillow's
    own box takes whole pixels only, which moves edges where a cell is few pixels."""
    edges, pixel = start + extent * np.arange(cells + 1)[:, None], np.arange(pixels)
    covered = (np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)).clip(0)
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)


def reason(error: Exception, path: Path) -> str:
    """What is wrong with a file in a few words, without its name."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {PIXELS:,} pixels"
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return said.replace(f": {str(path)!r}", "")

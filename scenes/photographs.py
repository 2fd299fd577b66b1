"""One picture from anybody's camera, whatever its size and mode, at the size that a network sees.

Beside `pictures.py`, whose pictures must have the right proportions because places are read off them, what is read here
may be cropped: nobody asks where its objects stand.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from scenes.errors import UserError

FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
"""Pictures and nothing else: some formats that Pillow opens are programs, and nothing read may execute."""

PIXELS = 100_000_000
"""A picture of more is refused before it is unpacked: a small file may hold what fills the memory."""

ENLARGED = 2
"""A picture is enlarged by this factor at most."""


def endings() -> tuple[str, ...]:
    """How the names of files in these formats end (`.png`), of those that this Pillow can read."""
    known = Image.registered_extensions()
    return tuple(sorted(ending for ending, kind in known.items() if kind in FORMATS and kind in Image.OPEN))


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
            with Image.open(path, formats=FORMATS) as opened:
                if (pixels := opened.width * opened.height) > PIXELS:
                    raise UserError(f"{pixels:,} pixels are more than {PIXELS:,}")
                opaque = over(eight_bits(ImageOps.exif_transpose(opened)), behind)
    except UserError:
        raise
    except Exception as error:  # Pillow raises many kinds for a file that is cut short or no picture
        raise UserError(reason(error, path)) from error
    return fitted(opaque, height, width), opaque.size


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
    scale = min(picture.width / width, picture.height / height)  # picture pixels to a pixel of the network
    if scale * ENLARGED < 1:
        raise UserError(f"{picture.width} x {picture.height} pixels are too few for {width} x {height}")
    left, upper = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
    box = (left, upper, min(left + scale * width, picture.width), min(upper + scale * height, picture.height))
    how = Image.Resampling.BOX if scale >= 1 else Image.Resampling.BICUBIC
    return np.asarray(picture.resize((width, height), how, box))


def reason(error: Exception, path: Path) -> str:
    """What is wrong with a file in a few words, without its name."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {PIXELS:,} pixels"
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return said.replace(f": {str(path)!r}", "")

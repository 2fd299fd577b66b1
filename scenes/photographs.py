"""Pictures from anybody's camera, of any size and kind, as a network sees them.

One transform, the same everywhere: turned as the camera was held, cropped about the centre to the proportions, brought
to the size. `Frame` says which part that was, so that a camera's intrinsics go in and what was found comes back out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8
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


HALF = np.array([0.0, 0.0, 0.5, 0.5])
"""Of fx, fy, cx, cy: whole numbers are pixel centres, and pictures begin half a pixel before the first."""


@dataclass(frozen=True)
class Frame:
    """Which part of a picture of width x height pixels is seen: from (left, upper) on, `scale` of its pixels to one of
    the network's."""

    width: int
    height: int
    left: float = 0.0
    upper: float = 0.0
    scale: float = 1.0

    def inward(self, intrinsics: np.ndarray) -> Float64[np.ndarray, " 4"]:
        """fx, fy, cx, cy of the picture -> of what the network sees."""
        return (np.asarray(intrinsics, float) - self.corner) / self.scale - HALF

    def outward(self, intrinsics: np.ndarray) -> Float64[np.ndarray, "picture 4"]:
        """And back."""
        return (np.asarray(intrinsics, float) + HALF) * self.scale + self.corner

    @property
    def corner(self) -> Float64[np.ndarray, " 4"]:
        """Where it begins, added to what fx, fy, cx, cy are counted from."""
        return np.array([0.0, 0.0, self.left, self.upper]) - HALF


Behind = Sequence[float] | None
"""The colour (0..1) that a transparent picture is laid over. None: nobody knows, and it is refused."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture as a network sees it, uint8; which part of the whole that is; and where the whole is."""

    pixels: UInt8[np.ndarray, "height width 3"]
    frame: Frame
    source: Path | Image.Image
    behind: Behind

    def whole(self, longest: int) -> Image.Image:
        """All of it, RGB and upright, its longer side `longest` pixels at most."""
        picture, _ = upright(self.source, longest, self.behind)
        picture.thumbnail((longest, longest), Image.Resampling.BOX)
        return picture


def read_photograph(
    source: Path | Image.Image, height: int, width: int, behind: Behind = (0.0, 0.0, 0.0)
) -> Photograph:
    """The picture in a file, or one that Pillow has, at height x width. The first picture of a film is read.

    UserError, which says why and does not name the file, for what is no picture of `FORMATS`, has more than `PIXELS`,
    is transparent where nobody knows what is behind, or is too small.
    """
    opaque, size = upright(source, ENOUGH * max(width, height), behind)
    pixels, (left, upper, scale) = fitted(opaque, height, width)
    times = size[0] / opaque.width
    return Photograph(pixels, Frame(*size, times * left, times * upper, times * scale), source, behind)


def upright(source: Path | Image.Image, enough: int, behind: Behind) -> tuple[Image.Image, tuple[int, int]]:
    """RGB, turned as the camera was held, and the size (width, height) that it has. Of a JPEG that is larger than
    `enough` pixels, blocks of pixels may have been averaged while it was unpacked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd tags; and PIXELS says what is too large
            if isinstance(source, Image.Image):
                return turned(source, enough, behind)
            with Image.open(source, formats=readable()) as opened:
                return turned(opened, enough, behind)
    except UserError:
        raise
    except Exception as error:  # Pillow raises many kinds for a file that is cut short or no picture
        raise UserError(reason(error, source)) from error


def turned(picture: Image.Image, enough: int, behind: Behind) -> tuple[Image.Image, tuple[int, int]]:
    if (pixels := picture.width * picture.height) > PIXELS:
        raise UserError(f"{pixels:,} pixels are more than {PIXELS:,}")
    lying = picture.getexif().get(ORIENTATION, 1) >= LYING
    size = (picture.height, picture.width) if lying else (picture.width, picture.height)
    picture.draft(None, (enough, enough))  # pyright: ignore[reportArgumentType]
    return over(eight_bits(ImageOps.exif_transpose(picture)), behind), size


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


def over(picture: Image.Image, behind: Behind) -> Image.Image:
    """RGB, with the colour `behind` (0..1) where it is transparent. UserError where there is none to put there."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    if behind is None:
        if picture.convert("RGBA").getchannel("A").getextrema()[0] == 255:  # pyright: ignore[reportIndexIssue]
            return picture.convert("RGB")
        raise UserError("transparent in part, and what is behind is not known: lay it over the empty table")
    colour = tuple(round(255 * channel) for channel in behind)
    layers = Image.new("RGBA", picture.size, (*colour, 255)), picture.convert("RGBA")
    return Image.alpha_composite(*layers).convert("RGB")


def fitted(
    picture: Image.Image, height: int, width: int
) -> tuple[UInt8[np.ndarray, "height width 3"], tuple[float, float, float]]:
    """Cropped about the centre and brought to height x width: every pixel is the mean of what it covers; a smaller
    picture is enlarged smoothly. With it left, upper and scale of its `Frame`. UserError for one that is too small."""
    size = picture.width, picture.height
    scale = min(picture.width / width, picture.height / height)  # picture pixels to a pixel of the network
    if scale * ENLARGED < 1:
        raise UserError(f"{picture.width} x {picture.height} pixels are too few for {width} x {height}")
    left, upper = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
    if scale < 1:
        box = (left, upper, min(left + scale * width, size[0]), min(upper + scale * height, size[1]))
        return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box)), (left, upper, scale)
    block = max(1, int(scale / ENOUGH))
    blocks = np.asarray(picture.reduce(block) if block > 1 else picture, np.float32)
    down = shares(blocks.shape[0], height, upper / block, scale / block)
    across = shares(blocks.shape[1], width, left / block, scale / block)
    averaged = np.einsum("yh,hwc,xw->yxc", down, blocks, across, optimize=True)
    return averaged.round().clip(0, 255).astype(np.uint8), (left, upper, scale)


def shares(pixels: int, cells: int, start: float, extent: float) -> Float32[np.ndarray, "cell pixel"]:
    """How much of each of `cells` cells, `extent` pixels long from `start` on, each of a row of pixels covers. Pillow's
    own box takes whole pixels only, which moves edges where a cell is few pixels."""
    edges, pixel = start + extent * np.arange(cells + 1)[:, None], np.arange(pixels)
    covered = (np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)).clip(0)
    return (covered / covered.sum(1, keepdims=True)).astype(np.float32)


def reason(error: Exception, path: Path | Image.Image) -> str:
    """What is wrong with a file in a few words, without its name."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than {PIXELS:,} pixels"
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return said.replace(f": {str(path)!r}", "")

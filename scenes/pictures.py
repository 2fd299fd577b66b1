"""Anybody's pictures, at the size that a network sees."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from scenes.errors import UserError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SLACK = 0.02  # by which a picture's sides may differ from the proportion asked for


def picture_paths(where: str | os.PathLike[str]) -> list[Path]:
    """The picture of that name, or the pictures of that folder (or of `images` in it, as in a data set) by name.

    Raises UserError where there is none.
    """
    where = Path(where)
    if where.is_file():
        return [where]
    if not where.is_dir():
        raise UserError(f"{where} does not exist: give a picture or a folder of pictures")
    for folder in (where, where / "images"):
        if folder.is_dir() and (found := sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)):
            return found
    raise UserError(f"{where} holds no pictures ({' '.join(ENDINGS)})")


def labels(paths: Sequence[Path]) -> list[str]:
    """A name for what is written about each picture: without the endings, unless pictures differ in nothing else."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [path.name for path in paths]


def open_picture(path: Path, upright: bool = False) -> Image.Image:
    """The RGB picture in a file; `upright`: turned as its camera was held, where the file says so.

    Raises UserError for what is no picture, or would fill the memory.
    """
    try:
        with Image.open(path) as opened:
            return (ImageOps.exif_transpose(opened) if upright else opened).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is no readable picture: {error}".splitlines()[0]) from error


def read_picture(path: Path, height: int, width: int) -> UInt8[np.ndarray, "height width 3"]:
    """RGB, turned as its camera was held, averaged down to that size.

    Raises UserError for what is no picture, is smaller, or has other proportions: it would be seen distorted.
    """
    picture = open_picture(path, upright=True)
    found = f"{path} is {picture.width} x {picture.height} pixels"
    if picture.width < width or picture.height < height:
        raise UserError(f"{found}: the network sees {width} x {height}, give at least those")
    if abs(picture.width * height / (picture.height * width) - 1) > SLACK:
        raise UserError(f"{found}: crop it to the proportions {width} : {height}")
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))

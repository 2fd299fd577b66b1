"""Pictures in files: which there are, and those of a data set, which are taken as they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from scenes.errors import UserError
from scenes.photographs import PIXELS, eight_bits, endings, over, readable

OTHERS = (".heic", ".heif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".psd", ".svg", ".pdf", ".mp4", ".mov")
"""Pictures, too, but none that can be read here."""


LONGEST = 200
"""Bytes of a name that is longer are cut off."""


def picture_paths(where: str | os.PathLike[str]) -> tuple[list[Path], list[Path]]:
    """The picture of that name, or the pictures of that folder (or of `images` in it, as in a data set) by name; and
    files there that are pictures of a kind that cannot be read. Names that begin with a dot are left out.

    Raises UserError where there is none.
    """
    where = Path(where)
    if where.is_file():
        return [where], []
    if not where.is_dir():
        raise UserError(f"{where} does not exist: give a picture or a folder of pictures")
    others: list[Path] = []
    for folder in (where, where / "images"):
        found = sorted(path for path in folder.iterdir() if path.name[0] != ".") if folder.is_dir() else []
        others += [path for path in found if path.suffix.lower() in set(OTHERS) - {*endings()}]
        if paths := [path for path in found if path.suffix.lower() in endings() and path.is_file()]:
            return paths, others
    more = f"; {others[0].name} cannot be read here: save it as PNG or JPEG" if others else ""
    raise UserError(f"{where} holds no pictures ({' '.join(endings())}){more}")


def labels(paths: Sequence[Path]) -> list[str]:
    """A name for what is written about each picture: without the endings, unless pictures differ in nothing else."""
    stems = [path.stem for path in paths]
    names = stems if len(set(stems)) == len(stems) else [path.name for path in paths]
    return [short(name) for name in names]


def short(name: str) -> str:
    """A name to which something can be added: file systems take 255 bytes."""
    content = os.fsencode(name)
    if len(content) <= LONGEST:
        return name
    mark = hashlib.sha256(content).hexdigest()[:8]
    return f"{os.fsdecode(content[:LONGEST]).encode('utf-8', 'ignore').decode()}-{mark}"


def open_picture(path: Path) -> Image.Image:
    """The RGB picture in a file of a data set. Raises UserError for what is no picture, or would fill the memory."""
    try:
        with Image.open(path, formats=readable()) as opened:
            if opened.width * opened.height > PIXELS:
                raise UserError(f"more than {PIXELS:,} pixels")
            return over(eight_bits(opened), None)
    except Exception as error:  # Pillow raises many kinds for a file that is cut short or no picture
        raise UserError(f"{path} is no readable picture: {error}".splitlines()[0]) from error

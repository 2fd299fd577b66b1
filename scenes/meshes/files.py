"""How a file of a folder is read that must not lead out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 256 * 2**20
"""Of one file. A million triangles are 100 MB as text."""

LONGEST_NAME = 60


class Unusable(Exception):
    """Why a mesh, or a file that belongs to one, cannot be used: one line that does not name it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


def within(folder: Path, path: Path) -> bool:
    """Whether a path, wherever its links lead, lies in the folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def read_inside(folder: Path, path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file of the folder; Unusable where it leads out of it, is missing, no file, or too large."""
    if not within(folder, path):
        raise Unusable("leads out of the folder")
    try:
        if not path.is_file():
            raise Unusable("is missing")
        if (size := path.stat().st_size) > most:
            raise Unusable(f"has {size / 2**20:,.0f} MB, more than {most / 2**20:,.0f}")
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from error


def plain_name(name: str) -> str:
    """A name as it can be printed and written anywhere."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name).strip()
    return shown[:LONGEST_NAME] or "mesh"


def content(folder: Path, levels: int) -> Iterable[tuple[str, int, int]]:
    """Name, size and time of change of every file of a folder and of the folders in it, so many levels down: what was
    read once need not be read again while they stay the same."""
    for where, subfolders, names in os.walk(folder):
        subfolders.sort()
        for name in sorted(names):
            path = Path(where, name)
            stat = path.lstat()
            yield str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns
        if len(Path(where).relative_to(folder).parts) == levels:
            subfolders.clear()

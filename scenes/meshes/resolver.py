"""How trimesh gets at the files that a mesh names: those of the folder, of a bounded size, and no others."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from PIL import Image
from trimesh.resolvers import Resolver

from scenes.meshes.files import MOST_BYTES, Unusable, read_inside
from scenes.photographs import endings, readable

PIXELS = 70_000_000
"""A texture of more is not unpacked: a small file may hold what fills the memory."""

SIDE = 16_384
"""Nor one that is wider or higher."""

DRIVE = re.compile(r"^[A-Za-z]:")
OPTIONS = re.compile(r"^(-\w+\s+(\S+\s+)*?)(?=\S+$)")
"""What an MTL may say before a file's name, as in `map_Kd -s 1 1 1 wood.png`."""


class Inside(Resolver):
    """Files beside a mesh, by the names that it gives them. `notes` says what was named and not read, and why."""

    def __init__(self, folder: Path, mesh: Path) -> None:
        self.folder, self.beside = folder, (folder / mesh).parent
        self.file_name = mesh.name
        self.notes: list[str] = []

    def get(self, key: str) -> bytes:
        name = cleaned(key)
        try:
            data = read_inside(self.folder, self.beside / relative(name), MOST_BYTES)
            if PurePosixPath(name).suffix.lower() in endings():
                check_picture(data)
            return data
        except Unusable as reason:
            self.note(f"{shortened(name)} {reason}")
            raise FileNotFoundError(name) from reason

    def note(self, said: str) -> None:
        if said not in self.notes:
            self.notes.append(said)

    def keys(self) -> list[str]:
        return []

    def namespaced(self, namespace: str) -> Inside:
        raise Unusable("names files of other folders")

    def write(self, name: str, data: str | bytes) -> None:
        raise Unusable("is read, not written")


def cleaned(key: str) -> str:
    """A name as MTL and glTF files write it: quoted, with options before it, or with backslashes."""
    name = key.strip()
    if name.startswith("-"):
        name = OPTIONS.sub("", name)
    return name.strip("\"'").replace("\\", "/")


def relative(name: str) -> str:
    """A name that may lead to a file of the folder; Unusable for any other."""
    if "://" in name:
        raise Unusable("is an address: only files of the folder are read")
    name = unquote(name)
    if name.startswith(("/", "~")) or DRIVE.match(name):
        raise Unusable("is an absolute path: only files of the folder are read")
    if not name or "\0" in name:
        raise Unusable("is no name of a file")
    return name


def shortened(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:40]}...{name[-15:]}"


def check_picture(data: bytes) -> None:
    """Unusable for what is no picture, or would fill the memory; the head of the file is all that is looked at."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=readable()) as picture:
                width, height = picture.size
    except Image.DecompressionBombError:
        raise Unusable(f"has more than {PIXELS:,} pixels") from None
    except Exception as error:  # Pillow raises many kinds for a file that is cut short or no picture
        raise Unusable("is no picture that can be read") from error
    if max(width, height) > SIDE or width * height > PIXELS:
        raise Unusable(f"is {width:,} x {height:,} pixels: more than {SIDE:,} a side or {PIXELS:,} are not unpacked")

"""Which files of a folder are meshes, what they are called, and how a file is read that must not lead out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scenes.errors import UserError

KINDS = {".obj": "obj", ".glb": "glb", ".gltf": "gltf", ".ply": "ply", ".stl": "stl", ".off": "off"}
"""Endings of mesh files and what trimesh calls them. Of two files of one name the earlier kind is taken."""

GENERIC = (
    *("mesh", "model", "object", "scan", "scene", "untitled"),
    *("textured", "textured_simple", "nontextured", "google_16k"),
)
"""Names of files that say nothing: such a mesh is called as its folder is."""

MOST_BYTES = 256 * 2**20
"""Of one file. A million triangles are 100 MB as text."""

LONGEST_NAME = 60


class Unusable(Exception):
    """Why a mesh, or a file that belongs to one, cannot be used: one line that does not name it."""


@dataclass(frozen=True)
class Found:
    """A mesh file. name: what it is called unless meshes.yaml says otherwise; path: relative to the folder."""

    name: str
    path: Path


def mesh_files(folder: Path) -> list[Found]:
    """The mesh files of a folder and of the folders in it, by name of the file.

    UserError where there is no such folder, or none of its files is a mesh. Hidden files are passed over.
    """
    if not folder.is_dir():
        raise UserError(f"scene.meshes={folder} is no folder: give a folder of meshes ({' '.join(KINDS)})")
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        subfolders = [path for path in inside if path.is_dir() and within(folder, path)]
        found = [Found(path.stem, path.relative_to(folder)) for path in inside if is_mesh(path)]
        for each in subfolders:
            found += in_subfolder(folder, each)
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}") from error
    if not found:
        endings = " ".join(KINDS)
        raise UserError(f"{folder} holds no meshes ({endings}), nor do the folders in it: give a folder of meshes")
    return found


def in_subfolder(folder: Path, subfolder: Path) -> list[Found]:
    order = list(KINDS)
    paths = [path for path in sorted(subfolder.iterdir()) if is_mesh(path)]
    paths.sort(key=lambda path: order.index(path.suffix.lower()))
    return [Found(called(path, subfolder.name), path.relative_to(folder)) for path in paths]


def called(path: Path, folder_name: str) -> str:
    """The name of a mesh in a folder of its own."""
    return folder_name if path.stem.lower() in GENERIC else path.stem


def is_mesh(path: Path) -> bool:
    return path.suffix.lower() in KINDS and not path.name.startswith(".") and (path.is_file() or path.is_symlink())


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


def content(folder: Path) -> Iterable[tuple[str, int, int]]:
    """Name, size and time of change of every file of a folder and of the folders in it: what was read once need not be
    read again while they stay the same."""
    for where, subfolders, names in os.walk(folder):
        subfolders.sort()
        for name in sorted(names):
            path = Path(where, name)
            stat = path.lstat()
            yield str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns
        if Path(where) != folder:
            subfolders.clear()

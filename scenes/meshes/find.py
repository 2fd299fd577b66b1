"""Which files of a folder are meshes, and what they are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scenes.errors import UserError
from scenes.meshes.files import within

KINDS = {".obj": "obj", ".glb": "glb", ".gltf": "gltf", ".ply": "ply", ".stl": "stl", ".off": "off"}
"""Endings of mesh files and what trimesh calls them. Of two files of one name the earlier kind is taken."""

LEVELS = 2
"""Of folders in the folder: scans come as NAME/google_16k/textured.obj or NAME/meshes/model.obj."""

GENERIC = (
    *("mesh", "meshes", "model", "models", "object", "objects", "scan", "scene", "untitled", "visual"),
    *("textured", "textured_simple", "nontextured", "google_16k", "google_64k", "google_512k"),
)
"""Names of files and folders that say nothing: such a mesh is called as the folder above is."""

PASSED_OVER = (".", "collision")
"""Beginnings of the names of hidden files, and of the hulls that simulators collide instead of a mesh."""


@dataclass(frozen=True)
class Found:
    """A mesh file. name: what it is called unless meshes.yaml says otherwise; path: relative to the folder."""

    name: str
    path: Path


def mesh_files(folder: Path) -> list[Found]:
    """The mesh files of a folder and of the folders in it, by name of the file.

    UserError where there is no such folder, or none of its files is a mesh.
    """
    if not folder.is_dir():
        raise UserError(f"scene.meshes={folder} is no folder: give a folder of meshes ({' '.join(KINDS)})")
    try:
        paths = [path.relative_to(folder) for path in inside(folder, folder, LEVELS)]
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}") from error
    if not paths:
        endings = " ".join(KINDS)
        raise UserError(f"{folder} holds no meshes ({endings}), nor do the folders in it: give a folder of meshes")
    return [Found(name, path) for name, path in zip(names(paths), paths, strict=True)]


def inside(whole: Path, folder: Path, levels: int) -> Iterator[Path]:
    """The mesh files of one folder in the whole, then those of the folders in it, so many levels down."""
    paths = sorted(path for path in folder.iterdir() if not path.name.lower().startswith(PASSED_OVER))
    kinds = list(KINDS)
    meshes = [path for path in paths if path.suffix.lower() in KINDS and (path.is_file() or path.is_symlink())]
    yield from meshes if folder == whole else sorted(meshes, key=lambda path: kinds.index(path.suffix.lower()))
    for path in paths if levels else ():
        if path.is_dir() and within(whole, path):
            yield from inside(whole, path, levels - 1)


def names(paths: list[Path]) -> list[str]:
    """What each mesh is called: as its file, unless that says nothing or is the name of files in several folders; then
    as the nearest folder that says something, with its own name behind it where others lie there."""
    folders, stems = defaultdict(set), defaultdict(set)
    for path in paths:
        folders[path.stem].add(path.parent)
        stems[path.parent].add(path.stem)

    def name(path: Path) -> str:
        above = next((each.name for each in path.parents if each.name and each.name.lower() not in GENERIC), "")
        if above and path.stem.lower() in GENERIC:
            return above
        if above and len(folders[path.stem]) > 1:
            return above if len(stems[path.parent]) == 1 else f"{above}_{path.stem}"
        return path.stem

    return [name(path) for path in paths]

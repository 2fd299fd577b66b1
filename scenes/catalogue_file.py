"""A catalogue as one file, so that a network or a data set needs no folder of meshes: an npz without pickle.

Of E entries: name, symmetry, face, weight, vertex_count, face_count, group_count [E]; placement [E, 4, 4]; and what the
entries hold, one after the other: vertices, normals, colours [V, 3], faces [F, 3], group [S, 4, 4]. See `Mesh` for all
of it. Nothing of a file is believed before it is checked, and nothing in it can be executed.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.mesh import Mesh

COUNTS = {"vertex_count": ("vertices", "normals", "colours"), "face_count": ("faces",), "group_count": ("group",)}
KINDS = {  # of numbers, and their shape behind the first axis
    "name": ("U", ()), "symmetry": ("i", ()), "face": ("i", ()), "weight": ("f", ()), "placement": ("f", (4, 4)),
    "vertices": ("f", (3,)), "normals": ("f", (3,)), "colours": ("f", (3,)), "faces": ("i", (3,)),
    "group": ("f", (4, 4)), **{name: ("i", ()) for name in COUNTS},
}  # fmt: skip
LARGEST = 2**29
"""Bytes of all arrays together."""

MOST, FAR, LONGEST = 1000, 100.0, 100
"""Entries, metres from the origin, and letters of a name."""

ROUNDING = 1e-4
"""By which a matrix may miss being rigid, or a normal's length 1."""


def save_catalogue(path: str | os.PathLike[str], catalogue: Catalogue) -> None:
    """Writes a file that `read_catalogue` reads; it takes its name once it is complete. UserError where it cannot."""
    path, meshes = Path(path).absolute(), catalogue.meshes
    each = {name: [np.asarray(getattr(mesh, name)) for mesh in meshes] for names in COUNTS.values() for name in names}
    arrays = {name: np.concatenate(values) for name, values in each.items()}
    arrays |= {name: np.array([len(part) for part in each[names[0]]]) for name, names in COUNTS.items()}
    for name in ("name", "symmetry", "face", "weight", "placement"):
        arrays[name] = np.array([getattr(mesh, name) for mesh in meshes])
    arrays |= {name: arrays[name].astype(float) for name in ("weight", "placement", "group")}
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".npz", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
            Path(partial).chmod(0o644)  # mkstemp makes it private
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def read_catalogue(path: str | os.PathLike[str]) -> Catalogue:
    """The catalogue of a file. Raises UserError, naming the file, for one that is missing, damaged, or no catalogue."""
    try:
        with ZipFile(path) as file:
            arrays = _arrays(file)
        return _catalogue(arrays)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except (ValueError, OSError, BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"{path} is no catalogue: {said}") from error
    except Exception as error:  # zlib and the parser of headers have errors of their own
        raise UserError(f"{path} is no catalogue: it is damaged") from error


def _arrays(file: ZipFile) -> dict[str, np.ndarray]:
    """All arrays of the file; their sizes are looked at before any memory is taken."""
    sizes = {info.filename.removesuffix(".npy"): info.file_size for info in file.infolist()}
    _must(sizes.keys() == KINDS.keys(), "it must hold " + ", ".join(KINDS))
    _must(sum(sizes.values()) <= LARGEST, f"it is larger than {LARGEST >> 20} MB")
    return {name: _array(file, name, sizes[name]) for name in KINDS}


def _array(file: ZipFile, name: str, size: int) -> np.ndarray:
    """One array, as `np.load` would read it, but never larger than what is there."""
    kind, shape = KINDS[name]
    with file.open(f"{name}.npy") as stream:
        _must(npy.read_magic(stream) == (1, 0), f"{name} is written in another way than ours")
        found, fortran, dtype = npy.read_array_header_1_0(stream)
        _must(dtype.kind == kind and dtype.itemsize > 0 and not fortran, f"{name} is {dtype}")
        _must(len(found) == 1 + len(shape) and found[1:] == shape, f"{name} has the shape {found}")
        length = math.prod(found) * dtype.itemsize
        _must(0 <= length <= size, f"{name} is cut short")
        content = stream.read(length)
    _must(len(content) == length, f"{name} is cut short")
    return np.frombuffer(content, dtype).reshape(found).copy()


def _catalogue(arrays: dict[str, np.ndarray]) -> Catalogue:
    """The entries, once every number is one that they can have. Raises ValueError for others."""
    number = len(arrays["name"])
    _must(1 <= number <= MOST, f"it holds {number} entries, not 1 to {MOST}")
    parts: dict[str, list[np.ndarray]] = {}
    for count, names in COUNTS.items():
        _must(len(arrays[count]) == number and (arrays[count] >= 1).all(), f"{count} must be {number} numbers above 0")
        for name in names:
            _must(len(arrays[name]) == arrays[count].astype(object).sum(), f"{name} and {count} do not fit")
            parts[name] = np.split(arrays[name], arrays[count].cumsum()[:-1])
    for name in ("symmetry", "face", "weight", "placement"):
        _must(len(arrays[name]) == number, f"{name} must be of {number} entries")
    meshes = []
    for entry in range(number):
        values: dict[str, Any] = {name: each[entry] for name, each in parts.items()}
        values |= {name: arrays[name][entry].item() for name in ("name", "symmetry", "face", "weight")}
        mesh = Mesh(**values, placement=arrays["placement"][entry])
        _check(mesh)
        meshes.append(mesh)
    return Catalogue(tuple(meshes))


def _check(mesh: Mesh) -> None:
    """Raises ValueError for numbers that no mesh has."""
    _must(0 < len(mesh.name) <= LONGEST and mesh.name.isprintable(), f"'{mesh.name[:LONGEST]!a}' is no name of a mesh")
    _must(mesh.symmetry >= 0 and mesh.face >= 0, f"symmetry and face of {mesh.name} must be 0 or more")
    _must(0 < mesh.weight <= 1, f"the weight of {mesh.name} must be above 0 and at most 1")
    _must((np.abs(mesh.vertices) < FAR).all(), f"vertices of {mesh.name} must be within {FAR:g} m")  # NaN is not
    lengths = np.linalg.norm(mesh.normals, axis=1)
    _must((np.abs(lengths - 1) < ROUNDING).all(), f"normals of {mesh.name} must have the length 1")
    _must(((mesh.colours >= 0) & (mesh.colours <= 1)).all(), f"colours of {mesh.name} must be from 0 to 1")
    fits = (mesh.faces >= 0) & (mesh.faces < len(mesh.vertices))
    _must(fits.all(), f"faces of {mesh.name} must be numbers of its {len(mesh.vertices)} vertices")
    rigid = _rigid(mesh.placement[None]) and _rigid(mesh.group)
    _must(rigid, f"placement and group of {mesh.name} must be rigid motions")


def _rigid(motions: np.ndarray) -> bool:
    """Whether all of [S, 4, 4] are rotations with a shift of at most `FAR`."""
    if not (np.abs(motions) < FAR).all():
        return False
    turns = motions[:, :3, :3]
    straight = np.abs(turns @ turns.swapaxes(1, 2) - np.eye(3)) < ROUNDING
    return bool(straight.all() and (np.linalg.det(turns) > 0).all() and (motions[:, 3] == [0, 0, 0, 1]).all())


def _must(fine: Any, what: str) -> None:
    if not fine:
        raise ValueError(what)

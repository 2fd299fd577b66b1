"""The catalogues: which objects a scene may hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from scenes import crockery, shapes
from scenes.errors import UserError
from scenes.mesh import Mesh

CATALOGUES: dict[str, tuple[Callable[[], Mesh], ...]] = {
    "shapes": (shapes.cube, shapes.sphere, shapes.cylinder),
    "marked_shapes": (shapes.marked_cube, shapes.sphere, shapes.cylinder),
    "crockery": (crockery.plate, crockery.bowl, crockery.mug, crockery.saucepan),
}


@dataclass(frozen=True, eq=False)
class Packed:
    """All meshes of a catalogue on all their resting faces, E entries in arrays of one size, padded with zeros.

    vertices, normals, colours [E, V, 3] float32; faces (triangles) [E, F, 3] int32; vertex_count, face_count [E] int64;
    first [K] int64: the entry of each mesh upright, followed by those of its other resting faces.
    """

    vertices: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray
    vertex_count: np.ndarray
    face_count: np.ndarray
    first: np.ndarray


@dataclass(frozen=True, eq=False)
class Catalogue:
    """K meshes; an object's `identity` is an index into them."""

    meshes: tuple[Mesh, ...]

    def __len__(self) -> int:
        return len(self.meshes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(mesh.name for mesh in self.meshes)

    @cached_property
    def symmetries(self) -> tuple[int, ...]:
        return tuple(mesh.symmetry for mesh in self.meshes)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all meshes in their order: what is learned or stored for one catalogue is wrong for another."""
        return hashlib.sha256(" ".join(mesh.fingerprint for mesh in self.meshes).encode()).hexdigest()

    def packed(self) -> Packed:
        """The arrays that a renderer copies to its device."""
        entries = [(mesh, face) for mesh in self.meshes for face in range(len(mesh.resting))]
        vertices, normals = zip(*(mesh.rested(face) for mesh, face in entries), strict=True)
        return Packed(
            vertices=_pad(vertices),
            normals=_pad(normals),
            colours=_pad([mesh.colours for mesh, _ in entries]),
            faces=_pad([mesh.faces for mesh, _ in entries]),
            vertex_count=np.array([len(mesh.vertices) for mesh, _ in entries]),
            face_count=np.array([len(mesh.faces) for mesh, _ in entries]),
            first=np.cumsum([0, *(len(mesh.resting) for mesh in self.meshes[:-1])]),
        )


def _pad(arrays: Sequence[np.ndarray]) -> np.ndarray:
    padded = np.zeros((len(arrays), max(map(len, arrays)), 3), arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded


@lru_cache
def catalogue(name: str) -> Catalogue:
    """The catalogue of that name; UserError for any other."""
    if name not in CATALOGUES:
        raise UserError(f"there is no catalogue '{name}': choose one of {', '.join(CATALOGUES)}")
    return Catalogue(tuple(make() for make in CATALOGUES[name]))

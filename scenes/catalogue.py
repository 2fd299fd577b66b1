"""The catalogues: which objects a scene may hold."""

from __future__ import annotations

from collections.abc import Callable
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
    """All meshes of a catalogue in arrays of one size, padded with zeros.

    vertices, normals, colours [K, V, 3] float32; faces [K, F, 3] int32; vertex_count, face_count [K] int64.
    """

    vertices: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray
    vertex_count: np.ndarray
    face_count: np.ndarray


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

    def packed(self) -> Packed:
        return Packed(
            vertices=_pad([mesh.vertices for mesh in self.meshes]),
            normals=_pad([mesh.normals for mesh in self.meshes]),
            colours=_pad([mesh.colours for mesh in self.meshes]),
            faces=_pad([mesh.faces for mesh in self.meshes]),
            vertex_count=np.array([len(mesh.vertices) for mesh in self.meshes]),
            face_count=np.array([len(mesh.faces) for mesh in self.meshes]),
        )


def _pad(arrays: list[np.ndarray]) -> np.ndarray:
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

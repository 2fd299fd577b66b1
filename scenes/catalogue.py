"""The catalogues: which objects a scene may hold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

import numpy as np

from scenes import crockery, shapes
from scenes.errors import UserError
from scenes.mesh import Mesh

CATALOGUES: dict[str, tuple[Callable[[], Mesh], ...]] = {
    "shapes": (shapes.cube, shapes.sphere, shapes.cylinder),
    "marked_shapes": (shapes.marked_cube, shapes.sphere, shapes.cylinder),
    "crockery": (crockery.plate, crockery.bowl, crockery.mug, crockery.saucepan),
}

CLOSE = 1e-4  # by which the weights of a mesh's faces may miss 1


@dataclass(frozen=True, eq=False)
class Packed:
    """All E entries of a catalogue in arrays of one size, padded with zeros.

    vertices, normals, colours [E, V, 3] float32; faces (triangles) [E, F, 3] int32; vertex_count, face_count [E] int64.
    """

    vertices: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray
    vertex_count: np.ndarray
    face_count: np.ndarray


@dataclass(frozen=True, eq=False)
class Catalogue:
    """E entries, each a mesh on one of its faces, of K kinds of mesh; an object's `identity` is an index into entries.

    Those of one kind stand together. Raises ValueError where they do not, where two of them stand on one face, and
    where their weights are not the probabilities of their faces.
    """

    meshes: tuple[Mesh, ...]

    def __post_init__(self) -> None:
        if not self.meshes:
            raise ValueError("a catalogue holds at least one mesh")
        runs = [name for name, _ in groupby(mesh.name for mesh in self.meshes)]
        if len(runs) != len(set(runs)):
            raise ValueError("the entries of one mesh must stand together in a catalogue")
        if len({(mesh.name, mesh.face) for mesh in self.meshes}) < len(self.meshes):
            raise ValueError("two entries of one mesh stand on the same face")
        weights = np.array([mesh.weight for mesh in self.meshes])
        if not (weights > 0).all() or (np.abs(np.bincount(self.kind_of, weights) - 1) > CLOSE).any():
            raise ValueError("the weights of a mesh's faces must be above 0 and sum to 1")

    def __len__(self) -> int:
        """E, the number of entries."""
        return len(self.meshes)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The names of the K meshes."""
        return tuple(dict.fromkeys(mesh.name for mesh in self.meshes))

    @cached_property
    def kind_of(self) -> np.ndarray:
        """Which of the K kinds each entry is, [E] int64."""
        return np.array([self.kinds.index(mesh.name) for mesh in self.meshes])

    @cached_property
    def weights(self) -> np.ndarray:
        """Prior probability of each entry, [E]: every kind is as likely, and each of its faces has its weight."""
        return np.array([mesh.weight for mesh in self.meshes]) / len(self.kinds)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each entry is called: its mesh's name, and where that mesh has several entries its face too, as in
        "bottle/1"."""
        return entry_names([(mesh.name, mesh.face) for mesh in self.meshes])

    @cached_property
    def symmetries(self) -> tuple[int, ...]:
        """Rotational symmetry about +Z of each entry, see `Mesh`."""
        return tuple(mesh.symmetry for mesh in self.meshes)

    def entry(self, name: str, face: int = 0) -> int:
        """The entry of that mesh on that face; KeyError for one that is not there."""
        for index, mesh in enumerate(self.meshes):
            if (mesh.name, mesh.face) == (name, face):
                return index
        raise KeyError(f"no mesh '{name}' on face {face}")

    def entries_of(self, kind: int) -> np.ndarray:
        """The entries of a kind, as indices."""
        return np.flatnonzero(self.kind_of == kind)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all entries in their order: what is learned or stored for one catalogue is wrong for another."""
        return _joined(mesh.fingerprint for mesh in self.meshes)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of each kind by its name: its mesh's, or of those of all its faces together."""
        of_kinds = ([self.meshes[entry].fingerprint for entry in self.entries_of(k)] for k in range(len(self.kinds)))
        each = (prints[0] if len(prints) == 1 else _joined(prints) for prints in of_kinds)
        return dict(zip(self.kinds, each, strict=True))

    def packed(self) -> Packed:
        """The arrays that a renderer copies to its device."""
        return Packed(
            vertices=_pad([mesh.vertices for mesh in self.meshes]),
            normals=_pad([mesh.normals for mesh in self.meshes]),
            colours=_pad([mesh.colours for mesh in self.meshes]),
            faces=_pad([mesh.faces for mesh in self.meshes]),
            vertex_count=np.array([len(mesh.vertices) for mesh in self.meshes]),
            face_count=np.array([len(mesh.faces) for mesh in self.meshes]),
        )


def entry_names(entries: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """What entries (mesh, face) are called, see `Catalogue.names`."""
    times = Counter(name for name, _ in entries)
    return tuple(name if times[name] == 1 else f"{name}/{face}" for name, face in entries)


def _joined(fingerprints: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(fingerprints).encode()).hexdigest()


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

"""A mesh on each face that it may rest on, with what was measured about it: the entries of a catalogue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh

from scenes.mesh import Mesh
from scenes.meshes.resting import LEAST, Resting, resting_faces
from scenes.meshes.surface import COLOUR, Surface
from scenes.meshes.symmetry import Symmetries, fold, symmetry_group

ROLLS = "as a body of revolution lies, whichever of its sides is up: one of them stands for all"
HULL = "not closed: its weights are those of its convex hull"


def on_faces(
    mesh: Mesh, solid: trimesh.Trimesh | None = None, least: float = LEAST, upright: bool = False
) -> tuple[list[Mesh], list[str]]:
    """A mesh that stands upright, as its entries: on all faces of weight `least` or more, or `upright` alone. With
    what there is to say about that, for its user.

    solid: the same surface, whole, in the mesh's own frame, for its centre of mass; default: the mesh. Every entry
    has its symmetry and the mesh's group measured, and stands on the middle of its footprint.
    """
    painted = symmetry_group(Surface.of(mesh.vertices, mesh.faces, mesh.colours))
    if upright:
        return [_standing(mesh, Resting(np.eye(3), 1.0, upright=True), 0, painted)], []
    solid = solid or mesh.solid()
    plain = bool((np.ptp(mesh.colours, axis=0) < COLOUR).all())
    shape = painted if plain else symmetry_group(Surface.of(mesh.vertices, mesh.faces))
    faces = resting_faces(solid, least, alike=painted, shape=shape)
    said = [HULL] if len(faces) > 1 and not solid.is_watertight else []
    said += [f"face {number}: {ROLLS}" for number, face in enumerate(faces) if face.rolls]
    return [_standing(mesh, face, number, painted) for number, face in enumerate(faces)], said


def _standing(mesh: Mesh, face: Resting, number: int, painted: Symmetries) -> Mesh:
    """The mesh put down on one face; upright, it stays bit for bit where it stands."""
    turn, stays = face.rotation, np.array_equal(face.rotation, np.eye(3))
    vertices = np.asarray(mesh.vertices, float) @ turn.T
    surface = Surface.of(vertices, mesh.faces, mesh.colours)
    motion = np.eye(4)
    motion[:3, :3] = turn
    if not stays:
        motion[:3, 3] = -surface.middle - [0, 0, vertices[:, 2].min()]
    return replace(
        mesh,
        vertices=(vertices + motion[:3, 3]).astype(np.float32),
        normals=(mesh.normals @ turn.T).astype(np.float32),
        symmetry=fold(surface, None if not stays else np.zeros(2)),
        face=number,
        weight=face.weight,
        placement=motion @ mesh.placement,
        group=np.linalg.inv(mesh.placement) @ painted.group @ mesh.placement,
    )

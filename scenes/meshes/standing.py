"""A mesh on each face that it may rest on, with what was measured about it: the entries of a catalogue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
import trimesh

from scenes.mesh import Mesh
from scenes.meshes.resting import LEAST, Resting, resting_faces
from scenes.meshes.surface import COLOUR, Surface
from scenes.meshes.symmetry import Symmetries, fold, symmetry_group
from scenes.meshes.turning_axis import turning_axis

ROLLS = "it rolls easily, and one of its turns stands for all"
TOLD = 0.2  # share of the drops that is left out, above which its user is told
HULL = "not closed: its weights are those of its convex hull"


def on_faces(
    mesh: Mesh,
    solid: trimesh.Trimesh | None = None,
    surface: Surface | None = None,
    least: float = LEAST,
    upright: bool = False,
) -> tuple[list[Mesh], list[str]]:
    """A mesh that stands upright, as its entries: on all faces of weight `least` or more, or `upright` alone. With
    what there is to say about that, for its user.

    solid, surface: the same thing whole, before it was thinned, in the mesh's own frame: for its centre of mass and the
    faces of its hull, and for its symmetries; default: the mesh. Every entry has its symmetry and the mesh's group
    measured, and stands on the middle of its footprint.
    """
    surface = surface or Surface.of(mesh.vertices, mesh.faces, mesh.colours)
    painted = symmetry_group(surface)
    if upright:
        return [_standing(mesh, Resting(np.eye(3), 1.0, upright=True), 0, surface, painted)], []
    solid = solid or mesh.solid()
    plain = bool((np.ptp(surface.colours, axis=0) < COLOUR).all())
    faces = resting_faces(solid, least, alike=painted, shape=painted if plain else symmetry_group(surface.plain()))
    said = [HULL] if len(faces) > 1 and not solid.is_watertight else []
    said += [f"face {number}: {ROLLS}" for number, face in enumerate(faces) if face.rolls]
    said += [f"{100 * left:.0f} % of its drops end on rarer faces"] if (left := faces[0].left_out) > TOLD else []
    return [_standing(mesh, face, number, surface, painted) for number, face in enumerate(faces)], said


def _standing(mesh: Mesh, face: Resting, number: int, surface: Surface, painted: Symmetries) -> Mesh:
    """The mesh put down on one face; upright, it stays bit for bit where it stands."""
    turn, turned = face.rotation, surface.turned(face.rotation)
    vertices = np.asarray(mesh.vertices, float) @ turn.T
    motion = np.eye(4)
    motion[:3, :3] = turn
    if not np.array_equal(turn, np.eye(3)):
        middle = shapely.MultiPoint(vertices[:, :2]).convex_hull.centroid
        motion[:3, 3] = [*-turning_axis(turned, np.array([middle.x, middle.y])), -vertices[:, 2].min()]
    return replace(
        mesh,
        vertices=(vertices + motion[:3, 3]).astype(np.float32),
        normals=(mesh.normals @ turn.T).astype(np.float32),
        symmetry=fold(turned),
        face=number,
        weight=face.weight,
        placement=motion @ mesh.placement,
        group=np.linalg.inv(mesh.placement) @ painted.group @ mesh.placement,
    )

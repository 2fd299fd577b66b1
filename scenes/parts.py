"""The building blocks of the crockery: bodies of revolution and bars with a rectangular section."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import trimesh

CENTIMETRE = 0.01
Point = tuple[float, float]
Colour = tuple[float, float, float]


def revolve(profile: Sequence[Point], sections: int) -> trimesh.Trimesh:
    """Turn a profile of (radius, height) points in centimetres about +Z.

    The profile runs from the axis (radius 0) back to the axis, so the surface is closed.
    """
    return trimesh.creation.revolve(np.array(profile) * CENTIMETRE, sections=sections)


def bar(path: Sequence[Point], width: float, thickness: float) -> trimesh.Trimesh:
    """Bend a bar along a path of (x, z) points in centimetres, at y = 0.

    width: extent along y; thickness: extent across the path, in the xz-plane; both in centimetres.
    """
    points = np.array(path, float)
    along = np.gradient(points, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.linalg.norm(along, axis=1, keepdims=True)
    rings = []
    for side, up in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        xz = points + up * thickness / 2 * across
        rings.append(np.stack([xz[:, 0], np.full(len(xz), side * width / 2), xz[:, 1]], 1))
    vertices = np.stack(rings, 1).reshape(-1, 3) * CENTIMETRE
    solid = trimesh.Trimesh(vertices, _bar_faces(len(points)), process=False)
    if solid.volume < 0:
        solid.invert()
    return solid


def _bar_faces(rings: int) -> np.ndarray:
    quads = [[0, 1, 2, 3], [4 * rings - 1, 4 * rings - 2, 4 * rings - 3, 4 * rings - 4]]
    for ring in range(rings - 1):
        for corner in range(4):
            a, b = 4 * ring + corner, 4 * ring + (corner + 1) % 4
            quads.append([b, a, a + 4, b + 4])
    return np.array([triangle for q in quads for triangle in ([q[0], q[1], q[2]], [q[0], q[2], q[3]])])


def unite(*solids: trimesh.Trimesh) -> trimesh.Trimesh:
    """One closed surface around all of them."""
    return trimesh.boolean.union(solids, engine="manifold")


def plain(colour: Colour) -> Callable[[np.ndarray], np.ndarray]:
    """Paint for `mesh.build`: every face in one colour."""
    return lambda centres: np.tile(colour, (len(centres), 1))


def either(where: Callable[[np.ndarray], np.ndarray], yes: Colour, no: Colour) -> Callable[[np.ndarray], np.ndarray]:
    """Paint for `mesh.build`: colour `yes` on the faces whose centre passes `where`, `no` on the others."""
    return lambda centres: np.where(where(centres)[:, None], yes, no)

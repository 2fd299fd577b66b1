"""What of a surface is seen from outside, and from which side: points on it, looked at from all around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float

POINTS = 40_000
CELL = 2.5
"""Side of a cell beside the distance between points: in one of five hundred cells of a surface there is none."""

GRAZING = 0.1
"""Cosine of the flattest angle at which a face still counts as seen."""

SLANT = 3.0
"""Tangent of the steepest slope whose points lie in one cell and do not hide each other."""


@dataclass(frozen=True)
class Seen:
    """Shares of the directions from which each face's front and back are seen."""

    front: Float[np.ndarray, "face"]
    back: Float[np.ndarray, "face"]


def seen(solid: trimesh.Trimesh) -> Seen:
    """By points in a grid of cells for each direction: the nearest in a cell hides those well behind it."""
    points, face, spacing = scattered(solid, POINTS)
    normals = np.asarray(solid.face_normals)[face]
    directions = trimesh.creation.icosphere(subdivisions=1).vertices
    front, back = np.zeros(len(points)), np.zeros(len(points))
    for direction in directions:
        facing = normals @ direction
        shown = unhidden(points, facing, direction, CELL * spacing)
        front += shown & (facing > GRAZING)
        back += shown & (facing < -GRAZING)
    count = np.bincount(face, minlength=len(solid.faces)) * len(directions)
    return Seen(*(np.bincount(face, each, len(solid.faces)) / count for each in (front, back)))


def unhidden(points: np.ndarray, facing: np.ndarray, direction: np.ndarray, cell: float) -> np.ndarray:
    across = np.cross(direction, np.eye(3)[np.abs(direction).argmin()])
    across /= np.linalg.norm(across)
    flat = points @ np.stack([across, np.cross(direction, across)], 1)
    columns, rows = np.floor((flat - flat.min(0)) / cell).astype(np.int64).T
    where = rows * (columns.max() + 1) + columns
    depth = points @ direction
    nearest = np.full(where.max() + 1, -np.inf)
    np.maximum.at(nearest, where, depth)
    slope = np.sqrt(np.maximum(1 / np.maximum(facing**2, 1e-6) - 1, 0))
    before = np.full(where.max() + 1, -np.inf)
    np.maximum.at(before, where[facing > 0], depth[facing > 0])  # the other side of a thin wall hides a back
    hidden = (facing < 0) & (depth < before[where])
    return ~hidden & (depth >= nearest[where] - cell * (0.5 + np.minimum(slope, SLANT)))


def scattered(solid: trimesh.Trimesh, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Points [P, 3] spread evenly over the surface, the face [P] of each, and how far they are apart. Every face has
    one at least; the same surface has the same points."""
    areas = np.asarray(solid.area_faces)
    rng = np.random.default_rng(0)
    ends = np.cumsum(areas)
    drawn = np.searchsorted(ends, (np.arange(count) + rng.random(count)) / count * ends[-1]).clip(max=len(areas) - 1)
    face = np.concatenate([drawn, np.arange(len(areas))])
    share = rng.random((len(face), 2))
    share = np.where(share.sum(1, keepdims=True) > 1, 1 - share, share)
    share[count:] = 1 / 3
    return at(np.asarray(solid.triangles)[face], share), face, float(np.sqrt(ends[-1] / count))


def at(corners: np.ndarray, share: np.ndarray) -> np.ndarray:
    """What lies at barycentric shares [P, 2] of the second and third of three corners, [P, 3, D] -> [P, D]."""
    weights = np.concatenate([1 - share.sum(1, keepdims=True), share], 1)
    return (weights[..., None] * corners).sum(1)

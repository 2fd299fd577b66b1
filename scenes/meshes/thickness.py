"""Walls thick enough that their inside does not come through when both sides are made of few triangles."""

from __future__ import annotations

import numpy as np
import trimesh
from jaxtyping import Float
from scipy.spatial import KDTree

from scenes.meshes.visible import scattered

THICK = 0.02
"""A wall is made as thick as this share of the longest side."""

POINTS = 20_000
OPPOSITE = -0.8
"""Cosine between the normals of the two sides of a wall."""

NEAREST = 8


def thickened(solid: trimesh.Trimesh, front: Float[np.ndarray, "face"]) -> trimesh.Trimesh:
    """The surface with the less visible side of its thin walls moved away from the other, which stays where it is: the
    inside of a cup, not its outside. front: share of the directions from which each face is seen."""
    thick = THICK * float(solid.extents.max())
    points, face, _ = scattered(solid, POINTS)
    normals = np.asarray(solid.face_normals)[face]
    own = np.asarray(solid.vertex_normals)
    weights = np.repeat(solid.area_faces, 3)
    corner = np.asarray(solid.faces).reshape(-1)
    shown = np.bincount(corner, weights * np.repeat(front, 3), len(own)) / np.bincount(corner, weights, len(own))
    tree = KDTree(np.concatenate([points, thick * normals], 1))
    distance, other = tree.query(np.concatenate([solid.vertices, -thick * own], 1), NEAREST)
    across = np.einsum("vd,vkd->vk", own, np.asarray(solid.vertices)[:, None] - points[other])
    wall = (np.einsum("vd,vkd->vk", own, normals[other]) < OPPOSITE) & (across > 0) & (across < thick)
    wall &= distance < 2 * thick
    thin = wall.any(1)
    width = np.where(wall, across, thick).min(1)
    seen = np.where(wall, front[face][other], 0).max(1)
    moved = np.where(thin & (shown < seen), thick - width, 0)
    return trimesh.Trimesh(solid.vertices + moved[:, None] * own, solid.faces, process=False)

"""Triangles with a colour each, as the arrays of a `Mesh`: normals and colours at their corners."""

from __future__ import annotations

import numpy as np
import trimesh
from jaxtyping import Bool, Float

from scenes.mesh import Mesh, smooth, split

ALIKE = 0.15
"""Largest difference in a channel of colours that pass into each other; where it is larger there is an edge."""


def assembled(
    name: str,
    solid: trimesh.Trimesh,
    colours: Float[np.ndarray, "face 3"],
    back: Bool[np.ndarray, "face"],
    symmetry: int = 1,
) -> Mesh:
    """The mesh as it stands. colours: of each face, which pass into each other where they are alike; normals are smooth
    but for sharp edges, whatever the colours. back: faces that are painted from behind too."""
    areas, faces = np.asarray(solid.area_faces), np.asarray(solid.faces)
    normals = means(split(solid, smooth(solid)), np.asarray(solid.face_normals), areas)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12)
    lost = np.linalg.norm(normals, axis=2) < 0.5  # opposite normals cancel
    normals[lost] = np.repeat(np.asarray(solid.face_normals)[:, None], 3, axis=1)[lost]
    first, second = solid.face_adjacency.T
    alike = np.abs(colours[first] - colours[second]).max(1, initial=0) < ALIKE
    colours = means(split(solid, smooth(solid) & alike), colours, areas)
    corners = np.concatenate([np.asarray(solid.vertices)[faces], normals, colours], 2)
    behind = corners[back][:, ::-1].copy()
    behind[..., 3:6] *= -1
    rows = np.concatenate([corners, behind]).reshape(-1, 9).astype(np.float32)
    vertices, index = np.unique(rows, axis=0, return_inverse=True)
    triangles = index.reshape(-1, 3).astype(np.int32)
    return Mesh(name, *np.ascontiguousarray(vertices).reshape(-1, 3, 3).swapaxes(0, 1), triangles, symmetry)  # pyright: ignore


def means(group: np.ndarray, values: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """The mean over each group of corners, weighted by area, at every corner, [F, 3, 3]; group [3 F], values [F, 3]."""
    weights = np.repeat(areas, 3)
    sums = np.stack([np.bincount(group, weights * np.repeat(column, 3)) for column in values.T], 1)
    return (sums / np.bincount(group, weights)[:, None])[group].reshape(-1, 3, 3)

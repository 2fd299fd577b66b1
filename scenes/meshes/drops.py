"""How a convex body ends that is dropped onto a table: quasi-static, without bouncing."""

from __future__ import annotations

import numpy as np
import trimesh
from jaxtyping import Float, Int

FLAT = np.radians(0.5)  # between triangles that are one side


def drops(
    hull: trimesh.Trimesh, mass: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "pose 3"], Float[np.ndarray, " pose"]]:
    """Directions of gravity, in the body's axes, in which it comes to rest, and the probability of each.

    It lands on a side with the probability of that side's solid angle seen from the centre of mass, and rolls from
    there over the edge beyond which its centre of mass lies, until it lies above a side (Goldberg et al., "Part pose
    statistics", 1999). `trimesh.poses` does the same, triangle by triangle: a sliver among a hull's triangles makes
    its probabilities NaN, and a flat side of several may send it round in circles.
    """
    side = _sides(hull)
    areas, normals = np.asarray(hull.area_faces), np.zeros((side.max() + 1, 3))
    np.add.at(normals, side, np.asarray(hull.face_normals) * areas[:, None])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    weights = np.bincount(side, solid_angles(np.asarray(hull.triangles) - mass) / (4 * np.pi))
    heights = np.full(len(normals), -np.inf)
    np.maximum.at(heights, side, np.einsum("fx,fx->f", hull.triangles_center - mass, normals[side]))
    towards = _next(hull, mass, side, normals, heights)
    for each in np.argsort(-heights):  # it rolls downwards only
        if towards[each] >= 0:
            weights[towards[each]] += weights[each]
            weights[each] = 0.0
    ends = np.flatnonzero(weights > 0)
    return normals[ends], weights[ends] / weights[ends].sum()


def _sides(hull: trimesh.Trimesh) -> Int[np.ndarray, " face"]:
    """Which flat side each triangle belongs to."""
    flat = hull.face_adjacency[hull.face_adjacency_angles < FLAT]
    return trimesh.graph.connected_component_labels(flat, node_count=len(hull.faces))


def _next(
    hull: trimesh.Trimesh, mass: np.ndarray, side: np.ndarray, normals: np.ndarray, heights: np.ndarray
) -> Int[np.ndarray, " side"]:
    """The side onto which the body rolls from each, over the edge that its centre of mass is farthest beyond; -1 where
    it stays."""
    towards, most = np.full(len(normals), -1), np.full(len(normals), 1e-6 * hull.scale)
    pairs, edges = side[hull.face_adjacency], np.asarray(hull.vertices)[hull.face_adjacency_edges]
    beyond = np.einsum("ex,ex->e", np.cross(edges[:, 1] - edges[:, 0], hull.face_normals[hull.face_adjacency[:, 0]]),
                       hull.triangles_center[hull.face_adjacency[:, 0]] - edges[:, 0])  # fmt: skip
    along = (edges[:, 1] - edges[:, 0]) * np.where(beyond > 0, -1.0, 1.0)[:, None]  # outwards is along x normal
    for here, there, start, edge in zip(*pairs.T, edges[:, 0], along, strict=True):
        for own, other, direction in ((here, there, edge), (there, here, -edge)):
            outwards = np.cross(direction, normals[own])
            distance = (mass - start) @ outwards / max(float(np.linalg.norm(outwards)), 1e-12)
            if own != other and distance > most[own] and heights[other] < heights[own]:
                towards[own], most[own] = other, distance
    return towards


def solid_angles(triangles: Float[np.ndarray, "face 3 3"]) -> Float[np.ndarray, " face"]:
    """Of triangles seen from the origin, in steradians (Van Oosterom and Strackee, 1983)."""
    a, b, c = triangles.swapaxes(0, 1)
    lengths = np.linalg.norm(triangles, axis=2)
    volume = np.einsum("fx,fx->f", a, np.cross(b, c))
    rest = lengths.prod(1)
    for pair, other in (((a, b), 2), ((b, c), 0), ((c, a), 1)):
        rest += np.einsum("fx,fx->f", *pair) * lengths[:, other]
    return 2 * np.abs(np.arctan2(np.abs(volume), rest))

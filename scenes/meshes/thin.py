"""A surface of few triangles: thinned out, then divided where its colours ask for it."""

from __future__ import annotations

import fast_simplification
import numpy as np
import trimesh

from scenes.meshes.collapse import collapsed
from scenes.meshes.corners import ALIKE
from scenes.meshes.division import Division, spread
from scenes.meshes.paint import Points, faces_of, owners

SHAPE = 0.6
"""The share of a budget that the shape may use where colours vary, so that the rest can show them."""

PLAIN = 0.03
"""Standard deviation of colours within triangles below which nothing is divided."""

TRIES = 8

FEW = 4000
"""Triangles from which on every edge waits for its turn; more are thinned out by the library first."""

COARSEST = 512
"""Points are joined in cells of this share of the longest side, and larger ones, where edges cannot be collapsed."""

INNER = 10.0
"""Longest side while the library thins: its thresholds are lengths without units."""


def thinned(solid: trimesh.Trimesh, budget: int, points: Points, least: int = 4) -> trimesh.Trimesh:
    """At most `budget` triangles of nearly the same shape, and down to `least` where nobody sees it; where edges cannot
    be collapsed, after joining points that are near each other."""
    cells = float(COARSEST)
    thin = evenly(solid, points, budget, least)
    while len(thin.faces) > budget:
        thin = evenly(joined(solid, cells), points, budget, least)
        cells /= 1.5
    return thin


def evenly(solid: trimesh.Trimesh, points: Points, budget: int, least: int) -> trimesh.Trimesh:
    solid = roughly(solid, max(FEW, 2 * budget))
    if len(solid.faces) <= least:
        return solid
    colours, _ = faces_of(solid, points, owners(points, solid))
    first, second = solid.face_adjacency.T
    thin = collapsed(solid, budget, least, np.abs(colours[first] - colours[second]).max(1, initial=0) > ALIKE)
    return sound(np.asarray(thin.vertices), np.asarray(thin.faces))


def roughly(solid: trimesh.Trimesh, budget: int) -> trimesh.Trimesh:
    """Thinned out by the library, as far as that goes."""
    if len(solid.faces) <= budget:
        return solid
    low, size = solid.bounds[0], INNER / float(solid.extents.max())
    points, faces = (solid.vertices - low) * size, np.asarray(solid.faces)
    points, faces = fast_simplification.simplify(points, faces, target_count=budget)[:2]
    return sound(np.asarray(points, float) / size + low, np.asarray(faces))


def joined(solid: trimesh.Trimesh, cells: float) -> trimesh.Trimesh:
    """Points in one of `cells` cells along the longest side are one, in their middle."""
    cell = np.round((solid.vertices - solid.bounds[0]) / (float(solid.extents.max()) / cells)).astype(np.int64)
    vertex = np.unique(cell, axis=0, return_inverse=True)[1].reshape(-1)
    sums = np.stack([np.bincount(vertex, column) for column in np.asarray(solid.vertices).T], 1)
    return sound(sums / np.bincount(vertex)[:, None], vertex[solid.faces])


def sound(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    """Without triangles that have no area or are there twice."""
    thin = trimesh.Trimesh(vertices, faces[(faces != np.roll(faces, 1, axis=1)).all(1)], process=False)
    thin.update_faces(thin.nondegenerate_faces() & thin.unique_faces())
    thin.remove_unreferenced_vertices()
    return thin


def simplified(solid: trimesh.Trimesh, points: Points, budget: int) -> tuple[trimesh.Trimesh, np.ndarray, np.ndarray]:
    """The surface within a budget, the colour [F, 3] of each of its faces, and whether [F] it is seen from behind and
    therefore counted twice."""
    both = float(points.back.mean())
    for _ in range(TRIES):
        thin, own = divided(solid, points, int(budget / (1 + both)))
        colours, back = faces_of(thin, points, own)
        if len(thin.faces) + back.sum() <= budget:
            break
        both = min(1.0, both * 1.1 + 0.02)
    return thin, colours, back


def divided(solid: trimesh.Trimesh, points: Points, budget: int) -> tuple[trimesh.Trimesh, np.ndarray]:
    """Thinned to a part of the budget, and divided to all of it where colours vary; with the face of each point."""
    thin = thinned(solid, budget, points, budget)
    own = owners(points, thin)
    if spread(own, points.colours, len(thin.faces)).sum() < PLAIN**2 * len(own):
        return thin, own
    coarse = thinned(solid, int(SHAPE * budget), points)
    own = owners(points, coarse)
    division = Division(coarse, points, own, PLAIN)
    while len(division.faces) < budget and division.worst() >= 0:
        division.divide(division.worst())
    thin = trimesh.Trimesh(np.array(division.vertices), np.array(division.faces), process=False)
    return thin, division.own

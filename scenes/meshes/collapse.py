"""A surface thinned out edge by edge, the least harmful first: quadric error metrics [Garland and Heckbert 1997].

The library's own thinning (`thin.py`) takes edges as they come, up to a threshold that rises: fast for millions, and
rough near the end. Here every edge waits in a queue, and borders, of the surface and of colours, are kept too.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Bool, Float

BORDER = 10.0
"""Weight of a plane through a border, upright on its face, beside that of the face."""

EDGE = 0.2
"""The same for a border between colours."""

FINE = 0.002
"""Distance, as a share of the longest side, below which a whole face may move unseen."""

TURNS = (0.2, 0.0, -1.0)
"""Cosines of the largest angle by which a collapse may turn a face. An edge that fails waits again, for the next of
them; for the last one a handle may close, too, as the inside of a wire does."""

LATER = 4.0
"""Factor on the error of an edge that waits again."""

FACES = 500
"""Of how many equal faces one is counted as a whole face."""

Quadric = tuple[float, ...]
Point = tuple[float, float, float]


def collapsed(
    solid: trimesh.Trimesh, budget: int, least: int = 4, kept: Bool[np.ndarray, "pair"] | None = None
) -> trimesh.Trimesh:
    """At most `budget` triangles where that is possible; down to `least` as long as nobody sees it.

    kept: of the pairs in `solid.face_adjacency`, those between different colours.
    """
    work = Collapse(solid, kept)
    while work.heap and work.count > (least if work.heap[0][0] <= work.unseen else budget):
        work.step()
    return work.result()


class Collapse:
    def __init__(self, solid: trimesh.Trimesh, kept: np.ndarray | None) -> None:
        self.points: list[Point] = [tuple(point) for point in np.asarray(solid.vertices).tolist()]
        self.faces: dict[int, list[int]] = dict(enumerate(np.asarray(solid.faces).tolist()))
        self.count = len(self.faces)
        self.around: list[set[int]] = [set() for _ in self.points]
        for face, corners in self.faces.items():
            for corner in corners:
                self.around[corner].add(face)
        self.quadrics = [tuple(row) for row in quadrics(solid, kept).tolist()]
        self.stamp = [0] * len(self.points)
        self.unseen = (FINE * float(solid.extents.max())) ** 2 * float(solid.area) / FACES
        self.heap: list[Any] = []
        for first, second in np.asarray(solid.edges_unique).tolist():
            self.push(first, second)

    def push(self, first: int, second: int) -> None:
        """Put an edge in the queue, with the place where its ends would meet."""
        quadric = summed(self.quadrics[first], self.quadrics[second])
        ends = self.points[first], self.points[second]
        half = tuple((a + b) / 2 for a, b in zip(*ends, strict=True))
        places = [best] if (best := lowest(quadric, ends)) else [*ends, half]
        cost, place = min((error(quadric, place), place) for place in places)
        heapq.heappush(self.heap, (max(cost, 0.0), first, second, self.stamp[first], self.stamp[second], place, 0))

    def step(self) -> None:
        """Take the first edge of the queue, if it is still there, and collapse it, or let it wait again."""
        cost, first, second, *stamps, place, tried = heapq.heappop(self.heap)
        if stamps != [self.stamp[first], self.stamp[second]]:
            return
        if self.fits(first, second, place, TURNS[tried], tried == len(TURNS) - 1):
            self.collapse(first, second, place)
        elif tried < len(TURNS) - 1:
            heapq.heappush(self.heap, (LATER * (cost + self.unseen), first, second, *stamps, place, tried + 1))

    def collapse(self, first: int, second: int, place: Point) -> None:
        self.points[first] = place
        self.quadrics[first] = summed(self.quadrics[first], self.quadrics[second])
        for face in self.around[first] & self.around[second]:
            self.remove(face)
        for face in self.around[second]:
            self.faces[face] = [first if corner == second else corner for corner in self.faces[face]]
        self.around[first] |= self.around[second]
        self.around[second] = set()
        self.flatten(first)
        self.stamp[first] += 1
        self.stamp[second] += 1
        for other in self.beside(first):
            self.push(first, other)

    def remove(self, face: int) -> None:
        for corner in self.faces.pop(face):
            self.around[corner].discard(face)
        self.count -= 1

    def flatten(self, point: int) -> None:
        """Remove two faces that lie on each other back to back, and one of two that are the same."""
        there: dict[tuple[int, ...], int] = {}
        for face in sorted(self.around[point]):
            key = tuple(sorted(self.faces[face]))
            other = there.pop(key, None)
            alike = other is None or parity(self.faces[other]) == parity(self.faces[face])
            if other is not None:
                self.remove(face)
            if not alike and other is not None:
                self.remove(other)
            else:
                there[key] = face if other is None else other

    def beside(self, point: int) -> set[int]:
        return {corner for face in self.around[point] for corner in self.faces[face]} - {point}

    def fits(self, first: int, second: int, place: Point, cosine: float, anyhow: bool) -> bool:
        """Whether the ends can meet there: no handle closes (but anyhow), and no face turns further than that."""
        gone = self.around[first] & self.around[second]
        if anyhow:
            return bool(gone)
        if not gone or len(self.beside(first) & self.beside(second)) > len(gone):
            return False
        for end in (first, second):
            for face in self.around[end] - gone:
                corners = [self.points[corner] for corner in self.faces[face]]
                moved = [place if corner == end else self.points[corner] for corner in self.faces[face]]
                if turned(corners, moved, cosine):
                    return False
        return True

    def result(self) -> trimesh.Trimesh:
        solid = trimesh.Trimesh(np.array(self.points), np.array(list(self.faces.values())), process=False)
        solid.remove_unreferenced_vertices()
        return solid


def parity(corners: list[int]) -> bool:
    """Which way round three corners run."""
    first, second, third = corners
    return (first < second) ^ (second < third) ^ (first < third)


def summed(first: Quadric, second: Quadric) -> Quadric:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def quadrics(solid: trimesh.Trimesh, kept: np.ndarray | None) -> Float[np.ndarray, "vertex 10"]:
    """Of every vertex the sum of squared distances from the planes about it, weighted by area: the upper triangle of a
    symmetric matrix [4, 4], row by row."""
    sums = np.zeros((len(solid.vertices), 10))
    add(sums, np.asarray(solid.faces), np.asarray(solid.face_normals), solid.triangles[:, 0], solid.area_faces / 3)
    edges = np.sort(solid.edges, axis=1)
    _, number, uses = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    alone = uses[number.reshape(-1)] == 1
    bound(sums, solid, solid.edges[alone], np.repeat(np.arange(len(solid.faces)), 3)[alone], BORDER)
    if kept is not None:
        bound(sums, solid, solid.face_adjacency_edges[kept], solid.face_adjacency[kept, 0], EDGE)
    return sums


def bound(sums: np.ndarray, solid: trimesh.Trimesh, ends: np.ndarray, face: np.ndarray, weight: float) -> None:
    """Add planes through edges, upright on their faces; the longer, the heavier."""
    along = solid.vertices[ends[:, 1]] - solid.vertices[ends[:, 0]]
    normals = np.cross(along, solid.face_normals[face])
    lengths = np.linalg.norm(normals, axis=1)
    fine = lengths > 0
    normals = normals[fine] / lengths[fine, None]
    add(sums, ends[fine], normals, solid.vertices[ends[fine, 0]], weight * lengths[fine] ** 2)


def add(sums: np.ndarray, members: np.ndarray, normals: np.ndarray, through: np.ndarray, weights: np.ndarray) -> None:
    planes = np.column_stack([normals, -np.einsum("pd,pd->p", normals, through)])
    rows, columns = np.triu_indices(4)
    parts = planes[:, rows] * planes[:, columns] * np.asarray(weights)[:, None]
    for member in members.T:
        np.add.at(sums, member, parts)


def error(quadric: Quadric, place: Point) -> float:
    a, b, c, d, e, f, g, h, i, j = quadric
    x, y, z = place
    return a * x * x + e * y * y + h * z * z + j + 2 * (b * x * y + c * x * z + f * y * z + d * x + g * y + i * z)


def lowest(quadric: Quadric, ends: tuple[Point, Point]) -> Point | None:
    """Where the error is least, by Cramer's rule; None where that is nowhere in particular, or far from the edge."""
    a, b, c, d, e, f, g, h, i, _ = quadric
    first, second, third = e * h - f * f, c * f - b * h, b * f - c * e
    determinant = a * first + b * second + c * third
    if abs(determinant) < 1e-3 * (abs(a) + abs(e) + abs(h)) ** 3 / 27:
        return None
    x = -(d * first + g * second + i * third) / determinant
    y = -(d * second + g * (a * h - c * c) + i * (b * c - a * f)) / determinant
    z = -(d * third + g * (b * c - a * f) + i * (a * e - b * b)) / determinant
    reach = sum((p - q) ** 2 for p, q in zip(*ends, strict=True))
    off = min(sum((p - q) ** 2 for p, q in zip((x, y, z), end, strict=True)) for end in ends)
    return (x, y, z) if off <= reach else None


def turned(corners: list[Point], moved: list[Point], cosine: float) -> bool:
    """Whether a triangle turned by more than that, or lost its area."""
    before, after = normal(corners), normal(moved)
    along = sum(p * q for p, q in zip(before, after, strict=True))
    size = math.sqrt(sum(p * p for p in after) * sum(p * p for p in before))
    return size == 0 or along < cosine * size


def normal(corners: list[Point]) -> Point:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = corners
    ux, uy, uz, vx, vy, vz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx

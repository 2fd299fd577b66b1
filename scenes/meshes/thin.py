"""A surface of few triangles: thinned out, then divided where its colours ask for it."""

from __future__ import annotations

import fast_simplification
import numpy as np
import trimesh

from scenes.meshes.paint import Points, nearest_points, owners

SHAPE = 0.6
"""The share of a budget that the shape may use where colours vary, so that the rest can show them."""

PLAIN = 0.03
"""Standard deviation of colours within triangles below which nothing is divided."""

TRIES = 8

COARSEST = 512
"""Points are joined in cells of this share of the longest side, and larger ones, where edges cannot be collapsed."""

INNER = 10.0
"""Longest side while thinning: the library's thresholds are lengths without units."""


def thinned(solid: trimesh.Trimesh, budget: int) -> trimesh.Trimesh:
    """At most `budget` triangles of nearly the same shape, by quadric error metrics; where borders and edges of more
    than two faces stand in their way, after joining points that are near each other."""
    thin, cells = solid, float(COARSEST)
    while len(thin.faces) > budget:
        thin = collapsed(solid, budget)
        if len(thin.faces) > budget:
            solid = joined(solid, cells)
            cells /= 1.5
    return thin


def collapsed(solid: trimesh.Trimesh, budget: int) -> trimesh.Trimesh:
    """Thinned out by collapsing edges, as far as that goes."""
    if len(solid.faces) <= budget:
        return solid
    low, size = solid.bounds[0], INNER / float(solid.extents.max())
    points = np.asarray((solid.vertices - low) * size, np.float32)
    points, faces = fast_simplification.simplify(points, np.asarray(solid.faces, np.int32), target_count=budget)
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
    thin = thinned(solid, budget)
    own = owners(points, thin)
    if spread(own, points.colours, len(thin.faces)).sum() < PLAIN**2 * len(own):
        return thin, own
    coarse = thinned(solid, int(SHAPE * budget))
    own = owners(points, coarse)
    division = Division(coarse, points, own)
    while len(division.faces) < budget and division.worst() >= 0:
        division.divide(division.worst())
    thin = trimesh.Trimesh(np.array(division.vertices), np.array(division.faces), process=False)
    return thin, division.own


def spread(own: np.ndarray, colours: np.ndarray, count: int) -> np.ndarray:
    """Sum of squared differences of the points' colours from the mean of their face, [F]."""
    points = np.maximum(np.bincount(own, minlength=count), 1)
    sums = np.stack([np.bincount(own, column, count) for column in colours.T], 1)
    squares = np.bincount(own, (colours**2).sum(1), count)
    return np.maximum(squares - (sums**2).sum(1) / points, 0)


def faces_of(solid: trimesh.Trimesh, points: Points, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of each face's points, and whether most of them are seen from behind."""
    count = np.bincount(own, minlength=len(solid.faces))
    shares = np.column_stack([points.colours, points.back])
    means = np.stack([np.bincount(own, column, len(solid.faces)) for column in shares.T], 1)
    means /= np.maximum(count, 1)[:, None]
    if len(empty := np.flatnonzero(count == 0)):
        means[empty] = shares[nearest_points(points, solid, empty)]
    return means[:, :3], means[:, 3] > 0.5


class Division:
    """Triangles that are halved across their longest edge, with all triangles at that edge, so that no gap opens."""

    def __init__(self, solid: trimesh.Trimesh, points: Points, own: np.ndarray) -> None:
        self.points, self.own = points, own.copy()
        self.vertices, self.faces = list(np.asarray(solid.vertices)), [list(face) for face in solid.faces]
        self.members = [np.flatnonzero(own == face) for face in range(len(self.faces))]
        self.errors = list(spread(own, points.colours, len(self.faces)))
        self.at: dict[tuple[int, int], set[int]] = {}
        for face, corners in enumerate(self.faces):
            self.enter(face, corners)

    def enter(self, face: int, corners: list[int]) -> None:
        for edge in edges(corners):
            self.at.setdefault(edge, set()).add(face)

    def worst(self) -> int:
        """The face whose colours vary most; -1 where none does."""
        face = int(np.argmax(self.errors))
        return face if self.errors[face] > PLAIN**2 * max(len(self.members[face]), 1) else -1

    def longest(self, face: int) -> tuple[int, int]:
        """Ties go to the edge of the smaller number, so that a neighbour agrees."""
        ends = edges(self.faces[face])
        return max(
            ends,
            key=lambda edge: (round(float(np.linalg.norm(self.vertices[edge[0]] - self.vertices[edge[1]])), 12), edge),
        )

    def divide(self, face: int) -> None:
        """Halve the face, or before it a neighbour whose own longest edge is longer: no triangle becomes a sliver."""
        while True:
            edge = self.longest(face)
            other = next((each for each in self.at[edge] if self.longest(each) != edge), None)
            if other is None:
                return self.halve(edge)
            face = other

    def halve(self, edge: tuple[int, int]) -> None:
        middle = len(self.vertices)
        self.vertices.append((self.vertices[edge[0]] + self.vertices[edge[1]]) / 2)
        for face in sorted(self.at[edge]):
            self.halve_face(face, edge, middle)

    def halve_face(self, face: int, edge: tuple[int, int], middle: int) -> None:
        old, new = self.faces[face], len(self.faces)
        for each in edges(old):
            self.at[each].discard(face)
        opposite = next(corner for corner in old if corner not in edge)
        halves = [[middle if corner == end else corner for corner in old] for end in (edge[1], edge[0])]
        self.faces[face] = halves[0]
        self.faces.append(halves[1])
        for number in (face, new):
            self.enter(number, self.faces[number])
        members = self.members[face]
        kept, across, tip = (self.vertices[number] for number in (edge[0], middle, opposite))
        normal = np.cross(across - kept, tip - kept)
        side = np.cross(normal, tip - across)
        towards = np.sign(side @ (kept - across)) * ((self.points.places[members] - across) @ side) >= 0
        self.members[face] = members[towards]
        self.members.append(members[~towards])
        self.own[members[~towards]] = new
        self.errors[face] = self.error(face)
        self.errors.append(self.error(new))

    def error(self, face: int) -> float:
        colours = self.points.colours[self.members[face]]
        return float(((colours - colours.mean(0)) ** 2).sum()) if len(colours) else 0.0


def edges(corners: list[int]) -> list[tuple[int, int]]:
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return [(min(pair), max(pair)) for pair in pairs]

"""Triangles halved where the colours within them vary."""

from __future__ import annotations

import numpy as np
import trimesh

from scenes.meshes.paint import Points


def spread(own: np.ndarray, colours: np.ndarray, count: int) -> np.ndarray:
    """Sum of squared differences of the points' colours from the mean of their face, [F]."""
    points = np.maximum(np.bincount(own, minlength=count), 1)
    sums = np.stack([np.bincount(own, column, count) for column in colours.T], 1)
    squares = np.bincount(own, (colours**2).sum(1), count)
    return np.maximum(squares - (sums**2).sum(1) / points, 0)


class Division:
    """Triangles that are halved across their longest edge, with all triangles at that edge, so that no gap opens."""

    def __init__(self, solid: trimesh.Trimesh, points: Points, own: np.ndarray, plain: float) -> None:
        self.points, self.plain, self.own = points, plain, own.copy()
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
        return face if self.errors[face] > self.plain**2 * max(len(self.members[face]), 1) else -1

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

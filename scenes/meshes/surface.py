"""A surface as points with normals and colours: what decides whether a turned mesh still looks the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
import trimesh
from jaxtyping import Bool, Float, Int
from scipy.ndimage import maximum_filter
from scipy.spatial import KDTree

from scenes.meshes.turns import UP, leading

POINTS = 40_000  # on the whole surface: twenty to forty of them lie within a tolerance of each other
ASKED = 1_500  # of those that are seen from outside, which are looked for after a turn
FIRST = 40, 200  # points after which what is plainly different is not looked at further
NEIGHBOURS = 3, 60  # among which one of the same side and colour is looked for: at first, and where there is none
TOLERANCE = 0.02  # of the diameter: what a point may move
LEAST = 0.0015  # metres that a point may move, however small the mesh
COLOUR = 0.1  # by which a channel may change
SAME_SIDE = 0.4  # cosine between normals: facets of a coarse round body are the same side, front and back are not
SHARE = 0.015  # of the points that may be nowhere
FAR, FAR_SHARE = 3.0, 0.002  # what sticks out by so many tolerances is seen, thin as it may be
CELLS = 64  # of the pictures, in points, that say what is seen from outside


@dataclass(frozen=True, eq=False)
class Surface:
    """Points drawn evenly over a surface, always the same ones. Lengths in metres, colours in [0, 1].

    centre: of its convex hull's volume, which every symmetry leaves in its place; asked: those that are looked for.
    """

    points: Float[np.ndarray, "point 3"]
    normals: Float[np.ndarray, "point 3"]
    colours: Float[np.ndarray, "point 3"]
    asked: Int[np.ndarray, " asked"]
    hull: trimesh.Trimesh

    @staticmethod
    def of(
        vertices: Float[np.ndarray, "vertex 3"],
        faces: Int[np.ndarray, "face 3"],
        colours: Float[np.ndarray, "vertex 3"] | None = None,
    ) -> Surface:
        """Of a mesh, closed or not; without colours the shape alone. ValueError for one without area."""
        solid = trimesh.Trimesh(np.asarray(vertices, float), np.asarray(faces), process=False)
        painted = np.zeros_like(solid.vertices) if colours is None else np.asarray(colours, float)
        rng = np.random.default_rng(0)
        face = _spread(solid.area_faces)
        corner = np.sqrt(rng.random(POINTS))[:, None], rng.random(POINTS)[:, None]
        weights = np.concatenate([1 - corner[0], corner[0] * (1 - corner[1]), corner[0] * corner[1]], 1)
        arrays = solid.vertices, painted
        points, shown = (np.einsum("pc,pcx->px", weights, array[solid.faces[face]]) for array in arrays)
        return Surface.at(points, np.asarray(solid.face_normals)[face], shown, solid.vertices)

    @staticmethod
    def at(
        points: Float[np.ndarray, "point 3"],
        normals: Float[np.ndarray, "point 3"],
        colours: Float[np.ndarray, "point 3"],
        corners: Float[np.ndarray, "corner 3"],
    ) -> Surface:
        """Of points that lie evenly on it already; corners: of the mesh, for its hull."""
        seen = np.flatnonzero(from_outside(points, normals))
        asked = np.random.default_rng(0).permutation(seen if len(seen) > ASKED else len(points))[:ASKED]
        return Surface(points, normals, colours, asked, hull_of(corners))

    def turned(self, turn: Float[np.ndarray, "3 3"]) -> Surface:
        """The same about the origin."""
        hull = trimesh.Trimesh(np.asarray(self.hull.vertices) @ turn.T, self.hull.faces, process=False)
        return replace(self, points=self.points @ turn.T, normals=self.normals @ turn.T, hull=hull)

    def moved(self, shift: Float[np.ndarray, "3"]) -> Surface:
        """The same elsewhere, metres."""
        hull = trimesh.Trimesh(np.asarray(self.hull.vertices) + shift, self.hull.faces, process=False)
        return replace(self, points=self.points + shift, hull=hull)

    def plain(self) -> Surface:
        """Its shape alone."""
        return replace(self, colours=np.zeros_like(self.colours))

    @cached_property
    def centre(self) -> Float[np.ndarray, "3"]:
        return np.asarray(self.hull.center_mass)

    @cached_property
    def middle(self) -> Float[np.ndarray, "3"]:
        """A point above which the middle of the footprint lies."""
        seen = shapely.MultiPoint(self.hull.vertices[:, :2]).convex_hull.centroid
        return np.array([seen.x, seen.y, 0.0])

    @cached_property
    def diameter(self) -> float:
        """Largest distance between two of its points."""
        corners = np.asarray(self.hull.vertices)
        return float(
            max(np.linalg.norm(corners - corner, axis=1).max() for corner in corners[:: len(corners) // 500 + 1])
        )

    @cached_property
    def tolerance(self) -> float:
        """Metres that a point may move before a picture tells."""
        return max(TOLERANCE * self.diameter, LEAST)

    @cached_property
    def tree(self) -> KDTree:
        return KDTree(self.points)

    def alike(self, turn: Float[np.ndarray, "3 3"], centre: Float[np.ndarray, "3"]) -> bool:
        """Whether the mesh turned about `centre` looks as it did: shape and colour, from all sides."""
        lost = np.zeros(0)
        for part, allowed in zip(np.split(self.asked, FIRST), (0.15, 5 * SHARE, SHARE), strict=True):
            lost = np.concatenate([lost, self._lost(part, turn, centre)])
            if lost.mean() > allowed:
                return False
        return True

    def _lost(self, asked: Int[np.ndarray, " asked"], turn: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Which of these points find no place of their side and colour near where a turn takes them; one that ends far
        from everything counts several times."""
        place, side = (self.points[asked] - centre) @ turn.T + centre, self.normals[asked] @ turn.T
        lost = np.arange(len(asked))
        for neighbours in NEIGHBOURS:
            distance, near = self.tree.query(place[lost], neighbours, distance_upper_bound=FAR * self.tolerance)
            known = np.minimum(near, len(self.points) - 1)
            same = np.einsum("pnx,px->pn", self.normals[known], side[lost]) > SAME_SIDE
            same &= np.abs(self.colours[known] - self.colours[asked[lost], None]).max(-1) < COLOUR
            missing = ~(same & (distance <= self.tolerance)).any(1)
            lost, alone = lost[missing], np.isinf(distance[missing, 0])
        counted = np.zeros(len(asked))
        counted[lost] = np.where(alone, SHARE / FAR_SHARE, 1.0)
        return counted

    def misfit(self, turn: Float[np.ndarray, "3 3"], centre: Float[np.ndarray, "3"]) -> float:
        """Metres by which the turned shape is beside itself, on average."""
        place = (self.points[self.asked] - centre) @ turn.T + centre
        return float(self.tree.query(place)[0].mean())

    def aligned(
        self, turn: Float[np.ndarray, "3 3"], centre: Float[np.ndarray, "3"], rounds: int = 6
    ) -> Float[np.ndarray, "3 3"] | None:
        """A turn near `turn` after which the shape covers itself best (iterated closest points about a fixed centre);
        None where it is far from doing so."""
        for asked in [self.asked[: FIRST[0]]] + [self.asked[: FIRST[1]]] * rounds:
            start = self.points[asked] - centre
            distance, near = self.tree.query(start @ turn.T + centre)
            if (distance > 2 * FAR * self.tolerance).mean() > 0.1:
                return None
            u, _, v = np.linalg.svd((self.points[near] - centre).T @ start)
            turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
        return turn


def _spread(areas: Float[np.ndarray, " face"]) -> Int[np.ndarray, " point"]:
    """Faces in proportion to their areas, evenly: as many points on equal places however they are cut up."""
    total = np.cumsum(areas)
    if not total[-1] > 0:
        raise ValueError("a surface without area")
    return np.searchsorted(total, (np.arange(POINTS) + 0.5) / POINTS * total[-1])


def from_outside(
    points: Float[np.ndarray, "point 3"], normals: Float[np.ndarray, "point 3"]
) -> Bool[np.ndarray, " point"]:
    """Which points are seen, from their front, by somebody far away in one of 26 directions: those not far below the
    highest point in their cell of a grid or in one beside it, which may be the wall that this cell's points leave
    open."""
    grid = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), -1).reshape(-1, 3)
    directions = np.delete(grid, len(grid) // 2, axis=0)
    cell, seen = np.linalg.norm(np.ptp(points, axis=0)) / CELLS, np.zeros(len(points), bool)
    for direction in directions / np.linalg.norm(directions, axis=1, keepdims=True):
        across = points @ leading(direction, UP).T
        column, row = np.floor((across[:, :2] - across[:, :2].min(0)) / cell).astype(int).T
        highest = np.full((CELLS + 1, CELLS + 1), -np.inf)
        np.maximum.at(highest, (row, column), across[:, 2])
        around = maximum_filter(highest, 3, mode="nearest")[row, column]
        seen |= (across[:, 2] > around - 2.5 * cell) & (normals @ direction > 0.1)
    return seen


def hull_of(points: Float[np.ndarray, "point 3"]) -> trimesh.Trimesh:
    """The convex hull; of a flat or thin thing as thick as a thousandth of its diameter."""
    points = np.asarray(points, float)
    middle, thin = points.mean(0), 1e-3 * np.linalg.norm(np.ptp(points, axis=0))
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][2]
    if np.ptp((points - middle) @ normal) < thin:
        points = np.concatenate([points + thin / 2 * normal, points - thin / 2 * normal])
    return trimesh.Trimesh(points, process=False).convex_hull

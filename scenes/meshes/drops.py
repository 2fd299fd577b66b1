"""How a convex body ends that is dropped onto a table: quasi-static, without bouncing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int

FLAT = np.radians(0.5)  # between triangles that are one side


def drops(
    hull: trimesh.Trimesh, mass: Float[np.ndarray, "3"], knock: float = 0.0
) -> tuple[Float[np.ndarray, "pose 3"], Float[np.ndarray, " pose"], Int[np.ndarray, " pose"]]:
    """Directions of gravity, in the body's axes, in which it comes to rest, the probability of each, and a number that
    poses share between which it rolls when its centre of mass is lifted by less than `knock` (metres).

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
    edges = _Edges.of(hull, mass, side, normals, heights)
    towards = edges.rolling(len(normals))
    for each in np.argsort(-heights):  # it rolls downwards only
        if towards[each] >= 0:
            weights[towards[each]] += weights[each]
            weights[each] = 0.0
    ends = np.flatnonzero(weights > 0)
    return normals[ends], weights[ends] / weights[ends].sum(), edges.basins(heights, knock)[ends]


def _sides(hull: trimesh.Trimesh) -> Int[np.ndarray, " face"]:
    """Which flat side each triangle belongs to."""
    flat = hull.face_adjacency[hull.face_adjacency_angles < FLAT]
    return trimesh.graph.connected_component_labels(flat, node_count=len(hull.faces))


@dataclass(frozen=True, eq=False)
class _Edges:
    """Edges between two sides. sides [E, 2]; beyond [E, 2]: metres by which the centre of mass lies beyond the edge as
    the body stands on the one and on the other; crest [E]: its greatest height on the way between them."""

    sides: Int[np.ndarray, "edge 2"]
    beyond: Float[np.ndarray, "edge 2"]
    crest: Float[np.ndarray, " edge"]
    falls: Bool[np.ndarray, "edge 2"]

    @staticmethod
    def of(
        hull: trimesh.Trimesh, mass: np.ndarray, side: np.ndarray, normals: np.ndarray, heights: np.ndarray
    ) -> _Edges:
        between = np.diff(side[hull.face_adjacency], axis=1)[:, 0] != 0
        pairs, triangles = side[hull.face_adjacency[between]], hull.face_adjacency[between]
        start, end = np.asarray(hull.vertices)[hull.face_adjacency_edges[between]].swapaxes(0, 1)
        along = end - start
        inwards = np.cross(np.asarray(hull.face_normals)[triangles[:, 0]], along)
        ahead = np.einsum("ex,ex->e", inwards, hull.triangles_center[triangles[:, 0]] - start) > 0
        along = np.where(ahead, 1.0, -1.0)[:, None] * along / np.linalg.norm(along, axis=1, keepdims=True)
        outwards = np.stack([np.cross(along, normals[pairs[:, 0]]), np.cross(-along, normals[pairs[:, 1]])], 1)
        beyond = np.einsum("ex,esx->es", mass - start, outwards)
        share = np.clip(np.einsum("ex,ex->e", mass - start, end - start) / np.square(end - start).sum(1), 0, 1)
        distance = np.linalg.norm(mass - start - share[:, None] * (end - start), axis=1)
        higher = heights[pairs].max(1)
        falls = (beyond > 1e-6 * hull.scale) & (heights[pairs[:, ::-1]] < heights[pairs])
        return _Edges(pairs, beyond, np.where(falls.any(1), higher, np.maximum(distance, higher)), falls)

    def rolling(self, count: int) -> Int[np.ndarray, " side"]:
        """The side onto which the body rolls from each, over the edge that its centre of mass is farthest beyond; -1
        where it stays."""
        towards, most = np.full(count, -1), np.zeros(count)
        for edge, which in np.argwhere(self.falls):
            own, other = self.sides[edge, which], self.sides[edge, 1 - which]
            if self.beyond[edge, which] > most[own]:
                towards[own], most[own] = other, self.beyond[edge, which]
        return towards

    def basins(self, heights: Float[np.ndarray, " side"], knock: float) -> Int[np.ndarray, " side"]:
        """For each side the lowest one that the body reaches from it by rolling, over crests less than `knock` above
        the lowest side on their higher end: two basins become one over the lowest crest between them, or stay two."""
        lowest = list(range(len(heights)))

        def find(each: int) -> int:
            while lowest[each] != each:
                each = lowest[each]
            return each

        for edge in np.argsort(self.crest):
            low, high = sorted(
                (find(each) for each in self.sides[edge].tolist()), key=lambda each: (heights[each], each)
            )
            if low != high and self.crest[edge] - heights[high] <= knock:
                lowest[high] = low
        return np.array([find(each) for each in range(len(heights))])


def solid_angles(triangles: Float[np.ndarray, "face 3 3"]) -> Float[np.ndarray, " face"]:
    """Of triangles seen from the origin, in steradians (Van Oosterom and Strackee, 1983)."""
    a, b, c = triangles.swapaxes(0, 1)
    lengths = np.linalg.norm(triangles, axis=2)
    volume = np.einsum("fx,fx->f", a, np.cross(b, c))
    rest = lengths.prod(1)
    for pair, other in (((a, b), 2), ((b, c), 0), ((c, a), 1)):
        rest += np.einsum("fx,fx->f", *pair) * lengths[:, other]
    return 2 * np.abs(np.arctan2(np.abs(volume), rest))

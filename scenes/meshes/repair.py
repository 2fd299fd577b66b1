"""The surface of a mesh put right: one piece, welded, without what has no area or is there twice, wound one way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order

from scenes.meshes.files import Unusable
from scenes.meshes.load import Part
from scenes.meshes.visible import Seen, seen

WELD = 1e-5
"""Points nearer to each other than this share of the longest side are one."""

SLIVER = 1e-12
"""A triangle of a smaller area, as a share of the longest side squared, has none."""


def welded(parts: Sequence[Part]) -> tuple[trimesh.Trimesh, np.ndarray, list[str]]:
    """All parts as one surface, the number [F] that each of its faces has among theirs, and what was mended."""
    first = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    vertices = np.concatenate([part.vertices for part in parts])
    faces = np.concatenate([part.faces + start for part, start in zip(parts, first, strict=True)])
    used = vertices[np.unique(faces)]
    longest = np.ptp(used, axis=0).max()
    if not longest > 0:
        raise Unusable("has no extent: all its points are one")
    cells = np.round((vertices - used.min(0)) / (WELD * longest)).astype(np.int64)
    _, kept, vertex = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    vertices, faces = vertices[kept], vertex.reshape(-1)[faces]
    corners = vertices[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    distinct = (faces != np.roll(faces, 1, axis=1)).all(1)
    sound = np.flatnonzero(distinct & (areas > SLIVER * longest**2))
    _, single = np.unique(np.sort(faces[sound], axis=1), axis=0, return_index=True)
    numbers = sound[np.sort(single)]
    if not len(numbers):
        raise Unusable("has no triangle with an area")
    solid = trimesh.Trimesh(vertices, faces[numbers], process=False)
    solid.remove_unreferenced_vertices()
    said = {"without area": len(faces) - len(sound), "twice": len(sound) - len(numbers)}
    return solid, numbers, [f"{count:,} faces {what} left out" for what, count in said.items() if count]


def wound(solid: trimesh.Trimesh) -> tuple[trimesh.Trimesh, Seen, list[str]]:
    """The surface with every face looking outwards: neighbours wound alike; closed pieces by their volume, open ones
    towards the side from which more of them is seen. With it what of it is seen, and what was mended."""
    before = np.array(solid.faces)
    if not solid.is_winding_consistent:
        solid = trimesh.Trimesh(solid.vertices, alike(solid), process=False)
    closed, piece = pieces(solid)
    turned = np.zeros(len(closed), bool)
    volumes = np.bincount(piece, np.linalg.det(solid.triangles - solid.bounds.mean(0)) / 6, len(closed))
    turned[closed] = volumes[closed] < 0
    looked = seen(solid)
    fronts, backs = (np.bincount(piece, share * solid.area_faces, len(closed)) for share in (looked.front, looked.back))
    turned[~closed] = backs[~closed] > fronts[~closed]
    flip = turned[piece]
    faces = np.where(flip[:, None], solid.faces[:, ::-1], solid.faces)
    front, back = (np.where(flip, *sides) for sides in ((looked.back, looked.front), (looked.front, looked.back)))
    changed = int((signs(before) != signs(faces)).sum())
    solid = trimesh.Trimesh(solid.vertices, faces, process=False)
    return solid, Seen(front, back), [f"{changed:,} faces turned round"] if changed else []


def alike(solid: trimesh.Trimesh) -> np.ndarray:
    """The faces [F, 3], those of a connected piece wound like the first of it. What trimesh's `fix_winding` does, a
    hundred times as fast."""
    pairs, ends = np.asarray(solid.face_adjacency), np.asarray(solid.face_adjacency_edges)
    faces, count = np.array(solid.faces), len(solid.faces)
    forwards = [(faces[side] == ends[:, :1]).argmax(1) for side in pairs.T]  # where the edge begins in each face
    runs = [faces[side, (start + 1) % 3] == ends[:, 1] for side, start in zip(pairs.T, forwards, strict=True)]
    unlike = runs[0] == runs[1]  # neighbours that are wound alike run along their edge in opposite directions
    graph = coo_matrix((1 + unlike, pairs.T), (count, count)).tocsr()
    graph = graph.maximum(graph.T)
    turned, done = np.zeros(count, bool), np.zeros(count, bool)
    for face in np.unique(pairs):  # what has no neighbour is wound as it is
        if not done[face]:
            order, before = breadth_first_order(graph, face, directed=False)
            done[order] = True
            steps = np.asarray(graph[order[1:], before[order[1:]]]).reshape(-1) == 2  # pyright: ignore[reportIndexIssue]
            for each, other, step in zip(order[1:], before[order[1:]], steps, strict=True):
                turned[each] = turned[other] ^ step
    faces[turned] = faces[turned][:, ::-1]
    return faces


def signs(faces: np.ndarray) -> np.ndarray:
    """Which way round each face is wound: whether its corners, from the smallest number on, rise."""
    start = faces.argmin(1)
    rows = np.arange(len(faces))
    return faces[rows, (start + 1) % 3] < faces[rows, (start + 2) % 3]


def pieces(solid: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Whether each connected piece is closed, [P], and the piece of each face, [F]."""
    edges = np.sort(solid.edges, axis=1)
    _, number, uses = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    faces = np.repeat(np.arange(len(solid.faces)), 3)
    order = np.argsort(number, kind="stable")
    same = number[order][1:] == number[order][:-1]
    links = np.stack([faces[order][1:][same], faces[order][:-1][same]], 1)
    labels = trimesh.graph.connected_component_labels(links, node_count=len(solid.faces))
    piece = np.unique(labels, return_inverse=True)[1].reshape(-1)
    open_edge = uses[number].reshape(-1, 3) % 2 == 1
    return np.bincount(piece, open_edge.any(1)) == 0, piece

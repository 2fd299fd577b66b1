"""A mesh as the renderers want it: per-vertex normals and colours, vertices split wherever either of them jumps.

It stands as it is painted. A mesh that can rest on several faces is several of them, one for each face, under one name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import shapely
import trimesh

CREASE = 35.0  # degrees between two faces above which the edge between them is sharp
ROUNDING = 1e-6  # metres by which a middle may be off


@dataclass(frozen=True, eq=False)
class Mesh:
    """One entry of a catalogue: a mesh that stands on one of its faces. Lengths in metres; the origin is the base point
    (see `base_point`), and it rests on z = 0.

    vertices [V, 3], normals [V, 3] (unit, outward), colours [V, 3] in [0, 1];
    faces [F, 3] int32, counter-clockwise seen from outside;
    symmetry: n for n-fold rotational symmetry about +Z of what is seen as it stands, 1 for none, 0 for a body of
    revolution;
    face: which of its mesh's resting faces it stands on, 0 the upright or likeliest one;
    weight: probability of this face among the entries of its mesh, which sum to 1;
    placement [4, 4]: takes column vectors of the file that the mesh came from, in metres, to where they stand here;
    group [S, 4, 4]: the rigid motions, in that file's frame, that change nothing of what is seen; continuous ones in
    small steps.
    """

    name: str
    vertices: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray
    symmetry: int
    face: int = 0
    weight: float = 1.0
    placement: np.ndarray = field(default_factory=lambda: np.eye(4))
    group: np.ndarray = field(default_factory=lambda: np.eye(4)[None])

    def in_file(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (metres) and normals [V, 3] float32 in the frame of the mesh's file, the same for all its faces."""
        if np.array_equal(self.placement, np.eye(4)):
            return self.vertices, self.normals
        turn, shift = self.placement[:3, :3], self.placement[:3, 3]
        return ((self.vertices - shift) @ turn).astype(np.float32), (self.normals @ turn).astype(np.float32)

    @cached_property
    def footprint(self) -> shapely.Polygon:
        """Convex hull of the mesh seen from above, at yaw 0."""
        return shapely.MultiPoint(self.vertices[:, :2].astype(float)).convex_hull  # pyright: ignore[reportReturnType]

    @cached_property
    def outline(self) -> np.ndarray:
        """Corners of the footprint, [P, 2]."""
        return np.asarray(self.footprint.exterior.coords)[:-1]

    @cached_property
    def inner_radius(self) -> float:
        """Radius of the circle about the base point that the footprint covers at any yaw; 0 if it stands beside it."""
        origin = shapely.Point(0, 0)
        return float(self.footprint.exterior.distance(origin)) if self.footprint.covers(origin) else 0.0

    @cached_property
    def radius(self) -> float:
        """Radius of the circle about the base point that holds the footprint at any yaw."""
        return float(np.linalg.norm(self.outline, axis=1).max())

    @cached_property
    def hull(self) -> np.ndarray:
        """Corners of the convex hull in 3D, [H, 3]: all that a silhouette's convex hull needs."""
        return np.asarray(trimesh.Trimesh(self.vertices, self.faces).convex_hull.vertices, float)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that makes it this object and no other: its name, surface, colours, symmetry, how its file is
        put down, face and weight.

        Lengths are taken to the micrometre, because sines differ in their last digits from one machine to another.
        """
        digest = hashlib.sha256(f"{self.name}, symmetry {self.symmetry}".encode())
        arrays = [self.vertices, self.faces, self.colours, self.placement[None, :3, :3]]
        about = np.array([*self.placement[:3, 3], self.face, self.weight])
        if not np.array_equal(about, [0, 0, 0, 0, 1]):  # meshes of one face were hashed without
            arrays.append(about)
        for array in arrays:
            digest.update(str(array.shape).encode())
            digest.update(np.round(1e6 * np.asarray(array, float)).astype("<i8").tobytes())
        return digest.hexdigest()

    def solid(self) -> trimesh.Trimesh:
        """The mesh with its split vertices merged again, for volumes, contact and inside tests."""
        mesh = trimesh.Trimesh(self.vertices, self.faces, process=False)
        mesh.merge_vertices(merge_tex=True, merge_norm=True)
        return mesh


def build(name: str, solid: trimesh.Trimesh, paint: Callable[[np.ndarray], np.ndarray], symmetry: int) -> Mesh:
    """Make a `Mesh` of a closed surface whose origin is anywhere.

    `paint` gives the colour of each face from its centre: [F, 3] metres -> [F, 3] in [0, 1], x and y as they are in
    `solid`, z above the table.
    """
    solid = solid.copy()
    solid.apply_translation([0, 0, -solid.bounds[0, 2]])
    if solid.volume < 0:
        solid.invert()
    face_colours = np.broadcast_to(paint(solid.triangles_center), (len(solid.faces), 3))
    solid.apply_translation([*-base_point(solid, symmetry), 0])
    first, second = solid.face_adjacency.T
    corner_vertex = split(solid, smooth(solid) & (face_colours[first] == face_colours[second]).all(1))
    count = corner_vertex.max() + 1
    vertices, colours, normals = np.empty((count, 3)), np.empty((count, 3)), np.zeros((count, 3))
    vertices[corner_vertex] = solid.vertices[solid.faces.reshape(-1)]
    colours[corner_vertex] = np.repeat(face_colours, 3, axis=0)
    area_normals = np.asarray(solid.face_normals) * np.asarray(solid.area_faces)[:, None]
    np.add.at(normals, corner_vertex, np.repeat(area_normals, 3, axis=0))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    faces = corner_vertex.reshape(-1, 3).astype(np.int32)
    vertices, normals, colours = (array.astype(np.float32) for array in (vertices, normals, colours))
    return Mesh(name, vertices, normals, colours, faces, symmetry)


def base_point(solid: trimesh.Trimesh, symmetry: int) -> np.ndarray:
    """Where a mesh is put down and about which it is turned, [2]: the middle (centroid) of its footprint.

    An origin that the footprint covers is the maker's choice and stays, as the axis of a mug whose handle sticks out;
    but what claims a symmetry has it about its middle.
    """
    footprint = shapely.MultiPoint(np.asarray(solid.vertices)[:, :2]).convex_hull
    middle = np.asarray(footprint.centroid.coords[0])
    chosen = np.hypot(*middle) < ROUNDING if symmetry != 1 else footprint.covers(shapely.Point(0, 0))
    return np.zeros(2) if chosen else middle


def smooth(solid: trimesh.Trimesh) -> np.ndarray:
    """Whether each pair of `solid.face_adjacency` meets at an edge that is not sharp, [A]."""
    return np.degrees(solid.face_adjacency_angles) < CREASE


def split(solid: trimesh.Trimesh, joined: np.ndarray) -> np.ndarray:
    """Number the vertices so that corners share one only across `joined` edges, [3 F]; joined [A]: of the pairs in
    `solid.face_adjacency`.

    A node is a corner of a face; every joined edge joins the corners of its two faces at both of its ends.
    """
    first, second = solid.face_adjacency.T
    links = []
    for end in solid.face_adjacency_edges.T:
        pair = [3 * face + (solid.faces[face] == end[:, None]).argmax(1) for face in (first, second)]
        links.append(np.stack(pair, 1)[joined])
    labels = trimesh.graph.connected_component_labels(np.concatenate(links), node_count=3 * len(solid.faces))
    return np.unique(labels, return_inverse=True)[1].reshape(-1)

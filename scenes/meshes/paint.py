"""Materials and textures as coloured points on the surface, and from them the colours of any triangles near it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from scenes.meshes.load import Part
from scenes.meshes.visible import at, scattered

POINTS = 60_000
APART = 0.15
"""Points of opposite normals are as far apart as this share of the mesh's size: inside and outside of a thin wall."""

PROBES = 6
"""A triangle is looked for at 1 + 2 + ... + PROBES points on it."""


@dataclass(frozen=True)
class Points:
    """Points spread evenly over a painted surface. colours 0..1; back: whether the face is also seen from behind."""

    places: Float[np.ndarray, "point 3"]
    normals: Float[np.ndarray, "point 3"]
    colours: Float[np.ndarray, "point 3"]
    back: Bool[np.ndarray, "point"]


def painted(solid: trimesh.Trimesh, numbers: np.ndarray, parts: Sequence[Part], back: np.ndarray) -> Points:
    """Points on a surface, in the colours of the parts that it was made of; numbers [F]: of its faces among theirs;
    back [F]: whether they are seen from behind. Textures are averaged over what lies nearer to a point than others."""
    places, face, spacing = scattered(solid, POINTS)
    corners = nearest_corners(solid, numbers, parts)
    share = barycentric(corners[face], places)
    colours = np.empty((len(places), 3))
    first = 0
    for part in parts:
        own = (numbers[face] >= first) & (numbers[face] < first + len(part.faces))
        row = numbers[face][own] - first
        colours[own] = at(part.colours[row], share[own])
        if part.texture is not None and part.uv is not None and own.any():
            colours[own] *= texels(part, row, share[own], corners[face][own], spacing)
        first += len(part.faces)
    return Points(places, np.asarray(solid.face_normals)[face], colours.clip(0, 1), back[face])


def nearest_corners(solid: trimesh.Trimesh, numbers: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
    """The corners [F, 3, 3] of each face in the order of its part's, which repairs may have turned round."""
    own = np.concatenate([part.vertices[part.faces] for part in parts])[numbers]
    corners = np.asarray(solid.triangles)
    distances = np.linalg.norm(own[:, :, None] - corners[:, None], axis=-1)
    return np.take_along_axis(corners, distances.argmin(2)[..., None], 1)


def barycentric(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Shares [P, 2] of the second and third corner at points of triangles, [P, 3, 3] and [P, 3]."""
    first, second, point = (each - corners[:, 0] for each in (corners[:, 1], corners[:, 2], places))
    aa, ab, bb = (np.einsum("pd,pd->p", *pair) for pair in ((first, first), (first, second), (second, second)))
    pa, pb = np.einsum("pd,pd->p", point, first), np.einsum("pd,pd->p", point, second)
    area = np.maximum(aa * bb - ab**2, 1e-300)
    return np.stack([(bb * pa - ab * pb) / area, (aa * pb - ab * pa) / area], 1).clip(0, 1)


def texels(part: Part, row: np.ndarray, share: np.ndarray, corners: np.ndarray, spacing: float) -> np.ndarray:
    """Colours [P, 3] of a part's texture at points `spacing` apart, from a picture of texels as large as that."""
    assert part.texture is not None and part.uv is not None
    size = np.array(part.texture.shape[1::-1])
    flat = part.uv[row]
    edges = (flat[:, 1:] - flat[:, :1]) * size
    texel_area = np.abs(np.linalg.det(edges))
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    wide = spacing * np.sqrt(texel_area / np.maximum(area, 1e-300))
    pictures = pyramid(part.texture)
    level = np.log2(np.maximum(wide, 1)).round().astype(int).clip(max=len(pictures) - 1)
    where = at(flat, share) % 1.0
    colours = np.empty((len(row), 3))
    for number, picture in enumerate(pictures):
        own = level == number
        height, width = picture.shape[:2]
        columns = (where[own, 0] * width).astype(int).clip(max=width - 1)
        rows = ((1 - where[own, 1]) * height).astype(int).clip(max=height - 1)
        colours[own] = picture[rows, columns] / 255
    return colours


def pyramid(texture: np.ndarray) -> list[np.ndarray]:
    """The texture, and it averaged over 2 x 2, 4 x 4, ... texels."""
    pictures: list[np.ndarray] = [texture.astype(np.float32)]
    while min(pictures[-1].shape[:2]) > 1:
        last = pictures[-1]
        last = last[: last.shape[0] // 2 * 2, : last.shape[1] // 2 * 2]
        pictures.append((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]) / 4)
    return pictures


def owners(points: Points, solid: trimesh.Trimesh) -> Int[np.ndarray, "point"]:
    """The face of another, coarser surface that each point belongs to: the nearest that looks the same way."""
    reach = APART * float(np.linalg.norm(solid.extents)) / 2
    steps = np.arange(PROBES)
    first, second = (each.reshape(-1) for each in np.meshgrid(steps, steps))
    inside = first + second < PROBES
    shares = (np.stack([first, second], 1)[inside] + 1 / 3) / PROBES
    triangles = np.repeat(np.asarray(solid.triangles), len(shares), axis=0)
    probes = at(triangles, np.tile(shares, (len(solid.faces), 1)))
    normals = np.repeat(np.asarray(solid.face_normals), len(shares), axis=0)
    tree = KDTree(np.concatenate([probes, reach * normals], 1))
    return np.asarray(tree.query(np.concatenate([points.places, reach * points.normals], 1))[1]) // len(shares)


def nearest_points(points: Points, solid: trimesh.Trimesh, faces: np.ndarray) -> np.ndarray:
    """The point nearest to the middle of each of these faces, of those that look the same way."""
    reach = APART * float(np.linalg.norm(solid.extents)) / 2
    tree = KDTree(np.concatenate([points.places, reach * points.normals], 1))
    middles, normals = np.asarray(solid.triangles_center)[faces], np.asarray(solid.face_normals)[faces]
    return np.asarray(tree.query(np.concatenate([middles, reach * normals], 1))[1])


def faces_of(solid: trimesh.Trimesh, points: Points, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean colour of each face's points, and whether most of them are seen from behind."""
    count = np.bincount(own, minlength=len(solid.faces))
    shares = np.column_stack([points.colours, points.back])
    means = np.stack([np.bincount(own, column, len(solid.faces)) for column in shares.T], 1)
    means /= np.maximum(count, 1)[:, None]
    if len(empty := np.flatnonzero(count == 0)):
        means[empty] = shares[nearest_points(points, solid, empty)]
    return means[:, :3], means[:, 3] > 0.5

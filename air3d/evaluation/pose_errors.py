"""How far an estimated pose is from the true one, by the measures that the field compares methods by.

MSSD and MSPD (Hodan et al. 2020, arXiv 2009.07378): the largest distance that a point of the mesh has from where it
should be, in space and in the picture, under whichever motion of the mesh's symmetry group makes it least. ADD and
ADD-S (Hinterstoisser et al. 2012): the mean distance of its points from where they should be, or from the nearest point
of the true one.

Poses are matrices [pair, 4, 4] that take column vectors of the mesh's file (metres) to the camera in OpenCV's axes; an
object's size is a factor on the upper left part. A pose that is no number has an error that is no number or infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from air3d.evaluation.object_models import ObjectModel

Poses = Float[np.ndarray, "pair 4 4"]
Errors = Float[np.ndarray, " pair"]

FEW, CHUNK = 8, 16
"""Points that bound a largest distance, and motions that are looked at together."""


def mssd(estimated: Poses, true: Poses, model: ObjectModel) -> Errors:
    """Maximum symmetry-aware surface distance, metres. Distances between two poses are convex in the point, so the
    largest is at a corner of the hull."""
    return np.array([least_largest(partial(moved, own), partial(moved, other), model)
                     for own, other in zip(estimated, true, strict=True)], float)  # fmt: skip


def mspd(estimated: Poses, true: Poses, intrinsics: Float[np.ndarray, "pair 4"], model: ObjectModel) -> Errors:
    """Maximum symmetry-aware projection distance, pixels, over the corners of the hull; infinite where one of them is
    behind the camera. `intrinsics`: fx, fy, cx, cy of each picture."""
    return np.array([least_largest(partial(projected, own, lens), partial(projected, other, lens), model)
                     for own, other, lens in zip(estimated, true, intrinsics, strict=True)], float)  # fmt: skip


Place = Callable[[np.ndarray], np.ndarray]
"""From points of the mesh to where they are in space or in the picture."""


def least_largest(estimated: Place, true: Place, model: ObjectModel) -> float:
    """The least, over motions of the group, of the largest distance of a corner from its own; infinite where none is a
    number.

    A few of the corners bound it from below, so most motions need no look at the others.
    """
    few = model.hull[np.linspace(0, len(model.hull) - 1, min(len(model.hull), FEW)).round().astype(int)]
    bounds = largest(estimated(few), true(transformed(model.group, few)))
    own, rising, best = estimated(model.hull), np.argsort(bounds), np.inf
    for start in range(0, len(rising), CHUNK):
        rows = rising[start : start + CHUNK]
        if not bounds[rows[0]] < best:
            break
        best = min(best, largest(own, true(transformed(model.group[rows], model.hull))).min())
    return float(best)


def largest(
    points: Float[np.ndarray, "point axis"], alternatives: Float[np.ndarray, "motion point axis"]
) -> Float[np.ndarray, " motion"]:
    """Distance between a point and its own, under every motion."""
    away = points - alternatives
    return np.nan_to_num(np.sqrt(np.einsum("spi,spi->sp", away, away).max(1)), nan=np.inf)


def add(estimated: Poses, true: Poses, model: ObjectModel) -> Errors:
    """Mean distance of the points from where they should be, metres."""
    return np.linalg.norm(transformed(estimated - true, model.points), axis=-1).mean(-1)


def add_s(estimated: Poses, true: Poses, model: ObjectModel) -> Errors:
    """Mean distance of the true pose's points to the nearest of the estimated one's, metres; infinite where the origins
    are more than a diameter apart, which is wrong anyway."""
    errors = np.full(len(true), np.inf)
    near = np.linalg.norm(estimated[:, :3, 3] - true[:, :3, 3], axis=1) < model.diameter
    for pair in np.flatnonzero(near & np.isfinite(estimated).all((1, 2))):
        tree = KDTree(moved(estimated[pair], model.points))
        errors[pair] = tree.query(moved(true[pair], model.points))[0].mean()
    return errors


def moved(pose: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "*some 3"]) -> Float[np.ndarray, "*some 3"]:
    return points @ pose[:3, :3].T + pose[:3, 3]


def transformed(
    motions: Float[np.ndarray, "motion 4 4"], points: Float[np.ndarray, "point 3"]
) -> Float[np.ndarray, "motion point 3"]:
    """All points under every motion."""
    return points @ motions[:, :3, :3].swapaxes(1, 2) + motions[:, None, :3, 3]


def projected(
    pose: Float[np.ndarray, "4 4"], intrinsics: Float[np.ndarray, "4"], points: Float[np.ndarray, "*some 3"]
) -> Float[np.ndarray, "*some 2"]:
    """Column and row; not a number behind the camera."""
    seen = moved(pose, points)
    depth = np.where(seen[..., 2:] > 0, seen[..., 2:], np.nan)
    return seen[..., :2] / depth * intrinsics[:2] + intrinsics[2:]

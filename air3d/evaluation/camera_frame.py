"""Poses compared in the axes of the camera, as full rotation matrices: what a robot that holds the camera would see.

The predicted object is seen through the camera that the network believes in (which it was told, or inferred), the true
one through the camera that took the picture. Where the two are one, errors of place are those on the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from air3d.evaluation.matching import match
from air3d.evaluation.metrics import over
from renderers.convert import to_numpy
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.poses import camera_poses
from scenes.view import View


def camera_scores(
    predicted: Objects, truth: Objects, believed: View, taken: View, catalogue: Catalogue
) -> dict[str, Any]:
    """`camera_position_error_median_m` over all pairs and `camera_rotation_error_median_deg` over detected objects of
    the right identity that have a rotation (bodies of revolution would only dilute it). `believed` is the view that
    the network saw it under, `taken` the one of the picture."""
    pairs = match(predicted, truth)
    rotation, place = camera_poses(to_numpy(predicted), catalogue, to_numpy(believed))
    true_rotation, true_place = camera_poses(to_numpy(truth), catalogue, to_numpy(taken))
    guessed, given = (pairs.scene, pairs.predicted_slot), (pairs.scene, pairs.true_slot)
    distance = np.linalg.norm(place[guessed] - true_place[given], axis=-1)
    fold = np.array(catalogue.symmetries)[pairs.true["identity"]]
    judged = pairs.judged & (fold > 0)
    turns = rotation_errors(rotation[guessed][judged], true_rotation[given][judged], fold[judged].tolist())
    return {
        "camera_position_error_median_m": over(np.median, distance),
        "camera_rotation_error_median_deg": over(np.median, turns),
    }


def rotation_errors(
    predicted: Float[np.ndarray, "pair 3 3"], true: Float[np.ndarray, "pair 3 3"], symmetry: Sequence[int]
) -> Float[np.ndarray, " pair"]:
    """Degrees of the smallest turn from one rotation matrix to the other, of all that an n-fold symmetric mesh does not
    show; between the axes alone for a body of revolution (symmetry 0)."""
    return np.array([rotation_error(*pair) for pair in zip(predicted, true, symmetry, strict=True)], float)


def rotation_error(predicted: Float[np.ndarray, "3 3"], true: Float[np.ndarray, "3 3"], fold: int) -> float:
    """Of one pair, degrees. Columns of a matrix are the mesh's own axes, so a turn about its +Z is the last factor."""
    if fold == 0:
        return angle_of(float(predicted[:, 2] @ true[:, 2]))
    yaw = 2 * np.pi * np.arange(fold) / fold
    cos, sin = np.cos(yaw), np.sin(yaw)
    relative = predicted.T @ true
    # trace(Rz(yaw) @ relative) for every turn that does not show
    traces = cos * (relative[0, 0] + relative[1, 1]) + sin * (relative[0, 1] - relative[1, 0]) + relative[2, 2]
    return angle_of(float((traces.max() - 1) / 2))


def angle_of(cosine: float) -> float:
    """Degrees."""
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

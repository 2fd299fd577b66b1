"""How far the world that is believed of a picture is from the one that it was taken in: its camera, its light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from air3d.evaluation.camera_frame import angle_of
from air3d.evaluation.metrics import over
from renderers.convert import to_numpy
from scenes.view import View


def world_scores(believed: View, taken: View, parts: Sequence[str]) -> dict[str, float | None]:
    """Medians over pictures, for those of the `parts` that are not known.

    camera_turn_error_median_deg, camera_shift_error_median_m: of the camera. camera_tilt_error_median_deg and
    camera_height_error_median_m: the part of both that shows in pictures of an endless table, which are the same
    wherever the camera stands on it and whichever way it looks. light_error_median_deg: of the direction towards it.
    """
    own, true, scores = to_numpy(believed), to_numpy(taken), {}
    if "camera" in parts:
        moved = places(own) - places(true)
        turned = own.camera_rotation.swapaxes(1, 2) @ true.camera_rotation
        scores["camera_turn_error_median_deg"] = median((np.trace(turned, axis1=1, axis2=2) - 1) / 2)
        scores["camera_tilt_error_median_deg"] = median(cosines(own.camera_rotation[:, 2], true.camera_rotation[:, 2]))
        scores["camera_shift_error_median_m"] = over(np.median, np.linalg.norm(moved, axis=1))
        scores["camera_height_error_median_m"] = over(np.median, np.abs(moved[:, 2]))
    if "light" in parts:
        scores["light_error_median_deg"] = median(cosines(own.light, true.light))
    return scores


def places(view: View) -> Float[np.ndarray, "picture 3"]:
    """Where cameras stand, metres."""
    return -(view.camera_rotation @ view.camera_translation[..., None])[..., 0]


def cosines(
    first: Float[np.ndarray, "picture 3"], second: Float[np.ndarray, "picture 3"]
) -> Float[np.ndarray, " picture"]:
    """Of the angles between unit vectors."""
    return (np.asarray(first, float) * second).sum(1)


def median(cosine: Float[np.ndarray, " picture"]) -> float | None:
    """Of the angles, degrees."""
    return over(np.median, np.array([angle_of(float(each)) for each in cosine]))

"""Errors of what is believed of cameras and lights: literal ones, and that what does not show is told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from air3d.evaluation.world_errors import world_scores
from scenes.scene import Scene, SceneConfig
from scenes.view import View
from scenes.worlds import rotation

TRUE = Scene(SceneConfig()).configured
SHOWN = ("camera_tilt_error_median_deg", "camera_height_error_median_m")
WHOLE = ("camera_turn_error_median_deg", "camera_shift_error_median_m")


def seen_from(turn: np.ndarray, shift: tuple[float, float, float]) -> View:
    """The camera turned by a matrix of world axes, and shifted."""
    camera = TRUE.camera(0)
    axes, place = turn @ camera.rotation, camera.position + shift
    return replace(TRUE, camera_rotation=axes[None], camera_translation=(-place @ axes)[None])


@pytest.mark.parametrize(
    "axis, shift, shown, whole",
    [
        ((0.0, 0.0, 1.0), (0.03, 0.04, 0.0), (0.0, 0.0), (2.0, 0.05)),  # heading and place: none of it shows
        ((1.0, 0.0, 0.0), (0.0, 0.0, -0.02), (2.0, 0.02), (2.0, 0.02)),  # tilt and height: all of it does
    ],
)
def test_of_a_camera(axis: tuple, shift: tuple, shown: tuple[float, float], whole: tuple[float, float]) -> None:
    scores = world_scores(seen_from(rotation(np.array(axis), np.radians(2.0)), shift), TRUE, ["camera"])
    assert [scores[name] for name in SHOWN] == pytest.approx(shown, abs=1e-5)
    assert [scores[name] for name in WHOLE] == pytest.approx(whole, abs=1e-5)
    assert set(scores) == {*SHOWN, *WHOLE}


def test_of_a_light() -> None:
    light = (rotation(np.array([0.0, 0.0, 1.0]), np.pi / 2) @ [0.6, 0.0, 0.8])[None]
    scores = world_scores(
        replace(TRUE, light=light), replace(TRUE, light=np.array([[0.6, 0.0, 0.8]])), ["light", "gain"]
    )
    assert scores == {"light_error_median_deg": pytest.approx(np.degrees(np.arccos(0.64)))}


def test_what_is_known_is_not_judged() -> None:
    assert world_scores(TRUE, TRUE, []) == {}

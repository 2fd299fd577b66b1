"""Errors in the camera's axes: the same as on the table where the camera is known, and what a wrong camera costs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from air3d.evaluation.camera_frame import camera_scores, rotation_error
from scenes.camera import Camera
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

SCENE = Scene(SceneConfig())
MUG = SCENE.catalogue.names.index("mug")


def mug(x: float, y: float, yaw: float) -> Objects:
    return Objects(np.array([[MUG]]), np.array([[[x, y, 0.0]]]), np.array([[yaw]]), np.ones((1, 1), bool))


def turn(axis: str, degrees: float) -> np.ndarray:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return {
        "x": np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]),
        "z": np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]),
    }[axis]


def test_behind_the_same_camera_errors_are_those_on_the_table() -> None:
    view = SCENE.configured
    scores = camera_scores(mug(0.1, 0.02, 0.3), mug(0.1, 0.05, 0.1), view, view, SCENE.catalogue)
    assert scores["camera_position_error_median_m"] == pytest.approx(0.03)
    assert scores["camera_rotation_error_median_deg"] == pytest.approx(math.degrees(0.2))


def test_a_camera_that_stands_elsewhere_moves_what_is_right_on_the_table() -> None:
    view, here = SCENE.configured, mug(0.1, 0.02, 0.3)
    camera = Camera.look_at((0.0, -0.92, 1.37), (0.0, -0.02, 0.10), 32.0, 64, 64)  # 10 cm higher, the same direction
    scores = camera_scores(here, here, view, View.of(camera), SCENE.catalogue)
    assert scores["camera_position_error_median_m"] == pytest.approx(0.1)
    assert scores["camera_rotation_error_median_deg"] == pytest.approx(0.0, abs=1e-4)


def test_nothing_to_compare_is_none() -> None:
    empty = replace(mug(0, 0, 0), presence=np.zeros((1, 1), bool))
    assert set(camera_scores(empty, empty, SCENE.configured, SCENE.configured, SCENE.catalogue).values()) == {None}


@pytest.mark.parametrize(
    ("axis", "degrees", "fold", "error"),
    [("z", 30, 1, 30), ("z", 100, 4, 10), ("z", 77, 0, 0), ("x", 20, 1, 20), ("x", 20, 0, 20), ("x", 20, 4, 20)],
)
def test_turns_that_do_not_show_do_not_count(axis: str, degrees: float, fold: int, error: float) -> None:
    camera = turn("x", 200) @ turn("z", 40)
    assert rotation_error(camera @ turn(axis, degrees), camera, fold) == pytest.approx(error, abs=1e-5)
    assert rotation_error(camera, camera @ turn(axis, degrees), fold) == pytest.approx(error, abs=1e-5)


def test_a_tilt_and_a_symmetric_turn_leave_the_tilt() -> None:
    truth = turn("x", 130)
    assert rotation_error(
        truth @ turn("z", 90) @ turn("x", 15) @ turn("z", 0), truth @ turn("z", 90), 4
    ) == pytest.approx(15)
    assert rotation_error(truth @ turn("x", 15) @ turn("z", 90), truth, 4) == pytest.approx(15)

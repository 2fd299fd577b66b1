"""What no picture of an endless table can say of its camera: where it stands along the table, and its heading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from render_tools import double, double_objects, random_objects, random_view, renderers, small_scene
from scipy.spatial.transform import Rotation

from renderers import Renderer
from scenes.camera import Camera
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.variation import Variation
from scenes.view import View
from scenes.worlds import rotation

UP = np.array([0.0, 0.0, 1.0])
TURN, SHIFT, GUESSES = 3.0, 0.03, 300


def moved_along(objects: Objects, view: View, angle: float, shift: Float[np.ndarray, "3"]) -> tuple[Objects, View]:
    """Objects, camera and light turned by `angle` about the vertical through the origin, and shifted."""
    matrix, shift = torch.from_numpy(rotation(UP, angle)), torch.from_numpy(shift)
    placed = replace(objects, position=objects.position @ matrix.T + shift, rotation=objects.rotation + angle)
    axes = matrix @ view.camera_rotation
    translation = view.camera_translation - (shift @ axes)
    return placed, replace(view, camera_rotation=axes, camera_translation=translation, light=view.light @ matrix.T)


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.03, -0.02, 0.0), (-0.2, 0.5, 0.0)])
def test_a_rigid_motion_of_the_table_shows_in_no_picture(shift: tuple[float, float, float]) -> None:
    exact: Renderer = renderers(small_scene())[1]
    objects, view = double_objects(random_objects(1, 3, 2)), double(random_view(2, 3))
    picture = exact.render(objects, view)
    same = exact.render(*moved_along(objects, view, 0.4, np.array(shift)))
    torch.testing.assert_close(same, picture, rtol=0, atol=1e-9)
    lifted = exact.render(*moved_along(objects, view, 0.0, np.array([0.0, 0.0, 0.01])))
    torch.testing.assert_close(lifted, picture, rtol=0, atol=1e-9)  # with the table, if it could be lifted
    other = exact.render(moved_along(objects, view, 0.05, np.array(shift))[0], view)
    assert (other - picture).abs().max() > 0.1, "objects alone are seen to move"


Places = Float[np.ndarray, "*guess object 3"]


def test_how_far_off_objects_are_where_only_that_is_unknown() -> None:
    """The numbers of docs/method.md, "Step 0", of fewer scenes than there."""
    assumed, alone, on_table = (float(np.median(each)) for each in errors(250))
    words = "through the configured camera, heading and place unknown, and no object beside the table"
    print(f"median errors in mm, {words}: {1000 * assumed:.1f}, {1000 * alone:.1f}, {1000 * on_table:.1f}")
    assert 0.013 < on_table <= 1.01 * alone < 0.021 < assumed < 0.045


def errors(scenes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each object, metres on the table: seen through the configured camera though another took the picture; where
    all is known but that camera's heading and place along the table; and besides that no object is beside it."""
    scene = Scene(SceneConfig(vary=Variation(turn=TURN, shift=SHIFT)))
    edge, rng = np.array(scene.layout.table) / 2, np.random.default_rng(0)
    found: list[list[np.ndarray]] = [[], [], []]
    for index in range(scenes):
        own, objects = scene.view(0, index).camera(0), scene.objects(0, index)
        true = objects.position[0][objects.presence[0].astype(bool)].astype(float)
        if not len(true):
            continue
        believed = moved_back(true, own, *gauges(own, scene.camera, rng))
        inside = (np.abs(believed[..., :2]) <= edge).all((1, 2))
        guesses = seen_through(scene.camera, own, true), believed.mean(0), believed[inside].mean(0)
        for each, guess in zip(found, guesses, strict=True):
            each.append(np.linalg.norm((guess - true)[:, :2], axis=1))
    return tuple(np.concatenate(each) for each in found)  # type: ignore[return-value]


def seen_through(assumed: Camera, own: Camera, places: Places) -> Places:
    """Where on the table a place would be that is seen where `own` sees it, if `assumed` had taken the picture."""
    ndc = own.project(places)
    ray = np.concatenate([(ndc[:, :2] - own.lens[2:]) / own.lens[:2], np.ones((len(ndc), 1))], 1) @ assumed.rotation.T
    return assumed.position - ray * (assumed.position[2] / ray[:, 2:])


def gauges(own: Camera, middle: Camera, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What worlds.moved may have drawn of heading (how far from the camera's own, radians) and place, given all else.

    A turn is a vector of uniform length in any direction: its density is that of 1 over its square. So is a shift.
    """
    turn = Rotation.from_matrix(own.rotation @ middle.rotation.T).as_rotvec()
    tilt, lift = np.hypot(*turn[:2]), abs(own.position[2] - middle.position[2])
    share, length, way = rng.uniform(-1, 1, GUESSES), rng.uniform(size=GUESSES), rng.uniform(0, 2 * np.pi, GUESSES)
    heading = tilt * np.tan(share * np.arccos(tilt / np.radians(TURN)))
    radius = lift * np.sqrt((SHIFT / lift) ** (2 * length) - 1)
    along = np.stack([np.cos(way), np.sin(way)], -1) * radius[:, None]
    return heading - turn[2], np.concatenate([middle.position[:2] + along, np.full((GUESSES, 1), own.position[2])], 1)


def moved_back(places: Places, own: Camera, angles: np.ndarray, stands: np.ndarray) -> Places:
    """Places that are rightly seen from `own`, as one has them who believes it turned by an angle and elsewhere."""
    turns = np.stack([rotation(UP, angle) for angle in angles])
    return (places - own.position) @ turns.swapaxes(1, 2) + stands[:, None]

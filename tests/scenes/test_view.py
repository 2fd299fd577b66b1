"""Views: what is shared stays shared, what is chosen is what was chosen, and every picture may have its own world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from renderers.convert import to_numpy, to_torch
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig
from scenes.view import ARRAYS, View, shared

CAMERA = Camera.look_at((0.0, -1.0, 1.0), (0.0, 0.0, 0.0), 40.0, 8, 10)


INDICES = [2, -1, slice(1, 4), slice(None, None, 2), [3, 0, 3], np.arange(5) > 2, np.zeros(0, int)]


class Lamps(Scene):
    """Every picture has a light of its own, and the camera of the configuration."""

    def view(self, seed: int, index: int) -> View:
        light = np.random.default_rng([seed, index]).normal(size=3) + np.array([0, 0, 3])
        return replace(self.configured, light=(light / np.linalg.norm(light))[None])


def own(batch: int, picture: bool = False) -> View:
    """A world of its own for each of some pictures."""
    random = np.random.default_rng(batch)
    shape = (8, 10, 3) if picture else (3,)
    lights, tables = random.uniform(0.1, 1, (batch, 3)), random.uniform(0, 1, (batch, *shape))
    return View.stack([View.of(CAMERA, a, background=b) for a, b in zip(lights, tables, strict=True)])


def assert_same(view: View, other: View) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(np.asarray(getattr(view, name)), np.asarray(getattr(other, name)), err_msg=name)


@pytest.mark.parametrize("change", [lambda view: view, to_torch], ids=["numpy", "torch"])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_choosing_pictures(change, index):
    view = change(own(5))
    chosen = view[index]
    rows = np.atleast_1d(np.arange(5)[index])
    assert len(chosen) == len(rows) and chosen.height == 8 and chosen.width == 10
    np.testing.assert_array_equal(np.asarray(chosen.light), np.asarray(view.light)[rows])
    assert shared(chosen.intrinsics) or not len(rows)
    assert chosen.intrinsics.shape == (len(rows), 4)
    with pytest.raises(IndexError):
        view[5]


@pytest.mark.parametrize("change", [lambda view: view, to_torch], ids=["numpy", "torch"])
def test_repeating_pictures_keeps_what_is_shared(change):
    view = change(own(3, picture=True))
    repeated = view.repeat(2)
    np.testing.assert_array_equal(np.asarray(repeated.light), np.asarray(view.light).repeat(2, 0))
    np.testing.assert_array_equal(np.asarray(repeated.background), np.asarray(view.background).repeat(2, 0))
    assert shared(repeated.camera_rotation) and not shared(repeated.light)
    table = change(View.of(CAMERA, background=np.zeros((8, 10, 3)), batch=4)).repeat(1000)
    assert len(table) == 4000 and all(shared(getattr(table, name)) for name in ARRAYS), "nothing was copied"


def test_conversion_keeps_what_is_shared_and_comes_back():
    view = own(4)
    tensors = to_torch(view)
    exact = {"intrinsics", "camera_rotation", "camera_translation"}
    for name in ARRAYS:
        assert getattr(tensors, name).dtype == (torch.float64 if name in exact else torch.float32), name
    for name in ARRAYS:
        assert shared(getattr(tensors, name)) == shared(getattr(view, name)), name
    back = to_numpy(tensors)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(back, name), getattr(view, name), rtol=0 if name in exact else 1e-6)


def test_stacking_shares_what_all_share():
    one, two = View.of(CAMERA, batch=2), View.of(CAMERA, gain=(1.0, 0.5, 0.5))
    both = View.stack([one, two])
    assert len(both) == 3 and shared(both.background) and not shared(both.gain)
    assert both.gain.tolist() == [[1, 1, 1], [1, 1, 1], [1, 0.5, 0.5]]
    mixed = View.stack(
        [View.of(CAMERA, background=np.full((8, 10, 3), 0.5)), View.of(CAMERA, background=(0.1, 0.2, 0.3))]
    )
    assert mixed.background.shape == (2, 8, 10, 3) and mixed.background[1, 7, 9].tolist() == [0.1, 0.2, 0.3]
    tensors = to_torch(one)
    assert shared(View.stack([tensors, tensors]).light) and len(View.stack([tensors, to_torch(two)])) == 3
    other = Camera.look_at((0.0, -1.0, 1.0), (0.0, 0.0, 0.0), 40.0, 8, 8)
    with pytest.raises(ValueError, match="one size"):
        View.stack([one, View.of(other)])


def test_the_camera_of_a_row():
    other = Camera.look_at((0.3, -1.0, 0.7), (0.0, 0.1, 0.0), 50.0, 8, 10)
    for view in (
        View.stack([View.of(CAMERA), View.of(other)]),
        to_torch(View.stack([View.of(CAMERA), View.of(other)])),
    ):
        assert view.camera(1).close_to(other) and view.camera(0).close_to(CAMERA)
        assert not view.camera(0).close_to(other)


def test_a_world_that_is_none_is_refused():
    with pytest.raises(UserError, match="light"):
        View.of(CAMERA, light=(0.0, 0.0, 0.0))
    with pytest.raises(UserError, match="8 x 10"):
        View.of(CAMERA, background=np.zeros((10, 8, 3)))


def test_a_scene_has_one_world_unless_a_subclass_says_otherwise():
    plain, lamps = Scene(SceneConfig()), Lamps(SceneConfig())
    views = plain.views(0, range(100))
    assert len(views) == 100 and all(shared(getattr(views, name)) for name in ARRAYS)
    np.testing.assert_allclose(np.linalg.norm(views.light[0]), 1)
    own = lamps.views(3, [7, 8])
    assert not shared(own.light) and shared(own.intrinsics)
    assert_same(own[1], lamps.view(3, 8))
    for name in ("identity", "position", "rotation", "presence"):
        mine, other = (getattr(scene.batch(0, range(3)), name) for scene in (plain, lamps))
        np.testing.assert_array_equal(mine, other)


def test_pictures_need_not_be_square():
    scene = Scene(SceneConfig(image_size=[32, 48]))
    assert (scene.camera.height, scene.camera.width) == (32, 48)
    assert (scene.view(0, 0).height, scene.view(0, 0).width) == (32, 48)
    for wrong in ([4, 48], [32], 4, 64.5, "wide", [32, 48.5], None):
        with pytest.raises(UserError, match="image_size"):
            SceneConfig(image_size=wrong)

"""The camera against literal values and against the pinhole formula written another way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers import RendererConfig, build_renderer
from renderers.canvas import averaged
from renderers.convert import to_torch
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

AHEAD = Camera.look_at(position=(0.0, -2.0, 0.0), target=(0.0, 0.0, 0.0), field_of_view=90.0, height=64, width=64)


def ahead(height: int, width: int) -> Camera:
    return Camera.look_at((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), 90.0, height, width)


def test_literal_projection():
    # looking along +Y: world +X is to the right, so NDC x (to the left) is negative; +Z is up
    np.testing.assert_allclose(AHEAD.project(np.array([0.5, 0.0, 1.0])), [-0.25, 0.5, 2.0], atol=1e-12)
    np.testing.assert_allclose(AHEAD.project(np.array([[0.0, 0.0, 0.0], [0.0, 2.0, 0.0]])), [[0, 0, 2], [0, 0, 4]])


def test_literal_axes():
    np.testing.assert_allclose(AHEAD.rotation, np.array([[-1, 0, 0], [0, 0, 1], [0, 1, 0]]), atol=1e-12)
    np.testing.assert_allclose(AHEAD.translation, [0, 0, 2], atol=1e-12)
    np.testing.assert_allclose(AHEAD.position, [0, -2, 0], atol=1e-12)


def test_literal_intrinsics():
    np.testing.assert_allclose(AHEAD.intrinsics, [32, 32, 31.5, 31.5])
    np.testing.assert_allclose(AHEAD.lens[:2], [1, 1])
    assert (AHEAD.lens[2:] == 0).all(), "exactly: what stands in the middle must not move by rounding"
    odd = replace(AHEAD, intrinsics=np.array([40.0, 20.0, 10.0, 50.0]))
    pixels = odd.to_pixels(odd.project(np.array([[0.5, 0.0, 1.0], [-1.0, 2.0, 0.0]])))
    # column = 10 - 40 x/z and row = 50 - 20 y/z, with (x, y, z) = (-0.5, 1, 2) and (1, 0, 4)
    np.testing.assert_allclose(pixels, [[20.0, 40.0], [0.0, 50.0]], atol=1e-9)


def test_pixel_centres():
    corner = np.array([1 - 1 / 64, 1 - 1 / 64])
    np.testing.assert_allclose(AHEAD.to_pixels(corner), [0, 0])
    np.testing.assert_allclose(AHEAD.to_pixels(-corner), [63, 63])
    np.testing.assert_allclose(AHEAD.to_pixels(np.zeros(2)), [31.5, 31.5])


def test_wide_and_tall_pictures():
    wide, tall = ahead(64, 128), ahead(128, 64)
    np.testing.assert_allclose(wide.extent, [2, 1])
    np.testing.assert_allclose(wide.project(np.array([0.0, 0.0, 2.0]))[1], 1)  # the field of view is vertical
    np.testing.assert_allclose(tall.project(np.array([0.0, 0.0, 2.0]))[1], 2)
    np.testing.assert_allclose(tall.to_pixels(np.array([1.0, 2.0])), [-0.5, -0.5])
    np.testing.assert_allclose(wide.to_pixels(np.array([-2.0, -1.0])), [127.5, 63.5])


@pytest.mark.parametrize("size", [(12, 8), (24, 64), (96, 30)])
def test_another_size_of_picture_shows_the_same(size: tuple[int, int]):
    """As shares of the picture, whose corner is half a pixel before the first centre, points stay where they are."""
    camera = replace(ahead(48, 64), intrinsics=np.array([40.0, 37.0, 30.0, 20.0]))
    other, points = camera.resized(*size), np.random.default_rng(0).uniform(-0.5, 0.5, (7, 3))
    before, after = (each.to_pixels(each.project(points)) for each in (camera, other))
    np.testing.assert_allclose((after + 0.5) / [size[1], size[0]], (before + 0.5) / [64, 48], atol=1e-9)
    assert (other.height, other.width) == size and other.resized(48, 64).close_to(camera)


def test_a_camera_of_larger_pictures_averaged_is_the_antialiased_camera():
    view, large = (View.of(ahead(24, 32).resized(*size)) for size in ((24, 32), (48, 64)))
    objects = to_torch(Objects(np.array([[2]]), np.zeros((1, 1, 3)), np.ones((1, 1)), np.ones((1, 1))))
    plain, smooth = (build_renderer("streaming", Scene(SceneConfig()), RendererConfig(antialias=n)) for n in (1, 2))
    picture = averaged(plain.render(objects, to_torch(large)), 2)
    np.testing.assert_allclose(picture, smooth.render(objects, to_torch(view)), atol=1e-5)
    assert picture.max() > 0.1, "something is seen"


numbers = st.floats(-0.5, 0.5)


@settings(max_examples=50, deadline=None)
@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers), st.floats(10, 80))
def test_against_rays(point: tuple[float, float, float], aside: tuple[float, float], fov: float):
    """A pixel's ray, built from the camera's frame in words, passes through the point."""
    target = (aside[1], 0.1, 0.0)
    camera = Camera.look_at((aside[0], -2.0 + aside[1], 1.5), target, fov, 48, 64)
    column, row = camera.to_pixels(camera.project(np.array(point)))
    forward = np.subtract(target, camera.position) / np.linalg.norm(np.subtract(target, camera.position))
    right = np.array([forward[1], -forward[0], 0]) / np.hypot(forward[0], forward[1])
    up = np.cross(right, forward)
    half_height = np.tan(np.radians(fov) / 2)
    ray = forward + (column + 0.5 - 32) / 24 * half_height * right - (row + 0.5 - 24) / 24 * half_height * up
    depth = np.dot(np.subtract(point, camera.position), forward)
    np.testing.assert_allclose(camera.position + depth * ray, point, atol=1e-9)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"field_of_view": 180.0}, "field_of_view"),
        ({"width": 0}, "empty"),
        ({"position": (0.0, 0.0, 3.0)}, "straight"),
    ],
)
def test_impossible_ways_to_look(change: dict, words: str):
    ways = {"position": (0.0, -2.0, 0.0), "target": (0.0, 0.0, 0.0), "field_of_view": 90.0, "height": 64, "width": 64}
    with pytest.raises(UserError, match=words):
        Camera.look_at(**{**ways, **change})


@pytest.mark.parametrize(
    "change, words",
    [
        ({"intrinsics": np.array([0.0, 32.0, 31.5, 31.5])}, "focal"),
        ({"intrinsics": np.array([32.0, np.nan, 31.5, 31.5])}, "finite"),
        ({"rotation": np.eye(3) * 1.1}, "orthogonal"),
        ({"rotation": np.diag([1.0, 1.0, -1.0])}, "determinant"),
        ({"translation": np.zeros(2)}, "translation"),
        ({"height": 0}, "empty"),
    ],
)
def test_impossible_cameras(change: dict, words: str):
    with pytest.raises(UserError, match=words):
        replace(AHEAD, **change)


def test_cameras_are_compared_by_how_they_look_not_by_pixels():
    assert AHEAD.close_to(ahead(128, 128)) and AHEAD.close_to(ahead(64, 128))
    assert not AHEAD.close_to(Camera.look_at((0.0, -2.0, 0.0), (0.0, 0.0, 0.0), 80.0, 64, 64))
    assert not AHEAD.close_to(Camera.look_at((0.0, -2.1, 0.0), (0.0, 0.0, 0.0), 90.0, 64, 64))
    assert not AHEAD.close_to(replace(AHEAD, intrinsics=AHEAD.intrinsics + np.array([0, 0, 1, 0])))

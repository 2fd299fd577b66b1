"""docs/conventions.md, line by line: axes, rows, turning, and the one conversion module."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from render_tools import (
    double,
    double_objects,
    one,
    random_camera,
    random_objects,
    random_view,
    renderers,
    small_camera,
    small_scene,
    small_view,
)

from renderers import convert
from renderers.projection import pixel_centres, yaw_matrix
from scenes.view import View


def centre_of_mass(image: torch.Tensor, background: torch.Tensor) -> tuple[float, float]:
    """(row, column) of what differs from the background."""
    seen = (image[0] - background).abs().sum(-1)
    rows, columns = (torch.arange(size).float() for size in seen.shape)
    return (seen.sum(1) @ rows / seen.sum()).item(), (seen.sum(0) @ columns / seen.sum()).item()


def test_yaw_turns_counter_clockwise_seen_from_above() -> None:
    quarter = yaw_matrix(torch.tensor([torch.pi / 2]).double())[0]
    torch.testing.assert_close(torch.tensor([1.0, 0, 0]).double() @ quarter, torch.tensor([0.0, 1, 0]).double())


def test_corners_are_where_the_camera_projects_them() -> None:
    scene, random = small_scene(), np.random.default_rng(0)
    _, reference = renderers(scene)
    objects = random_objects(seed=1, batch=1, count=1)
    yaw, mesh = objects.rotation.item(), scene.catalogue.meshes[objects.identity.item()]
    turn = np.array([[np.cos(yaw), np.sin(yaw), 0], [-np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    for shape in ((24, 24), (12, 20), (20, 12)):
        for camera in (small_camera(*shape), random_camera(random, *shape)):
            view = double(convert.to_torch(View.of(camera)))
            corners, _ = reference.pose(double_objects(objects), view, objects.identity)
            expected = camera.project(mesh.vertices @ turn + objects.position[0, 0].numpy())
            np.testing.assert_allclose(corners[0, 0, : len(expected)].numpy(), expected, atol=1e-6)


def test_a_renderers_picture_is_in_the_cameras_pixels() -> None:
    """A small object's centre of mass lies in the column and row that the camera's K, R and T say."""
    streaming, _ = renderers(small_scene("shapes"))
    view = random_view(seed=3, batch=8, height=48, width=64, picture=False)
    objects = one(1, torch.zeros(8, 3))  # the sphere, 7.6 cm across, made 2 cm small
    objects.size = torch.full((8, 1), 0.02 / 0.076)
    image, background = streaming.render(objects, view), view.background
    for row in range(8):
        camera = view.camera(row)
        expected = camera.to_pixels(camera.project(np.array([0.0, 0.0, 0.01])))
        found = centre_of_mass(image[row : row + 1], background[row])
        np.testing.assert_allclose(found[::-1], expected, atol=0.35)


def test_pixel_centres_are_the_cameras() -> None:
    for height, width in ((4, 4), (4, 6), (6, 4)):
        camera = small_camera(height, width)
        x, y = pixel_centres(height, width, torch.zeros(0).double())
        corners = np.array([[x[0], y[0]], [x[-1], y[-1]]])
        np.testing.assert_allclose(camera.to_pixels(corners), [[0, 0], [width - 1, height - 1]], atol=1e-12)


def test_the_world_stands_upright_in_the_picture() -> None:
    """Seen from -y: +x of the world is to the right, +y (away) and +z (up) are towards row 0."""
    streaming, _ = renderers(small_scene())
    view = small_view()

    def where(*position: float) -> tuple[float, float]:
        return centre_of_mass(streaming.render(one(1, torch.tensor([position])), view), view.background[0])

    row, column = where(0.0, 0.0, 0.0)
    assert where(0.1, 0.0, 0.0)[1] > column + 2
    assert where(0.0, 0.1, 0.0)[0] < row - 2
    assert where(0.0, 0.0, 0.1)[0] < row - 2


def test_light_from_the_right_lights_the_right() -> None:
    scene = small_scene("shapes")
    streaming, _ = renderers(scene)
    view = small_view(ambient=0.0, diffuse=1.0, light=(1.0, 0.0, 0.0))
    sphere = [mesh.name for mesh in scene.catalogue.meshes].index("sphere")
    for yaw in (0.0, 1.0):  # the light stays where it is when the object turns
        canvas = streaming.paint(streaming.blank(view), one(sphere, torch.zeros(1, 3), torch.tensor([yaw])), view)
        brightness = streaming.develop(canvas, view)[0].sum(-1) * (canvas[0, ..., 5] < -1)
        assert brightness[:, 13:].sum() > 5 * brightness[:, :11].sum()


def test_conversions_come_back_as_they_went() -> None:
    objects = convert.to_numpy(random_objects(seed=2))
    again = convert.to_numpy(convert.to_torch(objects))
    for name in ("identity", "position", "rotation", "presence"):
        np.testing.assert_array_equal(getattr(objects, name), getattr(again, name))
    tensors = convert.to_torch(replace(objects, position=objects.position.astype(np.float64)))
    assert tensors.position.dtype == torch.float32 and tensors.identity.dtype == torch.int64

    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    images = convert.to_floats(pixels)
    assert images.dtype == torch.float32 and images.max() <= 1
    np.testing.assert_array_equal(convert.to_bytes(images), pixels)
    assert torch.equal(convert.channels_first(images)[:, 2], images[..., 2])
    assert convert.channels_first(images).shape == (2, 3, 4, 5)
    assert convert.to_bytes(torch.tensor([[[[-1.0, 2.0, 0.5]]]])).tolist() == [[[[0, 255, 128]]]]

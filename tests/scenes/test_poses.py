"""Poses as matrices: rotations, where the renderer puts the corners, and where the picture shows the base point."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from render_tools import double, double_objects, on_faces, random_looks, random_objects, random_view, small_scene

from renderers import build_renderer
from renderers.convert import to_numpy
from scenes.catalogue import Catalogue, catalogue
from scenes.export import UP, to_glb
from scenes.objects import Objects
from scenes.poses import camera_poses, world_poses, world_rotations
from scenes.view import View

SEEDS = pytest.mark.parametrize("seed", range(3))


def tipping() -> Catalogue:
    """Crockery that stands, lies on a side, and leans."""
    lying = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    leaning = turn * np.sign(np.linalg.det(turn))
    return on_faces(catalogue("crockery").meshes, lying, leaning)


def some(seed: int, looks: bool = True, upright: bool = False) -> tuple[Objects, View]:
    """Nine objects in three worlds (torch), on any face."""
    objects = random_objects(seed)
    face = torch.randint(1 if upright else 3, objects.identity.shape, generator=torch.Generator().manual_seed(seed))
    objects.identity = 3 * objects.identity + face
    return random_looks(objects, seed) if looks else objects, random_view(seed)


def in_pixels(view: View, points: np.ndarray) -> np.ndarray:
    """OpenCV's camera coordinates [B, ..., 3] -> column, row [B, ..., 2] by K."""
    intrinsics = np.asarray(view.intrinsics).reshape(-1, *[1] * (points.ndim - 2), 4)
    return intrinsics[..., :2] * points[..., :2] / points[..., 2:] + intrinsics[..., 2:]


@SEEDS
def test_matrices_are_rotations(seed: int) -> None:
    objects, view = (to_numpy(each) for each in some(seed))
    poses = world_rotations(objects, tipping()), camera_poses(objects, tipping(), view)[0]
    for matrices in poses:
        assert matrices.shape == (3, 3, 3, 3)
        np.testing.assert_allclose(
            matrices @ matrices.swapaxes(-1, -2), np.broadcast_to(np.eye(3), matrices.shape), atol=1e-6
        )
        np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-6)
    np.testing.assert_array_equal(world_poses(objects, tipping())[0], poses[0])


@SEEDS
@pytest.mark.parametrize("looks", [False, True])
def test_corners_are_where_the_renderer_puts_them(seed: int, looks: bool) -> None:
    scene, (objects, view) = small_scene(), some(seed, looks)
    scene.catalogue = tipping()
    renderer = build_renderer("reference", scene).double()
    exact = double_objects(objects), double(view)
    corners = renderer.pose(*exact, renderer.entry(objects))[0].numpy()
    told, world = (to_numpy(each) for each in exact)
    rotation, translation = camera_poses(told, scene.catalogue, world)
    for row, slot in np.ndindex(3, 3):
        mesh = scene.catalogue.meshes[told.identity[row, slot]]
        size = told.size[row, slot] if looks else 1.0
        points = size * mesh.in_file()[0] @ rotation[row, slot].T + translation[row, slot]
        painted = corners[row, slot, : len(points)]
        np.testing.assert_allclose(points[:, 2], painted[:, 2], atol=1e-6)
        np.testing.assert_allclose(
            in_pixels(world[row], points[None])[0], world.camera(row).to_pixels(painted), atol=1e-4
        )


@SEEDS
def test_the_base_point_is_where_the_picture_shows_it(seed: int) -> None:
    """Upright, it is the origin of the mesh: t_camera itself."""
    objects, view = (to_numpy(each) for each in some(seed, upright=True))
    translation = camera_poses(objects, tipping(), view)[1]
    for row in range(3):
        camera = view.camera(row)
        shown = camera.project(objects.position[row])
        np.testing.assert_allclose(
            in_pixels(view[row], translation[row : row + 1])[0], camera.to_pixels(shown), atol=1e-4
        )
        np.testing.assert_allclose(translation[row, :, 2], shown[:, 2], atol=1e-6)


@SEEDS
def test_moving_scene_and_camera_together_leaves_poses_in_the_camera(seed: int) -> None:
    objects, view = (to_numpy(each) for each in some(seed))
    turn, shift = 0.7, np.array([0.3, -0.2, 0.1])
    matrix = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])  # of row vectors
    moved = replace(objects, position=objects.position @ matrix + shift, rotation=objects.rotation + turn)
    rotation = matrix.T @ view.camera_rotation
    translation = view.camera_translation - shift @ rotation
    other = replace(view, camera_rotation=rotation, camera_translation=translation)
    pairs = zip(camera_poses(objects, tipping(), view), camera_poses(moved, tipping(), other), strict=True)
    for before, after in pairs:
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_quarter_turn_takes_a_handle_from_x_to_y() -> None:
    mug = Objects(np.array([[2]]), np.zeros((1, 1, 3)), np.array([[np.pi / 2]]), np.ones((1, 1)))
    (((handle, _, up),),) = world_rotations(mug, catalogue("crockery")).swapaxes(-1, -2)
    np.testing.assert_allclose(handle, [0, 1, 0], atol=1e-9)
    np.testing.assert_allclose(up, [0, 0, 1], atol=1e-9)


def test_a_camera_that_looks_down_at_a_table() -> None:
    """OpenCV's axes: what is farther right and nearer the lower edge of the picture has larger x and y."""
    view = View.of(small_scene().camera)
    pair = Objects(np.zeros((1, 2), int), np.array([[[0.0, 0, 0], [0.1, -0.1, 0]]]), np.zeros((1, 2)), np.ones((1, 2)))
    middle, other = camera_poses(pair, catalogue("crockery"), view)[1][0]
    assert other[0] - middle[0] == pytest.approx(0.1) and other[1] > middle[1] and 0 < other[2] < middle[2]


@pytest.mark.parametrize("identity", [4, -1])
def test_what_the_catalogue_does_not_have_is_refused(identity: int) -> None:
    objects = Objects(np.array([[identity]]), np.zeros((1, 1, 3)), np.zeros((1, 1)), np.ones((1, 1)))
    with pytest.raises(IndexError, match="not one of"):
        world_rotations(objects, catalogue("crockery"))


@SEEDS
def test_models_stand_where_the_matrices_say(seed: int) -> None:
    """The GLB's vertices in the world, and their colours under the tint."""
    objects, known = to_numpy(some(seed)[0])[0], tipping()
    loaded = trimesh.load_scene(io.BytesIO(to_glb(objects, known, (0.8, 0.8))), file_type="glb")
    rotation, translation = world_poses(objects, known)
    for slot in range(3):
        mesh = known.meshes[objects.identity[0, slot]]
        name = f"{mesh.name}_{slot}"
        pose, geometry = loaded.graph.get(name)
        shown = loaded.geometry[geometry]
        size = objects.size[0, slot]
        upright = known.meshes[known.entry(mesh.name)]  # which is as its file has it
        expected = size * upright.vertices @ rotation[0, slot].T + translation[0, slot]
        found = trimesh.transform_points(shown.vertices, np.linalg.inv(UP) @ pose)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        colours = (255 * (mesh.colours * objects.tint[0, slot]).clip(0, 1)).round()
        linear = shown.visual.vertex_attributes["color"][:, :3] / 255
        np.testing.assert_allclose(linear, (np.asarray(colours) / 255) ** 2.2, atol=0.01)

"""MSSD, MSPD, ADD and ADD-S on poses whose errors can be worked out by hand, and what they must not depend on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from air3d.evaluation.object_models import ObjectModel, about_z, object_model, symmetry_group
from air3d.evaluation.pose_errors import add, add_s, moved, mspd, mssd, projected, transformed
from scenes.catalogue import catalogue

CORNERS = np.array([[x, y, 0.0] for x in (-0.03, 0.03) for y in (-0.04, 0.04)])
"""A rectangle of 6 x 8 cm: it looks the same after half a turn, and its diagonal is 10 cm."""
HALF = about_z(np.array([0, math.pi]))
PLAIN = ObjectModel(CORNERS, CORNERS, np.eye(4)[None], 0.1)
SYMMETRIC = replace(PLAIN, group=HALF)
LENS = np.array([[500.0, 400.0, 320.0, 240.0]])


def at(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    """A pose [1, 4, 4] in the camera's axes."""
    pose = about_z(np.array([yaw]))
    pose[:, :3, 3] = x, y, z
    return pose


def test_a_translation_is_itself() -> None:
    """By 3, 4 and 12 cm: 13 cm; by 3 and 4 cm in the picture's plane, at 1 m: 15 and 16 pixels."""
    away = at(0.03, 0.04, 1.12)
    for error in (mssd, add):
        assert error(away, at(0, 0, 1), PLAIN) == pytest.approx([0.13])
    assert mspd(at(0.03, 0.04, 1), at(0, 0, 1), LENS, PLAIN) == pytest.approx([math.hypot(15, 16)])


def test_half_a_turn_of_a_symmetric_body_is_no_error() -> None:
    """Without the symmetry each corner is where the opposite one belongs: 10 cm away, and so is their mean."""
    turned, here = at(0, 0, 1, math.pi), at(0, 0, 1)
    for error in (mssd, add):
        assert error(turned, here, PLAIN) == pytest.approx([0.1])
    assert mssd(turned, here, SYMMETRIC) == pytest.approx([0], abs=1e-12)
    assert mspd(turned, here, LENS, SYMMETRIC) == pytest.approx([0], abs=1e-9)
    assert mspd(turned, here, LENS, PLAIN) == pytest.approx([math.hypot(0.06 * 500, 0.08 * 400)])
    assert add_s(turned, here, PLAIN) == pytest.approx([0], abs=1e-12)  # it knows of no symmetry, and needs none


def test_the_nearest_point_counts_in_add_s() -> None:
    """Shifted by 6 cm, two corners stand where the others belong, and the far ones are 6 cm from those: mean 3."""
    shifted, here = at(0.06, 0, 1), at(0, 0, 1)
    assert add(shifted, here, PLAIN) == pytest.approx([0.06]) and mssd(shifted, here, PLAIN) == pytest.approx([0.06])
    assert add_s(shifted, here, PLAIN) == pytest.approx([0.03])


def test_what_is_behind_the_camera_or_no_number_is_wrong() -> None:
    behind, nothing, here = at(0, 0, -1), at(math.nan, 0, 1), at(0, 0, 1)
    assert mspd(behind, here, LENS, PLAIN) == pytest.approx([math.inf])
    for error in (mssd, add, add_s):
        assert not (error(nothing, here, PLAIN) < 1).any()


def test_a_size_is_a_factor_on_the_points() -> None:
    larger = at(0, 0, 1)
    larger[:, :3, :3] *= 1.5
    assert mssd(larger, at(0, 0, 1), PLAIN) == pytest.approx([0.025])  # the corners are 5 cm out


def some_pose(seed: int) -> np.ndarray:
    rng, pose = np.random.default_rng(seed), np.eye(4)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pose[:3, :3], pose[:3, 3] = turn * np.sign(np.linalg.det(turn)), rng.normal(size=3) * 0.05 + [0, 0, 1.5]
    return pose[None]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(["saucepan", "mug", "plate"]), st.integers(0, 314))
def test_errors_do_not_change_under_the_group(seed: int, name: str, motion: int) -> None:
    """Of the truth exactly; of the estimate, and when the two are exchanged, as far as the facets of a plate are its
    circle."""
    names = catalogue("crockery").names
    model = object_model(catalogue("crockery").meshes[names.index(name)])
    estimated, true = some_pose(seed), some_pose(seed + 1)
    turned = model.group[motion % len(model.group)]
    exact = mssd(estimated, true, model)
    assert mssd(estimated, true @ turned, model) == pytest.approx(exact, rel=1e-6)
    assert mspd(estimated, true @ turned, LENS, model) == pytest.approx(mspd(estimated, true, LENS, model), rel=1e-6)
    assert mssd(estimated @ turned, true, model) == pytest.approx(exact, rel=0.02)
    assert mssd(true, estimated, model) == pytest.approx(exact, rel=0.02)


def test_no_alternative_is_overlooked() -> None:
    """The bound by a few points leaves out only what cannot be the least."""
    model = object_model(catalogue("crockery").meshes[0])
    for seed in range(20):
        estimated, true = some_pose(seed)[0], some_pose(seed + 1)[0]
        away = moved(estimated, model.hull) - moved(true, transformed(model.group, model.hull))
        expected = np.linalg.norm(away, axis=-1).max(1).min()
        assert mssd(estimated[None], true[None], model) == pytest.approx([expected])


@pytest.mark.parametrize("name", ["saucepan", "mug", "plate"])
def test_the_corners_of_the_hull_are_enough(name: str) -> None:
    """In space exactly, in the picture within 1 %: the largest error of all vertices is that of a corner."""
    mesh = catalogue("crockery").meshes[catalogue("crockery").names.index(name)]
    model = replace(object_model(mesh), group=np.eye(4)[None])
    for seed in range(20):
        estimated, true = some_pose(2 * seed), some_pose(2 * seed + 1)
        vertices = mesh.vertices.astype(float)
        away = moved(estimated[0], vertices) - moved(true[0], vertices)
        assert mssd(estimated, true, model) == pytest.approx([np.linalg.norm(away, axis=1).max()], rel=1e-5)
        seen = [projected(pose[0], LENS[0], vertices) for pose in (estimated, true)]
        largest = np.linalg.norm(seen[0] - seen[1], axis=1).max()
        assert mspd(estimated, true, LENS, model) == pytest.approx([largest], rel=0.01)


def test_models_are_in_the_frame_of_their_file() -> None:
    """A mesh that was put down on its side: the same points, diameter and symmetries, wherever it stands."""
    plate = catalogue("crockery").meshes[0]
    placement = np.eye(4)
    placement[:3] = [[1, 0, 0, 0.01], [0, 0, -1, 0.02], [0, 1, 0, 0.03]]
    there = plate.vertices @ placement[:3, :3].T + placement[:3, 3]
    lying = replace(plate, vertices=there.astype(np.float32), placement=placement, symmetry=1)
    upright, model = object_model(replace(plate, symmetry=1)), object_model(lying)
    np.testing.assert_allclose(np.sort(model.hull, 0), np.sort(upright.hull, 0), atol=1e-6)
    assert model.diameter == pytest.approx(upright.diameter, rel=1e-5)


def test_turns_about_the_vertical_are_in_the_files_frame() -> None:
    """The file has the axis along y; standing, it is +Z."""
    bottle, placement = catalogue("crockery").meshes[0], np.eye(4)
    placement[:3] = [[1, 0, 0, 0.01], [0, 0, -1, 0.02], [0, 1, 0, 0.03]]
    group = symmetry_group(replace(bottle, placement=placement, symmetry=4))
    assert group.shape == (4, 4, 4)
    np.testing.assert_allclose(group[0], np.eye(4), atol=1e-12)
    np.testing.assert_allclose(group[1, :3, :3] @ [0, 1, 0], [0, 1, 0], atol=1e-12)
    axis = np.linalg.inv(placement) @ [0, 0, 0.5, 1]  # a point of the axis stays where it is
    np.testing.assert_allclose(group @ axis, np.tile(axis, (4, 1)), atol=1e-12)


def test_a_stated_group_of_a_body_of_revolution_is_divided_further() -> None:
    """Its steps of 5 degrees would leave an error of 2 % of the diameter; 1 degree leaves 0.4 %."""
    plate = catalogue("crockery").meshes[0]
    model = object_model(replace(plate, group=about_z(np.radians(np.arange(0, 360, 5.0)))))
    turned = at(0, 0, 1, math.radians(2.5)), at(0, 0, 1)
    assert mssd(*turned, model)[0] < 0.005 * model.diameter

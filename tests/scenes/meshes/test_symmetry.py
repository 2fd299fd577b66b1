"""Symmetries measured, against solids whose symmetries everybody knows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh

from scenes.catalogue import catalogue
from scenes.meshes.surface import Surface
from scenes.meshes.symmetry import fold, symmetry_group

create = trimesh.creation
SOMEHOW = trimesh.transformations.random_rotation_matrix(np.array([0.1, 0.5, 0.7]))[:3, :3]
ASKED = ["box", "bottle", "hexagonal prism"]
TETRAHEDRON = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], [[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]]
PROFILE = np.array([(0, 0), (4, 0), (4, 18), (1.5, 22), (1.5, 30), (0, 30)]) / 100


@cache
def solids() -> dict[str, tuple[trimesh.Trimesh, int, int, int]]:
    """Solid, its fold about +Z, the size of its group, and the axes about which it turns continuously."""
    bulged = create.icosphere(3, 0.03)
    bulged.apply_scale([1, 1, 1.5])
    return {
        "cube": (create.box([0.08] * 3), 4, 24, 0),
        "box": (create.box([0.10, 0.06, 0.04]), 2, 4, 0),
        "square box": (create.box([0.10, 0.04, 0.04]), 2, 8, 0),
        "sheet": (create.box([0.20, 0.15, 1e-5]), 2, 4, 0),
        "cylinder of 16 sides": (create.cylinder(0.04, 0.10, sections=16), 0, 144, 1),
        "cylinder as wide as long": (create.cylinder(0.03, 0.052, sections=48), 0, 144, 1),
        "cone": (create.cone(0.04, 0.10, sections=24), 0, 72, 1),
        "bottle": (create.revolve(PROFILE, sections=32), 0, 72, 1),
        "egg": (bulged, 0, 144, 1),
        "ring": (create.torus(0.05, 0.01), 0, 144, 1),
        "ball": (create.icosphere(3, 0.04), 0, 2232, 3),
        "square pyramid": (create.cone(0.04, 0.10, sections=4), 4, 4, 0),
        "hexagonal prism": (create.cylinder(0.04, 0.10, sections=6), 6, 12, 0),
        "triangular prism": (create.cylinder(0.04, 0.05, sections=3), 3, 6, 0),
        "tetrahedron": (trimesh.Trimesh(*TETRAHEDRON).apply_scale(0.05), 2, 12, 0),
        "icosahedron": (create.icosahedron().apply_scale(0.05), 2, 60, 0),
    }


@pytest.mark.parametrize("name", solids())
def test_known_solids_have_their_symmetries(name: str):
    solid, turns, size, axes = solids()[name]
    surface = Surface.of(solid.vertices, solid.faces)
    found = symmetry_group(surface)
    assert (fold(surface), len(found.group), len(found.axes)) == (turns, size, axes)
    np.testing.assert_array_equal(found.group[0], np.eye(4))


@pytest.mark.parametrize("name", ["cube", "box", "cylinder as wide as long", "cone", "ball", "hexagonal prism"])
def test_a_group_is_the_same_however_the_solid_is_turned(name: str):
    solid, _, size, axes = solids()[name]
    found = symmetry_group(Surface.of(solid.vertices @ SOMEHOW.T + [0.3, -0.2, 0.1], solid.faces))
    assert (len(found.group), len(found.axes)) == (size, axes)


@pytest.mark.parametrize("name", ASKED)
def test_a_group_takes_the_solid_to_itself(name: str):
    """An oracle that knows nothing of points and colours: the corners of a solid end on its surface."""
    solid, _, _, axes = solids()[name]
    moved = solid.vertices @ SOMEHOW.T + [0.3, -0.2, 0.1]
    turned = trimesh.Trimesh(moved, solid.faces, process=False)
    for motion in symmetry_group(Surface.of(moved, solid.faces)).group[::7]:
        assert np.linalg.det(motion[:3, :3]) == pytest.approx(1)
        beside = trimesh.proximity.closest_point_naive(turned, moved @ motion[:3, :3].T + motion[:3, 3])[1]
        assert beside.max() < (0.01 if axes else 0.002) * 0.3  # facets of a round body are not quite round


@pytest.mark.parametrize("catalogues", ["crockery", "shapes", "marked_shapes"])
def test_todays_meshes_have_the_symmetry_they_claim(catalogues: str):
    """Among them a cube with one orange side (1) and a cylinder with a half of another colour (1)."""
    for mesh in catalogue(catalogues).meshes:
        assert fold(Surface.of(mesh.vertices, mesh.faces, mesh.colours), np.zeros(2)) == mesh.symmetry, mesh.name


def test_what_has_another_colour_is_another_side():
    box = create.box([0.08] * 3).subdivide().subdivide()
    white = np.ones((len(box.faces) * 3, 3))
    corners, faces = box.vertices[box.faces].reshape(-1, 3), np.arange(len(white)).reshape(-1, 3)
    lid, side = (np.repeat(box.triangles_center[:, axis] > 0.0399, 3) for axis in (2, 0))
    assert fold(Surface.of(corners, faces, np.where(side[:, None], [1, 0, 0], white))) == 1
    under_the_lid = Surface.of(corners, faces, np.where(lid[:, None], [1, 0, 0], white))
    assert (fold(under_the_lid), len(symmetry_group(under_the_lid).group)) == (4, 4)
    hardly = Surface.of(corners, faces, np.where(side[:, None], [0.95, 0.95, 0.95], white))
    assert len(symmetry_group(hardly).group) == 24


def test_thin_walls_are_told_apart_by_their_sides():
    """A tray of 1 mm, white above and blue below, is not the same upside down, though its sides are that close."""
    sheet = create.box([0.10, 0.10, 0.001])
    corners, faces = sheet.vertices[sheet.faces].reshape(-1, 3), np.arange(36).reshape(-1, 3)
    above = np.repeat(sheet.face_normals[:, 2] > 0.5, 3)[:, None]
    assert len(symmetry_group(Surface.of(corners, faces)).group) == 8
    assert len(symmetry_group(Surface.of(corners, faces, np.where(above, [1.0, 1, 1], [0, 0, 1.0]))).group) == 4


@pytest.mark.parametrize("yaw", [0.0, 90.0, 180.0])
def test_a_mug_has_none_wherever_its_handle_is(yaw: float):
    """A camera that does not see the handle could not tell; the symmetry is the mesh's, not the view's."""
    mug = catalogue("crockery").meshes[2]
    turn = trimesh.transformations.rotation_matrix(np.radians(yaw), [0, 0, 1])[:3, :3]
    surface = Surface.of(mug.vertices @ turn.T, mug.faces, mug.colours)
    assert (fold(surface), len(symmetry_group(surface).group)) == (1, 1)


def test_a_thin_handle_counts_though_it_is_little_of_the_surface():
    wire = create.cylinder(0.0008, segment=[[0.04, 0, 0.02], [0.07, 0, 0.02]])
    cup = create.cylinder(0.04, 0.10, sections=48)
    assert wire.area / cup.area < 0.01
    both = trimesh.util.concatenate([cup, wire])
    assert fold(Surface.of(both.vertices, both.faces), np.zeros(2)) == 1


def test_what_lies_inside_does_not_count():
    inner = create.box([0.03, 0.02, 0.05])
    both = trimesh.util.concatenate([create.cylinder(0.04, 0.10, sections=48), inner])
    assert fold(Surface.of(both.vertices, both.faces)) == 0


def test_open_and_coarse_surfaces_are_measured_too():
    """Without its lid, and with as many triangles as a mesh of a catalogue has."""
    bottle = create.revolve(PROFILE, sections=64).subdivide().subdivide()
    few = bottle.simplify_quadric_decimation(face_count=400)
    few.update_faces(few.triangles_center[:, 2] < 0.29)
    assert not few.is_watertight and fold(Surface.of(few.vertices, few.faces)) == 0


def test_what_is_measured_once_is_measured_again():
    mug = catalogue("crockery").meshes[2]
    first, second = (Surface.of(mug.vertices, mug.faces, mug.colours) for _ in range(2))
    for name in ("points", "normals", "colours", "asked"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_surface_without_area_is_refused():
    with pytest.raises(ValueError, match="without area"):
        Surface.of(np.zeros((3, 3)), np.array([[0, 1, 2]]))

"""Resting faces of solids that everybody has put on a table, and how a mesh stands on them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import trimesh

from scenes.catalogue import Catalogue, catalogue
from scenes.errors import UserError
from scenes.mesh import Mesh
from scenes.meshes.drops import drops
from scenes.meshes.entries import Reading, understand
from scenes.meshes.resting import resting_faces
from scenes.meshes.standing import on_faces

create = trimesh.creation
BOTTLE = np.array([(0, 0), (4, 0), (4, 18), (1.5, 22), (1.5, 30), (0, 30)]) / 100


@cache
def solids() -> dict[str, tuple[trimesh.Trimesh, list[int]]]:
    """Solid, and its symmetry about +Z on each face, upright first."""
    egg = create.icosphere(3, 0.03)
    egg.apply_scale([1, 1, 1.5])
    return {
        "cube": (create.box([0.08] * 3), [4]),
        "box": (create.box([0.10, 0.06, 0.04]), [2, 2, 2]),
        "cylinder": (create.cylinder(0.04, 0.10, sections=16), [0, 2]),
        "cone": (create.cone(0.04, 0.10, sections=24), [0, 1]),
        "bottle": (create.revolve(BOTTLE, sections=32), [0, 1]),
        "square pyramid": (create.cone(0.04, 0.10, sections=4), [4, 1]),
        "hexagonal prism": (create.cylinder(0.04, 0.10, sections=6), [6, 2]),
        "ball": (create.icosphere(3, 0.04), [0]),
        "egg": (egg, [2]),
        "sheet": (create.box([0.20, 0.15, 1e-5]), [2]),
    }


def mesh_of(solid: trimesh.Trimesh, colours: np.ndarray | None = None) -> Mesh:
    """With flat shading, standing on z = 0."""
    corners = solid.vertices[solid.faces].reshape(-1, 3) - [0, 0, solid.bounds[0, 2]]
    painted = np.full_like(corners, 0.5) if colours is None else np.repeat(colours, 3, axis=0)
    arrays = (array.astype(np.float32) for array in (corners, np.repeat(solid.face_normals, 3, axis=0), painted))
    return Mesh("it", *arrays, np.arange(len(corners), dtype=np.int32).reshape(-1, 3), 1)


@pytest.mark.parametrize("name", solids())
def test_known_solids_rest_as_everybody_knows(name: str):
    solid, symmetries = solids()[name]
    entries, _ = on_faces(mesh_of(solid), solid)
    assert [entry.symmetry for entry in entries] == symmetries
    Catalogue(tuple(entries))  # weights sum to 1, faces are numbered


def test_weights_are_the_chances_of_a_drop():
    """A slab of a x b x c falls on the sides that its solid angles say, and none of its sides is unstable."""
    sides = np.array([0.10, 0.06, 0.04])
    faces = resting_faces(create.box(sides))
    angles = {}
    for axis in range(3):
        a, b, h = *np.delete(sides, axis) / 2, sides[axis] / 2
        angles[axis] = 2 * np.arctan(a * b / (h * np.sqrt(a * a + b * b + h * h))) / np.pi
    for face in faces:
        assert face.weight == pytest.approx(angles[int(np.abs(face.down).argmax())], abs=1e-3)
    assert faces[0].upright and [round(face.weight, 2) for face in faces] == [0.56, 0.32, 0.12]


def test_a_side_of_another_colour_makes_faces_of_one():
    box = create.box([0.08] * 3)
    red = np.where(box.triangles_center[:, :1] > 0.0399, [[1.0, 0, 0]], [[1.0, 1, 1]])
    entries, said = on_faces(mesh_of(box, red), box)
    assert sorted(entry.symmetry for entry in entries) == [1, 4, 4] and not said
    assert sorted(round(entry.weight, 2) for entry in entries) == [0.17, 0.17, 0.67]


def test_a_label_does_not_keep_a_bottle_from_rolling():
    """It lies on one face, and its user is told that pictures may show others of its sides."""
    bottle = create.revolve(BOTTLE, sections=32)
    where = bottle.triangles_center
    label = np.where((where[:, :1] > 0) & (np.abs(where[:, 2:] - 0.09) < 0.1), [[1.0, 0, 0]], [[0, 0.3, 0]])
    entries, said = on_faces(mesh_of(bottle, label), bottle)
    assert [entry.symmetry for entry in entries] == [1, 1] and "rolls" not in said and "stands for all" in said[0]


@pytest.mark.parametrize("name", ["box", "bottle", "cone", "egg"])
def test_an_entry_stands_where_its_placement_says(name: str):
    solid, _ = solids()[name]
    upright = mesh_of(solid)
    file = np.eye(4)
    file[:3, :3], file[:3, 3] = trimesh.transformations.euler_matrix(np.pi / 2, 0, 0)[:3, :3], [0.1, 0.2, 0.3]
    upright = replace(upright, placement=file)
    in_file = (upright.vertices - file[:3, 3]) @ file[:3, :3]
    for entry in on_faces(upright, solid)[0]:
        placed = in_file @ entry.placement[:3, :3].T + entry.placement[:3, 3]
        np.testing.assert_allclose(placed, entry.vertices, atol=1e-6)
        assert abs(entry.vertices[:, 2].min()) < 1e-6
        assert np.hypot(*entry.footprint.centroid.coords[0]) < 1e-6
        moved = in_file @ entry.group[-1, :3, :3].T + entry.group[-1, :3, 3]
        np.testing.assert_allclose(np.sort(moved.max(0)), np.sort(in_file.max(0)), atol=2e-3)


def test_upright_a_mesh_stays_as_it_is():
    mug = catalogue("crockery").meshes[2]
    (entry,), said = on_faces(mug, upright=True)
    np.testing.assert_array_equal(entry.vertices, mug.vertices)
    assert (entry.weight, entry.face, entry.symmetry, said) == (1.0, 0, 1, [])
    first = on_faces(mug)[0][0]
    np.testing.assert_array_equal(first.vertices, mug.vertices)


def test_crockery_rests_upright_first_and_upside_down_too():
    faces = {mesh.name: resting_faces(mesh.solid()) for mesh in catalogue("crockery").meshes}
    assert all(found[0].upright for found in faces.values())
    assert [len(faces[name]) for name in ("plate", "bowl", "mug")] == [2, 2, 4]
    assert any(face.down[2] > 0.99 for face in faces["mug"])


def test_uneven_feet_do_not_tilt_what_stands():
    stool = [create.box([0.2, 0.2, 0.02])]
    for x, y, foot in ((-1, -1, 0.1), (-1, 1, 0.1), (1, -1, 0.1), (1, 1, 0.099)):
        stool.append(
            create.box([0.02, 0.02, foot], trimesh.transformations.translation_matrix([0.09 * x, 0.09 * y, -foot / 2]))
        )
    face = resting_faces(trimesh.boolean.union(stool, engine="manifold"))[0]
    np.testing.assert_array_equal(face.rotation, np.eye(3))


def test_a_pencil_does_not_stand_on_its_end():
    faces = resting_faces(create.cylinder(0.004, 0.18, sections=6))
    assert [face.upright for face in faces] == [False] and abs(faces[0].down[2]) < 0.01


def test_a_shell_is_weighed_by_its_hull():
    """A bowl without a thickness is not closed: it says so, and nothing waits for a centre that is outside."""
    dish = create.revolve(np.array([(0, 0), (5, 0), (9, 2)]) / 100, sections=32)
    entries, said = on_faces(mesh_of(dish), dish)
    assert len(entries) == 2 and "convex hull" in said[0]


def test_thousands_of_triangles_rest_as_few_do():
    fine, coarse = (create.capsule(0.1, 0.02, count=[count, count]) for count in (64, 16))
    downs = [face.down for solid in (fine, coarse) for face in resting_faces(solid)]
    assert len(fine.convex_hull.faces) > 1000 and len(downs) == 2 and abs(np.array(downs)[:, 2]).max() < 0.01


def test_faces_are_the_same_every_time():
    solid, _ = solids()["cylinder"]
    first, second = resting_faces(solid), resting_faces(solid)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.rotation, other.rotation)
        assert one.weight == other.weight


@pytest.mark.parametrize("seed", range(4))
def test_drops_end_as_trimesh_says(seed: int):
    hull = trimesh.convex.convex_hull(np.random.default_rng(seed).normal(size=(14, 3)))
    downs, weights, _ = drops(hull, np.asarray(hull.center_mass))
    motions, theirs = trimesh.poses.compute_stable_poses(hull, hull.center_mass, seed=0)
    order = np.argsort(-weights)
    np.testing.assert_allclose(weights[order], theirs, atol=1e-6)
    np.testing.assert_allclose(downs[order], -motions[:, 2, :3], atol=1e-4)


def test_a_folders_meshes_stand_on_all_their_faces(tmp_path: Path):
    """Or on those that meshes.yaml names, with the probabilities that these have among themselves."""
    create.box([0.10, 0.06, 0.04]).export(tmp_path / "box.ply")
    read = partial(understand, tmp_path, Reading(up="z", resting="stable"))
    assert [round(mesh.weight, 2) for mesh in read().catalogue.meshes] == [0.56, 0.32, 0.12]
    assert [mesh.face for mesh in understand(tmp_path, Reading(up="z")).catalogue.meshes] == [0]
    placed = understand(tmp_path, Reading(up="z", resting="placed")).catalogue.meshes
    assert [(mesh.face, mesh.weight) for mesh in placed] == [(face, pytest.approx(1 / 3)) for face in range(3)]
    (tmp_path / "meshes.yaml").write_text("box.ply: {rest: [0, 2]}")
    meshes = read().catalogue.meshes
    assert [(mesh.face, round(mesh.weight, 2)) for mesh in meshes] == [(0, 0.82), (2, 0.18)]
    (tmp_path / "meshes.yaml").write_text("box.ply: {rest: [3]}")
    with pytest.raises(UserError, match="rests on faces 0 to 2, and not on 3"):
        read()

"""Meshes: sizes on paper, closed and outward, the symmetry that they claim."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from render_tools import on_faces

from air3d.model.prior import Prior
from scenes.camera import Camera
from scenes.catalogue import CATALOGUES, Catalogue, catalogue
from scenes.errors import UserError
from scenes.layout import Layout, sample, support
from scenes.mesh import Mesh, build
from scenes.parts import plain
from scenes.poses import world_poses

LYING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
MESHES = {mesh.name: mesh for name in CATALOGUES for mesh in catalogue(name).meshes}

# width along x, along y and height in centimetres; faces; symmetry
EXPECTED = {
    "cube": (7.0, 7.0, 7.0, 48, 4),
    "marked_cube": (7.0, 7.0, 7.0, 48, 1),
    "sphere": (7.6, 7.6, 7.6, 224, 0),
    "cylinder": (6.4, 6.4, 8.0, 96, 1),
    "plate": (20.0, 20.0, 2.2, 160, 0),
    "bowl": (14.0, 13.79, 6.0, 216, 0),
    "mug": (13.27, 9.0, 10.0, None, 1),
    "saucepan": (30.08, 15.76, 9.0, None, 1),
}


@pytest.fixture(params=MESHES.values(), ids=MESHES.keys())
def mesh(request: pytest.FixtureRequest) -> Mesh:
    return request.param


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    return trimesh.transform_points(points, trimesh.transformations.rotation_matrix(angle, [0, 0, 1]))


def test_names_and_order():
    assert catalogue("shapes").names == ("cube", "sphere", "cylinder")
    assert catalogue("crockery").names == ("plate", "bowl", "mug", "saucepan")


def test_size_and_symmetry(mesh: Mesh):
    *size, faces, symmetry = EXPECTED[mesh.name]
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0) * 100, size, atol=0.02)
    assert faces in (None, len(mesh.faces))
    assert len(mesh.faces) <= 600
    assert mesh.symmetry == symmetry


def test_closed_outward_and_on_the_table(mesh: Mesh):
    solid = mesh.solid()
    assert solid.is_watertight and solid.is_winding_consistent
    assert solid.volume > 1e-4
    assert mesh.vertices[:, 2].min() == pytest.approx(0, abs=1e-7)
    assert mesh.faces.dtype == np.int32 and mesh.vertices.dtype == np.float32


def test_normals_are_unit_and_point_away_from_their_faces(mesh: Mesh):
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    corners = mesh.vertices[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    assert (np.einsum("fci,fi->fc", mesh.normals[mesh.faces], across) > 0.7).all()


def test_vertices_split_at_creases_only():
    cube, sphere = MESHES["cube"], MESHES["sphere"]
    assert len(cube.vertices) == 6 * 9
    assert np.isclose(np.abs(cube.normals).max(1), 1).all(), "a cube is shaded flat"
    assert len(sphere.vertices) == 7 * 16 + 2, "a sphere is shaded smoothly"
    outward = sphere.vertices - [0, 0, 0.038]
    np.testing.assert_allclose(sphere.normals, outward / 0.038, atol=0.08)


def test_faces_have_one_colour(mesh: Mesh):
    assert (np.ptp(mesh.colours[mesh.faces], axis=1) == 0).all()
    assert mesh.colours.min() >= 0 and mesh.colours.max() <= 1


def surface_change(mesh: Mesh, angle: float) -> float:
    """Largest distance in metres from the mesh's face centres, turned, to a face of the same colour."""
    solid = mesh.solid()
    worst = 0.0
    colours = mesh.colours[mesh.faces[:, 0]]
    for colour in np.unique(colours, axis=0):
        same = (colours == colour).all(1)
        part = solid.submesh([np.flatnonzero(same)], append=True)
        centres = turned(solid.triangles_center[same], angle)
        worst = max(worst, trimesh.proximity.closest_point_naive(part, centres)[1].max())
    return worst


def test_symmetry_is_true_and_complete(mesh: Mesh):
    if mesh.symmetry == 0:
        # a polygon of 16 to 20 sides stays within its own sagitta, whatever the angle
        assert max(surface_change(mesh, angle) for angle in (0.11, 1.0, 2.5)) < 0.0025
        return
    assert surface_change(mesh, 2 * np.pi / mesh.symmetry) < 1e-6
    fractions = {part / whole for whole in range(2, 9) for part in range(1, whole)}
    others = [2 * np.pi * f for f in fractions if (f * mesh.symmetry) % 1]
    assert min(surface_change(mesh, angle) for angle in others) > 0.004, "it has more symmetry than it says"


@pytest.mark.parametrize("name, inner", [("mug", 3.8), ("saucepan", 7.25)])
def test_handle_is_outside_along_x(name: str, inner: float):
    mesh = MESHES[name]
    radius = np.linalg.norm(mesh.vertices[:, :2], axis=1) * 100
    handle = mesh.vertices[radius > EXPECTED[name][1] / 2 + 0.3]
    assert len(handle) and (handle[:, 0] > 0).all() and np.abs(handle[:, 1]).max() < 0.014
    cavity = trimesh.creation.cylinder(radius=inner / 100, segment=[[0, 0, 0.009], [0, 0, 0.11]])
    assert trimesh.boolean.intersection([mesh.solid(), cavity]).is_empty, "the handle pokes through the wall"


ANYWHERE = st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-2, 2))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(MESHES)), ANYWHERE)
def test_a_mesh_stands_on_its_base_point_wherever_its_maker_had_the_origin(name: str, away: tuple[float, float, float]):
    """Its footprint covers the base point, and what claims a symmetry has it there."""
    mesh = MESHES[name]
    moved = build(name, mesh.solid().apply_translation(away), plain((0.5, 0.5, 0.5)), mesh.symmetry)
    assert moved.footprint.buffer(1e-6).covers(shapely.Point(0, 0)) and moved.radius < 0.31
    assert moved.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert np.ptp(moved.vertices, axis=0) == pytest.approx(np.ptp(mesh.vertices, axis=0), abs=1e-6)
    if mesh.symmetry != 1:
        np.testing.assert_allclose(np.sort(moved.vertices, 0), np.sort(mesh.vertices, 0), atol=2e-6)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(MESHES)), ANYWHERE, st.booleans())
def test_objects_with_an_origin_anywhere_are_inferred_and_laid_out(
    name: str, away: tuple[float, float, float], by_hand: bool
):
    """x and y stay to be inferred, and no object leaves the table; `by_hand`: a mesh that `build` did not see."""
    mesh = MESHES[name]
    if by_hand:  # within reach of the table, for base points are drawn on it
        shifted = (mesh.vertices + np.array([away[0] / 10, away[1] / 10, 0])).astype(np.float32)
        moved = replace(mesh, vertices=shifted)
    else:
        moved = build(name, mesh.solid().apply_translation(away), plain((0.5, 0.5, 0.5)), mesh.symmetry)
    known, layout = Catalogue((moved,)), Layout(table=(0.8, 0.8), min_objects=1, max_objects=1)
    low, high = support(layout, known)
    assert Prior(1, 1, low.tolist(), high.tolist()).free.tolist() == [1, 1, 0]
    camera = Camera.look_at((0.0, -2.0, 2.0), (0.0, 0.0, 0.0), 40.0, 64, 64)
    for seed in range(3):
        objects = sample(layout, known, camera, np.random.default_rng(seed))
        rotation, position = (pose[0, 0] for pose in world_poses(objects, known))
        corners = moved.vertices @ rotation.T + position
        assert (np.abs(corners[:, :2]) <= 0.4 + 1e-6).all() and corners[:, 2].min() == pytest.approx(0, abs=1e-6)
        assert (low - 1e-6 <= position).all() and (position <= high + 1e-6).all(), "where the prior can be"


CHANGES = {
    "name": lambda mesh: {"name": mesh.name + "2"},
    "vertices": lambda mesh: {"vertices": mesh.vertices + np.float32([0, 0, 1e-5])},
    "colours": lambda mesh: {"colours": mesh.colours * np.float32(0.999)},
    "faces": lambda mesh: {"faces": mesh.faces[:, [1, 2, 0]]},
    "fewer faces": lambda mesh: {"faces": mesh.faces[1:]},
    "symmetry": lambda mesh: {"symmetry": mesh.symmetry + 1},
    "placement": lambda mesh: {"placement": np.diag([1.0, -1.0, -1.0, 1.0])},
    "lift": lambda mesh: {"placement": trimesh.transformations.translation_matrix([0, 0, 0.01])},
    "face": lambda mesh: {"face": 1},
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_catalogue_is_known_by_all_that_makes_its_meshes(mesh: Mesh, what: str):
    other = replace(mesh, **CHANGES[what](mesh))
    assert other.fingerprint != mesh.fingerprint
    assert Catalogue((other,)).fingerprint != Catalogue((mesh,)).fingerprint


def test_fingerprints_are_those_that_are_stored():
    """What was made before meshes had several entries is known by them: data sets, networks, test sets."""
    stored = json.loads((Path(__file__).parents[2] / "testsets/path_traced_1/scenes.json").read_text())
    assert catalogue("crockery").fingerprints == stored["info"]["fingerprints"]
    assert catalogue("crockery").fingerprint == "a297b651ed6423e3f6169e817bca2fc2b96ab31e940b8546b361881a0268927b"


def test_entries_of_several_faces():
    mugs, plates = (on_faces((MESHES[name],), LYING, weights=(0.75, 0.25)).meshes for name in ("mug", "plate"))
    known = Catalogue((*mugs, MESHES["bowl"], *plates))
    assert len(known) == 5 and known.kinds == ("mug", "bowl", "plate") and known.kind_of.tolist() == [0, 0, 1, 2, 2]
    assert known.names == ("mug/0", "mug/1", "bowl", "plate/0", "plate/1")
    np.testing.assert_allclose(known.weights, np.array([0.75, 0.25, 1, 0.75, 0.25]) / 3)
    assert [known.entry("mug", 1), known.entry("bowl"), known.entry("plate")] == [1, 2, 3]
    with pytest.raises(KeyError, match="'bowl' on face 1"):
        known.entry("bowl", 1)
    assert known.fingerprints["bowl"] == MESHES["bowl"].fingerprint
    assert len({*known.fingerprints.values(), *(mesh.fingerprint for mesh in known.meshes)}) == 7
    heavier = on_faces((MESHES["mug"],), LYING, weights=(0.5, 0.5))
    assert heavier.fingerprints["mug"] != known.fingerprints["mug"]


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda mugs, bowl: (mugs[0], bowl, mugs[1]), "stand together"),
        (lambda mugs, bowl: (mugs[0], replace(mugs[1], face=0)), "same face"),
        (lambda mugs, bowl: (bowl, mugs[0]), "sum to 1"),
        (lambda mugs, bowl: (replace(mugs[0], weight=0.0), replace(mugs[1], weight=1.0)), "above 0"),
        (lambda mugs, bowl: (), "at least one"),
    ],
)
def test_what_is_no_catalogue(change, words: str):
    with pytest.raises(ValueError, match=words):
        Catalogue(change(on_faces((MESHES["mug"],), LYING).meshes, MESHES["bowl"]))


def test_fingerprints_are_the_same_every_time_and_on_every_machine(mesh: Mesh):
    """The last digits of sines, and the sign of a zero, are the machine's."""
    noise = np.random.default_rng(0).normal(scale=1e-12, size=mesh.vertices.shape)
    assert replace(mesh, vertices=mesh.vertices + noise).fingerprint == mesh.fingerprint
    assert len(mesh.fingerprint) == 64 and len({each.fingerprint for each in MESHES.values()}) == len(MESHES)
    crockery = catalogue("crockery")
    assert Catalogue(crockery.meshes[::-1]).fingerprint != crockery.fingerprint


def test_packed_arrays_hold_every_mesh():
    shapes: Catalogue = catalogue("shapes")
    packed = shapes.packed()
    assert packed.vertices.shape == (3, 114, 3) and packed.faces.shape == (3, 224, 3)
    for k, mesh in enumerate(shapes.meshes):
        np.testing.assert_array_equal(packed.normals[k, : packed.vertex_count[k]], mesh.normals)
        np.testing.assert_array_equal(packed.faces[k, : packed.face_count[k]], mesh.faces)
        assert not packed.faces[k, packed.face_count[k] :].any()


def test_unknown_catalogue():
    with pytest.raises(UserError, match=r"no catalogue 'cutlery'.*crockery"):
        catalogue("cutlery")

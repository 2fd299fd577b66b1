"""Meshes as people have them: formats, parts, units, axes, and what is put right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_folders import BOX, box, obj_text, picture, save

from scenes.mesh import Mesh
from scenes.meshes.entries import Reading, Understood, understand
from scenes.meshes.find import mesh_files


def read(folder: Path, **settings: object) -> Understood:
    return understand(folder, Reading(**settings))  # type: ignore[arg-type]


def size(mesh: Mesh) -> np.ndarray:
    return np.ptp(mesh.vertices, axis=0)


@pytest.mark.parametrize("ending", ["obj", "glb", "gltf", "ply", "stl", "off"])
def test_every_format_gives_the_same_box_standing_on_its_own_up_axis(tmp_path: Path, ending: str):
    if ending == "gltf":
        for name, data in trimesh.exchange.gltf.export_gltf(trimesh.Scene(box())).items():
            (tmp_path / name.replace("model", "thing")).write_bytes(data)
    else:
        save(tmp_path, f"thing.{ending}")
    (mesh,) = read(tmp_path).catalogue.meshes
    y_up = ending in ("obj", "glb", "gltf")
    wanted = np.array(BOX)[[0, 2, 1] if y_up else [0, 1, 2]]
    assert mesh.name == "thing" and np.allclose(size(mesh), wanted, atol=1e-5)
    assert mesh.vertices[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert np.allclose(mesh.footprint.centroid.coords[0], 0, atol=1e-6)
    assert mesh.solid().is_volume, "closed, and wound outwards"


def test_the_parts_of_a_scene_graph_are_where_it_puts_them(tmp_path: Path):
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(np.pi / 2, [0, 0, 1], [0, 0, 0])
    for place in (np.eye(4), trimesh.transformations.translation_matrix([0.2, 0, 0]) @ turn):
        scene.add_geometry(trimesh.creation.box((0.1, 0.02, 0.02)), transform=place)
    save(tmp_path, "pair.glb", scene)
    (mesh,) = read(tmp_path).catalogue.meshes
    assert np.allclose(size(mesh), [0.26, 0.02, 0.1], atol=1e-5)


def test_a_part_that_is_mirrored_still_looks_outwards(tmp_path: Path):
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.cone(0.04, 0.1), transform=np.diag([-1.0, 1, 1, 1]))
    save(tmp_path, "cone.glb", scene)
    (mesh,) = read(tmp_path).catalogue.meshes
    assert mesh.solid().volume > 0


@pytest.mark.parametrize(("scale", "said"), [(1, "metres"), (100, "centimetres"), (1000, "millimetres")])
def test_units_are_guessed_by_size(tmp_path: Path, scale: float, said: str):
    """In that order: the first in which the longest side is between 2 and 60 cm."""
    save(tmp_path, "thing.stl", box(*(scale * side for side in BOX)))
    understood = read(tmp_path)
    assert f"{said} guessed" in understood.lines[0]
    assert np.allclose(size(understood.catalogue.meshes[0]), BOX, rtol=1e-4)


def test_what_was_made_one_unit_large_has_no_size(tmp_path: Path):
    save(tmp_path, "other.stl")
    save(tmp_path, "thing.stl", box(*(side / max(BOX) for side in BOX)))
    understood = read(tmp_path)
    assert understood.catalogue.kinds == ("other",)
    assert understood.left_out == (
        "thing.stl: left out, it is 1 units large, which is between 2 and 60 cm neither in metres, centimetres nor "
        "millimetres: give its size or units in meshes.yaml, or list it in sizes.csv",
    )


def test_an_obj_that_stands_on_z_is_z_up_and_the_setting_goes_before_the_guess(tmp_path: Path):
    scan = box()
    scan.apply_translation([0, -0.03, 0])
    save(tmp_path, "scan.obj", scan)
    assert np.allclose(size(read(tmp_path).catalogue.meshes[0]), BOX, atol=1e-5)
    assert np.allclose(size(read(tmp_path, up="x").catalogue.meshes[0])[2], BOX[0], atol=1e-5)


@pytest.mark.parametrize(("axis", "up"), [(2, "z up: stands best so"), (1, "y up guessed")])
def test_a_can_in_an_obj_that_stands_on_no_plane_is_not_laid_down(tmp_path: Path, axis: int, up: str):
    can = trimesh.creation.cylinder(0.04, 0.1, sections=48)
    can.vertices = np.roll(can.vertices, axis - 2, axis=1) + 0.01
    save(tmp_path, "can.obj", can)
    understood = read(tmp_path)
    assert size(understood.catalogue.meshes[0])[2] == pytest.approx(0.1, abs=1e-3) and up in understood.lines[0]


def test_placement_takes_the_file_to_where_the_entry_stands(tmp_path: Path):
    solid = box()
    solid.apply_translation([0.3, 0.4, 0.5])
    save(tmp_path, "thing.obj", solid)
    (mesh,) = read(tmp_path).catalogue.meshes
    placed = solid.vertices @ mesh.placement[:3, :3].T + mesh.placement[:3, 3]
    assert np.allclose(np.sort(placed.min(0)), np.sort(mesh.vertices.min(0)), atol=1e-6)
    assert np.allclose(np.ptp(placed, axis=0), size(mesh), atol=1e-6)


def test_names_are_those_of_files_unless_they_say_nothing(tmp_path: Path):
    for name in (
        "cup.stl",
        "cups/textured.stl",
        "plates/flat.stl",
        "plates/deep.stl",
        ".hidden/no.stl",
        "a/b/c/no.stl",
    ):
        save(tmp_path, name)
    assert read(tmp_path).catalogue.kinds == ("cup", "cups", "deep", "flat")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["Mug/scan_16k.obj", "Box/scan_16k.obj"], ["Box", "Mug"]),
        (["004_sugar_box/google_16k/textured.obj", "004_sugar_box/google_16k/nontextured.stl"], ["004_sugar_box"] * 2),
        (["lamp/visual/lamp.obj", "lamp/collision/lamp.obj", "lamp/collision_vhacd.obj"], ["lamp"]),
        (["old/cup.stl", "old/lid.stl", "new/cup.stl", "new/pot.stl"], ["new_cup", "pot", "old_cup", "lid"]),
        (["cup.stl", "old/cup.stl"], ["cup", "old"]),
        (["model.glb"], ["model"]),
    ],
)
def test_files_of_one_name_in_several_folders_are_called_as_those_are(
    tmp_path: Path, files: list[str], names: list[str]
):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [found.name for found in mesh_files(tmp_path)] == names


def test_what_is_broken_is_mended_and_said(tmp_path: Path):
    """Loose triangles, some twice, some turned round, one without an area: a whole box again."""
    solid = box()
    triangles = solid.triangles.copy()
    triangles[::3] = triangles[::3, ::-1]
    triangles = np.concatenate([triangles, triangles[:2], np.full((1, 3, 3), 0.01)])
    loose = trimesh.Trimesh(triangles.reshape(-1, 3), np.arange(3 * len(triangles)).reshape(-1, 3), process=False)
    save(tmp_path, "broken.stl", loose)
    understood = read(tmp_path)
    assert understood.catalogue.meshes[0].solid().is_volume
    assert re.search(
        r"1 faces without area left out; 2 faces twice left out; \d+ faces turned round", understood.lines[0]
    )


def test_a_triangle_that_touches_no_other_does_not_stop_the_mending(tmp_path: Path):
    solid = box()
    faces = np.concatenate([solid.faces[:4], solid.faces[4:, ::-1], [[8, 9, 10]]])
    alone = np.array([[0, 0, 0.2], [0.02, 0, 0.2], [0, 0.02, 0.21]])
    save(tmp_path, "thing.stl", trimesh.Trimesh(np.concatenate([solid.vertices, alone]), faces, process=False))
    understood = read(tmp_path)
    assert "faces turned round" in understood.lines[0]


def test_an_open_surface_is_painted_from_both_sides_and_a_closed_one_is_not(tmp_path: Path):
    tube = trimesh.creation.cylinder(0.04, 0.1, sections=24)
    save(tmp_path, "closed.stl", tube)
    opened = tube.copy()
    opened.update_faces(opened.face_normals[:, 2] < 0.9)
    save(tmp_path, "opened.stl", opened)
    closed, seen = read(tmp_path).catalogue.meshes
    assert len(closed.faces) == len(tube.faces)
    assert len(seen.faces) > 1.8 * len(opened.faces)
    solid = trimesh.Trimesh(seen.vertices, seen.faces, process=False)
    facing = np.einsum("fd,fd->f", solid.face_normals, seen.normals[seen.faces[:, 0]])
    assert (facing > 0).all(), "the inside has normals of its own"


def test_what_nobody_can_see_is_left_out(tmp_path: Path):
    inside = trimesh.creation.icosphere(3, 0.03)
    save(tmp_path, "egg.stl", trimesh.util.concatenate([trimesh.creation.icosphere(3, 0.05), inside]))
    understood = read(tmp_path)
    assert f"{len(inside.faces):,} hidden faces left out" in understood.lines[0]
    assert np.linalg.norm(understood.catalogue.meshes[0].vertices - [0, 0, 0.05], axis=1).min() > 0.04


def test_many_triangles_become_few_of_the_same_shape(tmp_path: Path):
    fine = trimesh.creation.icosphere(5, 0.05)
    save(tmp_path, "ball.stl", fine)
    understood = read(tmp_path, triangles=300)
    (mesh,) = understood.catalogue.meshes
    assert 250 <= len(mesh.faces) <= 300 and f"for {len(fine.faces):,}" in understood.lines[0]
    distance = np.linalg.norm(mesh.vertices - [0, 0, 0.05], axis=1)
    assert np.abs(distance - 0.05).max() < 0.0015 and mesh.solid().is_volume
    straight = np.einsum("vd,vd->v", mesh.normals, mesh.vertices - [0, 0, 0.05]) / distance
    assert straight.min() > 0.97, "normals are smooth"


def test_loose_triangles_are_thinned_too(tmp_path: Path):
    rng = np.random.default_rng(0)
    points = (rng.uniform(0, 0.1, (2000, 1, 3)) + rng.normal(0, 0.002, (2000, 3, 3))).reshape(-1, 3)
    save(tmp_path, "dust.stl", trimesh.Trimesh(points, np.arange(6000).reshape(-1, 3), process=False))
    (mesh,) = read(tmp_path).catalogue.meshes
    assert 0 < len(mesh.faces) <= 500


def test_a_thin_wall_keeps_its_inside_in(tmp_path: Path):
    """A cup of one millimetre, blue outside and white inside, in few triangles: nothing white comes through."""
    outer = trimesh.creation.revolve([(0, 0), (0.04, 0), (0.04, 0.1)], sections=96)
    inner = trimesh.creation.revolve([(0.04, 0.1), (0.039, 0.1), (0.039, 0.001), (0, 0.001)], sections=96)
    for solid, colour in ((outer, (0, 0, 255, 255)), (inner, (255, 255, 255, 255))):
        solid.visual.vertex_colors = np.tile(np.uint8(colour), (len(solid.vertices), 1))
    save(tmp_path, "cup.ply", trimesh.util.concatenate([outer, inner]))
    (mesh,) = read(tmp_path, triangles=200).catalogue.meshes
    radius = np.linalg.norm(mesh.vertices[:, :2], axis=1)
    side = (mesh.vertices[:, 2] > 0.01) & (mesh.vertices[:, 2] < 0.09)
    blue = mesh.colours[:, 0] < 0.5
    assert radius[blue].max() == pytest.approx(0.04, abs=0.001)
    assert not (side & ~blue).any() or radius[side & ~blue].max() < 0.04 * np.cos(np.pi / 12)


def test_the_same_folder_is_read_once_and_a_changed_one_again(tmp_path: Path):
    save(tmp_path, "thing.stl")
    first = read(tmp_path)
    assert read(tmp_path) is first
    save(tmp_path, "thing.stl", box(0.1, 0.1, 0.11))
    assert read(tmp_path) is not first


def test_a_reader_of_text_is_not_fooled_by_backslashes_and_options(tmp_path: Path):
    (tmp_path / "maps").mkdir()
    picture(tmp_path / "maps" / "red.png", np.full((4, 4, 3), [1.0, 0, 0]))
    (tmp_path / "thing.mtl").write_text("newmtl m\nmap_Kd -s 1 1 1 maps\\red.png\n")
    (tmp_path / "thing.obj").write_text(obj_text(box(), "mtllib thing.mtl\nusemtl m", uv=True))
    (mesh,) = read(tmp_path).catalogue.meshes
    assert np.allclose(mesh.colours, [1, 0, 0], atol=0.01)

"""Materials, textures and colours, brought to the triangles that a renderer shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_folders import box, obj_text, picture, save

from scenes.mesh import Mesh
from scenes.meshes.entries import Reading, understand


def only(folder: Path, triangles: int = 500) -> tuple[Mesh, str]:
    understood = understand(folder, Reading(triangles=triangles))
    (mesh,), (line,) = understood.catalogue.meshes, understood.lines
    return mesh, line


def painted_obj(folder: Path, mtl: str, colours: np.ndarray | None = None) -> None:
    (folder / "thing.mtl").write_text(f"newmtl m\n{mtl}\n")
    (folder / "thing.obj").write_text(
        obj_text(box(0.1, 0.1, 0.1), "mtllib thing.mtl\nusemtl m", uv=colours is not None)
    )
    if colours is not None:
        picture(folder / "map.png", colours)


@pytest.mark.parametrize(
    ("mtl", "wanted"),
    [
        ("Kd 0.2 0.4 0.6", [0.2, 0.4, 0.6]),
        ("Kd 0.5 1 1\nmap_Kd map.png", [0.4, 0.4, 0.2]),
        ("Kd 0 0 0\nmap_Kd map.png", [0.8, 0.4, 0.2]),
        ("map_Kd map.png", [0.8, 0.4, 0.2]),
    ],
)
def test_kd_is_the_colour_and_multiplies_a_texture_unless_it_is_black(tmp_path: Path, mtl: str, wanted: list[float]):
    painted_obj(tmp_path, mtl, np.full((8, 8, 3), [0.8, 0.4, 0.2]) if "map" in mtl else None)
    mesh, line = only(tmp_path)
    assert np.allclose(mesh.colours, wanted, atol=0.01) and "grey" not in line


def test_gltf_numbers_are_linear(tmp_path: Path):
    solid = box(0.1, 0.1, 0.1)
    material = trimesh.visual.material.PBRMaterial(baseColorFactor=[1.0, 0.5, 0.0, 1.0])
    solid.visual = trimesh.visual.TextureVisuals(uv=np.zeros((len(solid.vertices), 2)), material=material)
    save(tmp_path, "thing.glb", solid)
    mesh, _ = only(tmp_path)
    assert np.allclose(mesh.colours, [1.0, 0.5 ** (1 / 2.2), 0.0], atol=0.01)


@pytest.mark.parametrize("kind", ["vertex_colors", "face_colors"])
def test_colours_of_vertices_and_faces(tmp_path: Path, kind: str):
    solid = box(0.1, 0.1, 0.1)
    top = (solid.vertices if kind == "vertex_colors" else solid.triangles_center)[:, 2] > 0.05
    if kind == "face_colors":
        top = solid.face_normals[:, 2] > 0.9
    setattr(solid.visual, kind, np.where(top[:, None], np.uint8([255, 0, 0, 255]), np.uint8([0, 0, 255, 255])))
    save(tmp_path, "thing.ply", solid)
    mesh, line = only(tmp_path)
    above = mesh.colours[(mesh.normals[:, 2] > 0.9)]
    below = mesh.colours[(mesh.normals[:, 2] < -0.9)]
    assert np.allclose(above, [1, 0, 0], atol=0.02) and np.allclose(below, [0, 0, 1], atol=0.02) and "grey" not in line


def test_no_material_is_grey_and_said(tmp_path: Path):
    save(tmp_path, "thing.stl")
    mesh, line = only(tmp_path)
    assert np.allclose(mesh.colours, 0.75, atol=1e-3) and "without material: grey" in line


def test_a_printed_picture_shows_on_a_box_of_twelve_triangles(tmp_path: Path):
    """A red disc on blue on every side: large triangles are divided where the colours meet."""
    rows, columns = np.indices((128, 128)) / 128 - 0.5
    disc = np.hypot(rows, columns) < 0.3
    obj_quads(tmp_path)
    picture(tmp_path / "map.png", np.stack([disc, 0 * rows, ~disc], 2).astype(float))
    mesh, _ = only(tmp_path)
    assert 300 < len(mesh.faces) <= 500
    corners = mesh.vertices[mesh.faces]
    front = (corners[..., 1] < -0.0499).all(1)
    middles, colours = corners[front].mean(1), mesh.colours[mesh.faces[front]].mean(1)
    distance = np.hypot(middles[:, 0], middles[:, 2] - 0.05) - 0.03
    assert (colours[distance < -0.004, 0] > 0.9).all() and (colours[distance > 0.006, 2] > 0.9).all()
    assert (distance < -0.004).sum() >= 4 and (distance > 0.006).sum() >= 4


def test_an_edge_between_colours_in_the_middle_costs_few_triangles(tmp_path: Path):
    """Left half red, right half blue: one cut through every side is enough."""
    colours = np.zeros((64, 64, 3))
    colours[:, :32, 0], colours[:, 32:, 2] = 1, 1
    obj_quads(tmp_path)
    picture(tmp_path / "map.png", colours)
    mesh, _ = only(tmp_path)
    assert len(mesh.faces) <= 60
    assert (
        np.isclose(mesh.colours, [1, 0, 0], atol=0.02).all(1).any()
        and np.isclose(mesh.colours, [0, 0, 1], atol=0.02).all(1).any()
    )


def test_fine_print_becomes_its_mean_and_no_noise(tmp_path: Path):
    """A picture of 512 x 512 texels, black and white in turn."""
    rows, columns = np.indices((512, 512))
    obj_quads(tmp_path)
    picture(tmp_path / "map.png", np.repeat(((rows + columns) % 2)[..., None], 3, axis=2).astype(float))
    mesh, _ = only(tmp_path)
    assert np.abs(mesh.colours - 0.5).max() < 0.06


def obj_quads(folder: Path) -> None:
    """A cube, z up, with the whole picture upright on each of its four sides, grey above and below."""
    half, lines = 0.05, ["mtllib thing.mtl", "usemtl m", "vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    (folder / "thing.mtl").write_text("newmtl m\nmap_Kd map.png\nnewmtl plain\nKd 0.5 0.5 0.5\n")
    corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    lines += [f"v {x} {y} {z}" for z in (0, 2 * half) for x, y in corners]
    for side in range(4):
        right = (side + 1) % 4
        lines.append(f"f {side + 1}/1 {right + 1}/2 {right + 5}/3 {side + 5}/4")
    lines += ["usemtl plain", "f 4 3 2 1", "f 5 6 7 8"]
    (folder / "thing.obj").write_text("\n".join(lines) + "\n")

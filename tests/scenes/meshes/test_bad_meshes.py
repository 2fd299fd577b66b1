"""What must not be read, and what cannot be used: named in one line, and the others go on."""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_folders import box, glb, obj_text, picture, save

from scenes.errors import UserError
from scenes.meshes import entries, files, find, heads
from scenes.meshes.entries import Reading, Understood, understand


def beside_a_good_one(folder: Path) -> Understood:
    """Of a folder with one bad mesh: the good one is there, the bad one left out in one line."""
    save(folder, "good.stl")
    understood = understand(folder, Reading())
    assert understood.catalogue.kinds == ("good",) and len(understood.left_out) == 1
    assert "\n" not in understood.left_out[0]
    return understood


@pytest.mark.parametrize("content", [[], ["notes.txt"], ["a/b/c/deep.stl"], ["collision/hull.stl"]])
def test_a_folder_without_meshes(tmp_path: Path, content: list[str]):
    for name in content:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match=r"holds no meshes \(\.obj"):
        understand(tmp_path, Reading())
    with pytest.raises(UserError, match="is no folder"):
        understand(tmp_path / "nowhere", Reading())


def test_where_no_mesh_can_be_used_that_is_the_error(tmp_path: Path):
    (tmp_path / "bad.stl").write_bytes(b"solid")
    with pytest.raises(UserError, match=r"none of the meshes .* can be used \(bad.stl: left out"):
        understand(tmp_path, Reading())


def test_the_second_of_two_meshes_of_one_name(tmp_path: Path):
    save(tmp_path, "good.obj")
    assert "good.stl: left out, it has the name of good.obj" in beside_a_good_one(tmp_path).left_out[0]


def test_what_nobody_foresaw_costs_one_mesh_and_not_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(folder: Path, found: entries.Found, *rest: object) -> entries.Prepared:
        if found.name == "bad":
            raise IndexError("of a library\nin two lines")
        return prepare(folder, found, *rest)  # type: ignore[arg-type]

    prepare = entries.prepare
    monkeypatch.setattr(entries, "prepare", broken)
    save(tmp_path, "bad.stl")
    said = "bad.stl: left out, it could not be understood (IndexError: of a library in two lines)"
    assert said in beside_a_good_one(tmp_path).left_out[0]


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_vertices_that_are_no_numbers(tmp_path: Path, strange: float):
    solid = box()
    vertices = np.array(solid.vertices)
    vertices[3, 1] = strange
    (tmp_path / "bad.obj").write_text(obj_text(trimesh.Trimesh(vertices, solid.faces, process=False)))
    assert "NaN or infinite" in beside_a_good_one(tmp_path).left_out[0]


@pytest.mark.parametrize(("side", "said"), [(0.0, "no extent"), (3000.0, "units large"), (1e-7, "units large")])
def test_a_mesh_of_nothing_and_one_of_three_kilometres(tmp_path: Path, side: float, said: str):
    (tmp_path / "bad.obj").write_text(obj_text(box(side, side, side) if side else nothing()))
    assert said in beside_a_good_one(tmp_path).left_out[0]


def nothing() -> trimesh.Trimesh:
    solid = box()
    return trimesh.Trimesh(0 * solid.vertices, solid.faces, process=False)


def test_a_sheet_has_no_face_to_rest_on(tmp_path: Path):
    (tmp_path / "bad.obj").write_text("v 0 0 0\nv .1 0 0\nv .1 0 .1\nv 0 0 .1\nf 1 2 3\nf 1 3 4\n")
    assert "flat" in beside_a_good_one(tmp_path).left_out[0]


def tree(count: int, **more: object) -> dict:
    """A glTF of one triangle whose first accessor declares `count` vertices."""
    return {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"componentType": 5126, "type": "VEC3", "count": count}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        **more,
    }


BOMBS = {
    "an accessor without a buffer": (tree(10**11), "declares"),
    "a buffer": (tree(3, buffers=[{"byteLength": 10**12}]), "declares"),
    "views": (
        tree(3, bufferViews=[{"buffer": 0, "byteLength": 36}] * 10 + [{"buffer": 0, "byteLength": 10**12}]),
        "bytes",
    ),
    "many triangles of one buffer": (
        tree(10**6, meshes=[{"primitives": [{"attributes": {"POSITION": 0}}] * 1000}]),
        "numbers of vertices",
    ),
    "nodes that double": (
        tree(3, nodes=[*({"children": [i + 1, i + 1]} for i in range(40)), {"mesh": 0}]),
        "below two",
    ),
    "a negative count": (tree(-5), "no glTF"),
    "an extension": (tree(3, extensionsRequired=["KHR_draco_mesh_compression"]), "needs KHR_draco"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_glb_that_declares_a_large_one(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    declared, said = BOMBS[name]
    (tmp_path / "bomb.glb").write_bytes(glb(declared, bytes(36)))
    monkeypatch.setattr("trimesh.exchange.gltf.load_glb", None)  # it is refused before it is parsed
    assert said in beside_a_good_one(tmp_path).left_out[0]


@pytest.mark.parametrize("ending", find.KINDS)
def test_damaged_files_of_every_format(tmp_path: Path, ending: str):
    """The first third of a file, and bytes that are none at all."""
    for name in ("cut", "noise"):
        save(tmp_path, f"{name}{ending}")
    whole = (tmp_path / f"cut{ending}").read_bytes()
    (tmp_path / f"cut{ending}").write_bytes(whole[: len(whole) // 3])
    (tmp_path / f"noise{ending}").write_bytes(np.random.default_rng(0).bytes(2000))
    save(tmp_path, "good/good.stl")
    understood = understand(tmp_path, Reading())
    assert "good" in understood.catalogue.kinds and len(understood.left_out) == 2
    assert not any("\n" in line for line in understood.left_out)


@pytest.mark.parametrize("kind", ["ply", "off"])
def test_a_text_that_declares_more_than_it_holds(tmp_path: Path, kind: str):
    ply = "ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\nproperty float x\nend_header\n"
    (tmp_path / f"bad.{kind}").write_text(ply if kind == "ply" else "OFF\n99999999999 12 0\n")
    assert "declares 99999999999 elements" in beside_a_good_one(tmp_path).left_out[0]


def test_a_file_beyond_the_bound(tmp_path: Path):
    with (tmp_path / "bad.stl").open("wb") as file:
        file.truncate(files.MOST_BYTES + 1)
    assert "MB, more than" in beside_a_good_one(tmp_path).left_out[0]


def test_a_pipe_and_a_folder_are_no_meshes(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.stl")
    (tmp_path / "folder.stl").mkdir()
    save(tmp_path, "good.stl")
    assert understand(tmp_path, Reading()).catalogue.kinds == ("good",)


def material(folder: Path, texture: str, library: str = "thing.mtl") -> None:
    (folder / "thing.mtl").write_text(f"newmtl m\nKd 0.2 0.4 0.6\nmap_Kd {texture}\n")
    (folder / "thing.obj").write_text(obj_text(box(), f"mtllib {library}\nusemtl m", uv=True))


def said_of(folder: Path) -> str:
    """The line of a mesh that is used in its plain colour, because its texture is not."""
    understood = understand(folder, Reading())
    (mesh,), (line,) = understood.catalogue.meshes, understood.lines
    assert np.allclose(mesh.colours, [0.2, 0.4, 0.6], atol=0.01) and "\n" not in line
    return line


def test_a_texture_that_is_missing(tmp_path: Path):
    material(tmp_path, "nowhere.png")
    assert "nowhere.png is missing" in said_of(tmp_path)


def header_only_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is that large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("height", [20, 8000, 20_000])
def test_a_texture_of_twenty_thousand_pixels_is_not_unpacked(tmp_path: Path, height: int):
    (tmp_path / "wide.png").write_bytes(header_only_png(20_000, height))
    material(tmp_path, "wide.png")
    line = said_of(tmp_path)
    assert "wide.png is 20,000 x" in line or "wide.png has more than" in line


def test_a_texture_that_is_a_program_is_not_run(tmp_path: Path):
    """PostScript is what Pillow would hand to an interpreter."""
    (tmp_path / "map.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    material(tmp_path, "map.png")
    assert "map.png is no picture that can be read" in said_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret.png", "leads out of the folder"),
        ("sub/../../secret.png", "leads out of the folder"),
        ("{outside}/secret.png", "is an absolute path"),
        ("C:\\secret.png", "is an absolute path"),
        ("~/secret.png", "is an absolute path"),
        ("https://example.org/secret.png", "is an address"),
        ("link.png", "leads out of the folder"),
        ("linked/secret.png", "leads out of the folder"),
    ],
)
def test_no_texture_outside_the_folder_is_read(tmp_path: Path, name: str, said: str):
    folder = tmp_path / "inside"
    folder.mkdir()
    picture(tmp_path / "secret.png", np.full((4, 4, 3), [1.0, 0, 0]))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "linked").symlink_to(tmp_path)
    material(folder, name.format(outside=tmp_path))
    assert said in said_of(folder)


def test_no_material_library_outside_the_folder_is_read(tmp_path: Path):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.mtl").write_text("newmtl m\nKd 1 0 0\n")
    (folder / "thing.obj").write_text(obj_text(box(), "mtllib ../secret.mtl\nusemtl m"))
    understood = understand(folder, Reading())
    assert "secret.mtl leads out of the folder" in understood.lines[0] and "grey" in understood.lines[0]


@pytest.mark.parametrize("uri", ["../secret.bin", "/etc/passwd", "https://example.org/secret.bin", "%2e%2e/secret.bin"])
def test_no_buffer_outside_the_folder_is_read(tmp_path: Path, uri: str):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(np.float32(box().triangles[0]).tobytes())
    (folder / "bad.gltf").write_text(json.dumps(tree(3, buffers=[{"byteLength": 36, "uri": uri}])))
    assert "bad.gltf" in beside_a_good_one(folder).left_out[0]


def test_links_out_of_the_folder_are_no_meshes(tmp_path: Path):
    folder = tmp_path / "inside"
    folder.mkdir()
    save(tmp_path, "secret.stl")
    save(tmp_path, "outside/secret.stl")
    (folder / "linked.stl").symlink_to(tmp_path / "secret.stl")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "circle.stl").symlink_to(folder / "circle.stl")
    save(folder, "good.stl")
    understood = understand(folder, Reading())
    assert understood.catalogue.kinds == ("good",)
    assert any("linked.stl: left out, it leads out of the folder" in line for line in understood.left_out)


def test_a_large_picture_inside_a_glb_is_said_and_not_unpacked(tmp_path: Path):
    data = base64.b64encode(header_only_png(20_000, 20_000)).decode()
    notes: list[str] = []
    heads.check_gltf(b'{"images": [{"uri": "data:image/png;base64,%s"}]}' % data.encode(), b"", notes.append)
    assert len(notes) == 1 and notes[0].startswith("its picture 0")

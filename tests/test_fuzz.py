"""Every reader of foreign files, on files that were damaged at random: a UserError of one line, or an answer.

AIR3D_FUZZ=1000 tries so many files of each kind instead of a few.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from bop_sets import read as read_bop_set
from bop_sets import written as bop_set
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mesh_folders import box, obj_text, picture
from PIL import Image
from small_runs import small_config, small_trainer

from air3d import cli
from air3d.programs import generate as generate_program
from air3d.training.checkpoint import (
    RELEASED,
    load_checkpoint,
    load_config,
    read_weights,
    save_config,
    save_weights,
    stored_settings,
)
from scenes.catalogue import catalogue
from scenes.catalogue_file import read_catalogue, save_catalogue
from scenes.errors import UserError
from scenes.meshes.files import Unusable
from scenes.meshes.find import mesh_files
from scenes.meshes.load import load
from scenes.meshes.overrides import overrides
from scenes.meshes.sizes import listed_sizes
from scenes.photographs import read_photograph
from scenes.pictures import open_picture
from scenes.reading import read_dataset

CASES = int(os.environ.get("AIR3D_FUZZ", "25"))

fuzzed = settings(
    max_examples=CASES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip

TOKENS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0" * 8, b"-1", b"1e999", b"NaN", b"1" * 400, b"{", b"[" * 3000,
          b'"', b"../../etc/passwd", b"${oc.env:HOME}", b"*a", b"\xc3\x28", b"\n\n")  # fmt: skip
place = st.floats(0, 1)
edit = st.one_of(
    st.tuples(st.just("write"), place, st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(TOKENS))),
    st.tuples(st.just("insert"), place, st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(TOKENS))),
    st.tuples(st.just("cut"), place, place),
    st.tuples(st.just("repeat"), place, place),
)
edits = st.lists(edit, min_size=1, max_size=4)

VALUES = [None, True, -1, 0, 1e300, -1e300, 10**400, float("nan"), float("inf"), "", "../x", "a" * 5000, [], {}, [[]],
          [1e300] * 3, [float("nan")] * 3, [0] * 9, [True] * 4, {"a": 1}]  # fmt: skip


def damaged(content: bytes, changes: list[tuple[str, float, Any]]) -> bytes:
    """A file's bytes after some edits at relative places."""
    for how, at, what in changes:
        start = int(at * len(content))
        if how == "write":
            content = content[:start] + what + content[start + len(what) :]
        elif how == "insert":
            content = content[:start] + what + content[start:]
        else:
            low, high = sorted((start, int(what * len(content))))
            middle = b"" if how == "cut" else content[low:high][:4096] * 2
            content = content[:low] + middle + content[high:]
    return content


def replaced(tree: Any, at: float, value: Any) -> Any:
    """A JSON tree with one of its nodes replaced, whichever `at` says, or taken away."""
    nodes: list[tuple[Any, Any]] = []

    def visit(node: Any) -> None:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            nodes.append((node, key))
            visit(node[key])

    visit(tree)
    parent, key = nodes[min(int(at * len(nodes)), len(nodes) - 1)]
    if value == "take away":
        del parent[key]
    else:
        parent[key] = deepcopy(value)
    return tree


def answered(read: Callable[[], Any]) -> None:
    """The reader gives an answer or says in one line why it does not; anything else is what is looked for."""
    try:
        read()
    except (UserError, Unusable) as error:
        assert str(error) and "\n" not in str(error)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good file of every kind."""
    here = tmp_path_factory.mktemp("files")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    for ending in ("png", "jpg", "gif", "tiff", "webp", "bmp", "jp2", "ppm"):
        noise.save(here / f"a.{ending}")
    noise.convert("P").save(here / "p.png", transparency=3)
    Image.fromarray(np.full((24, 32), 9000, np.uint16)).save(here / "deep.png")
    Image.fromarray(np.full((24, 32), 9000, np.uint16)).save(here / "deep.tiff")
    solid, meshes = box(), here / "meshes"
    meshes.mkdir()
    for ending in ("stl", "ply", "off", "glb"):
        solid.export(meshes / f"{ending}.{ending}")
    textured = trimesh.Trimesh(solid.vertices, solid.faces, process=False)
    textured.visual = trimesh.visual.TextureVisuals(solid.vertices[:, :2], image=noise)
    textured.export(meshes / "textured.glb")
    (meshes / "obj.obj").write_text(obj_text(solid, "mtllib m.mtl\nusemtl paint", uv=True))
    (meshes / "m.mtl").write_text("newmtl paint\nKd 0.2 0.4 0.8\nmap_Kd t.png\n")
    picture(meshes / "t.png", np.full((4, 4, 3), 0.5))
    (meshes / "meshes.yaml").write_text(
        "stl: {units: mm, up: -z, colour: [0.1, 0.2, 0.3], rest: [0]}\nobj: {use: no}\n"
    )
    (meshes / "sizes.csv").write_text("name,width,depth,height\nstl,1,2,3\n")
    generate_program.main(cli.compose("generate", ["scene=tabletop", "scenes=2", f"out={here / 'set'}",
                                                   "scene.image_size=16", "scene.min_objects=1"]))  # fmt: skip
    bop_set(here / "bop")
    run = here / "run"
    trainer = small_trainer(run, "trainer.steps=1")
    trainer.save("last.pt")
    save_config(small_config(run), run)
    save_weights(run / RELEASED, trainer.run)
    save_catalogue(here / "catalogue.npz", catalogue("shapes"))
    return here


PICTURES = ("a.png", "a.jpg", "a.gif", "a.tiff", "a.webp", "a.bmp", "a.jp2", "a.ppm", "p.png", "deep.png", "deep.tiff")


@pytest.mark.parametrize("name", PICTURES)
@fuzzed
@given(changes=edits)
def test_pictures(files: Path, tmp_path: Path, name: str, changes: list[Any]) -> None:
    path = tmp_path / name
    path.write_bytes(damaged((files / name).read_bytes(), changes))
    answered(lambda: read_photograph(path, 8, 8))
    answered(lambda: open_picture(path))


@pytest.mark.parametrize("name", ["stl.stl", "ply.ply", "off.off", "glb.glb", "textured.glb", "obj.obj"])
@fuzzed
@given(changes=edits)
def test_meshes(files: Path, tmp_path: Path, name: str, changes: list[Any]) -> None:
    for other in ("m.mtl", "t.png"):
        shutil.copy(files / "meshes" / other, tmp_path)
    (tmp_path / name).write_bytes(damaged((files / "meshes" / name).read_bytes(), changes))
    answered(lambda: load(tmp_path, Path(name)))


@pytest.mark.parametrize("name", ["m.mtl", "t.png"])
@fuzzed
@given(changes=edits)
def test_what_a_mesh_names(files: Path, tmp_path: Path, name: str, changes: list[Any]) -> None:
    for other in ("obj.obj", "m.mtl", "t.png"):
        shutil.copy(files / "meshes" / other, tmp_path)
    (tmp_path / name).write_bytes(damaged((files / "meshes" / name).read_bytes(), changes))
    answered(lambda: load(tmp_path, Path("obj.obj")))


@pytest.mark.parametrize("name", ["meshes.yaml", "sizes.csv"])
@fuzzed
@given(changes=edits)
def test_what_stands_beside_meshes(files: Path, name: str, changes: list[Any]) -> None:
    path, before = files / "meshes" / name, (files / "meshes" / name).read_bytes()
    found = mesh_files(files / "meshes")
    try:
        path.write_bytes(damaged(before, changes))
        answered(lambda: (overrides(files / "meshes", found), listed_sizes(files / "meshes", found)))
    finally:
        path.write_bytes(before)


def reading(files: Path) -> dict[str, tuple[Path, Callable[[], Any]]]:
    """File and reader by name."""
    bop = files / "bop/test/000000"
    return {
        "scenes": (files / "set/scenes.json", lambda: read_dataset(files / "set")),
        "manifest": (files / "set/manifest.json", lambda: read_dataset(files / "set")),
        **{name: (bop / f"{name}.json", lambda: read_bop_set(files / "bop"))
           for name in ("scene_camera", "scene_gt", "scene_gt_info")},
        "models_info": (files / "bop/models/models_info.json", lambda: read_bop_set(files / "bop")),
        "config": (files / "run/config.yaml", lambda: load_config(files / "run")),
        "settings": (files / "run/config.yaml", lambda: stored_settings(files / "run")),
        "checkpoint": (files / "run/last.pt", lambda: load_checkpoint(files / "run/last.pt")),
        "weights": (files / f"run/{RELEASED}", lambda: read_weights(files / f"run/{RELEASED}")),
        "catalogue": (files / "catalogue.npz", lambda: read_catalogue(files / "catalogue.npz")),
    }  # fmt: skip


BYTEWISE = ("scenes", "manifest", "scene_camera", "scene_gt", "scene_gt_info", "models_info", "config", "settings",
            "checkpoint", "weights", "catalogue")  # fmt: skip


@pytest.mark.parametrize("name", BYTEWISE)
@fuzzed
@given(changes=edits)
def test_files_with_damaged_bytes(files: Path, name: str, changes: list[Any]) -> None:
    path, read = reading(files)[name]
    before, manifest = path.read_bytes(), files / "set/manifest.json"
    checked = manifest.read_bytes()
    try:
        path.write_bytes(damaged(before, changes))
        if name == "scenes":
            manifest.unlink()  # which would notice
        answered(read)
    finally:
        manifest.write_bytes(checked)
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["scenes", "manifest", "scene_camera", "scene_gt", "scene_gt_info", "models_info"])
@fuzzed
@given(at=st.lists(place, min_size=1, max_size=3), value=st.sampled_from([*VALUES, "take away"]))
def test_json_that_says_something_else(files: Path, name: str, at: list[float], value: Any) -> None:
    path, read = reading(files)[name]
    before, manifest = path.read_bytes(), files / "set/manifest.json"
    checked = manifest.read_bytes()
    tree = json.loads(before)
    for each in at:
        tree = replaced(tree, each, value) if tree else tree
    try:
        path.write_text(json.dumps(tree))
        if name == "scenes":
            manifest.unlink()
        answered(read)
    finally:
        manifest.write_bytes(checked)
        path.write_bytes(before)

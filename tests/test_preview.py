"""preview.py: what was understood of a folder, on a page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_folders import box, save
from PIL import Image

from air3d.cli import compose
from air3d.programs import preview
from air3d.report.preview.pictures import camera_for
from scenes.catalogue import catalogue
from scenes.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["side=64", "renderer.antialias=1"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a folder with two meshes that can be used, on all their faces, and one that cannot."""
    folder = tmp_path_factory.mktemp("meshes")
    save(folder, "brick.stl", box(0.12, 0.08, 0.05))
    save(folder, "tin.stl", trimesh.creation.cylinder(0.04, 0.1, sections=16))
    (folder / "cut.ply").write_text("ply\n")
    (folder / "meshes.yaml").write_text("brick.stl: {name: 'a <b> & c'}\n")
    page = tmp_path_factory.mktemp("page") / "preview.html"
    words = ["scene=meshes", f"scene.meshes={folder}", "scene.resting=stable", f"out={page}", *SMALL]
    preview.main(compose("preview", words))
    return page


def test_a_page_shows_every_face_of_every_mesh(written: Path):
    page = written.read_text(encoding="utf-8")
    assert "2 meshes, 5 entries" in page and "cut.ply" in page
    assert page.count("<dl>") == 5 and page.count("<img ") == 1 + 5 * 5
    assert "12.0 x 8.0 x 5.0 cm" in page and "2-fold symmetry: the same after 180 degrees" in page
    assert "a body of revolution: no turn shows" in page


def test_a_page_needs_nothing_beside_it_and_escapes_names(written: Path):
    page = written.read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in page and "<script" not in page and "url(" not in page
    assert "<b>" not in page and "a &lt;b&gt; &amp; c" in page
    shown = Image.open(io.BytesIO(base64.b64decode(sources[1].partition(",")[2])))
    assert shown.size == (64, 64) and np.ptp(np.asarray(shown.convert("L"))) > 50


def test_a_picture_of_all_of_it_lies_beside_the_page(written: Path):
    sheet = Image.open(written.with_suffix(".png"))
    assert sheet.height > 5 * 64 and sheet.width > 5 * 64


def test_our_own_catalogues_can_be_looked_at(tmp_path: Path):
    preview.main(compose("preview", [f"out={tmp_path / 'p.html'}", *SMALL]))
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert [page.count(f"<h2>{name}</h2>") for name in ("plate", "bowl", "mug", "saucepan")] == [1, 1, 1, 1]


def test_a_table_that_is_too_small_does_not_keep_the_meshes_from_being_looked_at(tmp_path: Path):
    words = ["scene.table=[0.25,0.25]", "scene.min_objects=3", "scene.tries=2", f"out={tmp_path / 'p.html'}", *SMALL]
    preview.main(compose("preview", words))
    assert "no table can be painted" in (tmp_path / "p.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [0.003, 0.1, 3.0])
def test_a_camera_has_the_whole_mesh_in_its_picture(size: float):
    mug = catalogue("crockery").meshes[2]
    large = type(mug)(mug.name, (mug.vertices * size / 0.1).astype(np.float32), mug.normals, mug.colours, mug.faces, 1)
    for elevation in (22.0, 89.0):
        seen = camera_for(large, 90.0, elevation, 192).project(large.vertices.astype(float))
        assert np.abs(seen[:, :2]).max() < 1 and np.abs(seen[:, :2]).max() > 0.4
        assert seen[:, 2].min() > 0.1 and seen[:, 2].max() < 10


@pytest.mark.parametrize("words", [["out=page.txt"], ["side=8"], ["scene=meshes"], ["scene=meshes", "scene.meshes=no"]])
def test_bad_input_is_one_line(words: list[str]):
    with pytest.raises(UserError) as error:
        preview.main(compose("preview", words))
    assert "\n" not in str(error.value)


def test_a_bad_folder_ends_the_program_with_one_line(tmp_path: Path):
    words = [sys.executable, "preview.py", "scene=meshes", f"scene.meshes={tmp_path}", f"out={tmp_path / 'p.html'}"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1 and not (tmp_path / "p.html").exists()

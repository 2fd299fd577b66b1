"""scene=meshes, from a folder on the command line to runs and data sets that need it no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import trimesh
from hydra.core.hydra_config import HydraConfig
from mesh_folders import box, save

from air3d import cli
from air3d.programs import evaluate, infer, train
from air3d.programs import generate as generate_py
from air3d.training.checkpoint import load_run
from air3d.training.config import Config
from scenes.bop.reading import read_bop
from scenes.catalogue_file import read_catalogue
from scenes.dataset import read_dataset
from scenes.errors import UserError
from scenes.manifest import sha256
from scenes.scene import Scene, SceneConfig

ROOT = Path(__file__).resolve().parents[1]
TINY = ["scene=meshes", "scene.image_size=32", "scene.triangles=60", "scene.max_objects=2"]
SHORT = [
    *("trainer.steps=2", "trainer.batch=4", "trainer.validate_every=2", "trainer.validation_scenes=8"),
    *("trainer.panel_scenes=2", "logger.mode=disabled"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two meshes that can be used, and one that cannot."""
    save(tmp_path / "meshes", "brick.stl", box(0.12, 0.08, 0.05))
    save(tmp_path / "meshes", "tin.stl", trimesh.creation.cylinder(0.04, 0.1, sections=16))
    (tmp_path / "meshes" / "cut.ply").write_text("ply\n")
    return tmp_path / "meshes"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return generate_py


def learn(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """train.py with that command line, as Hydra would call it."""
    monkeypatch.setattr(HydraConfig, "get", lambda: type("Given", (), {"overrides": type("O", (), {"task": [*words]})}))
    train.main(cli.compose("train", [*words]))


@pytest.mark.slow
def test_a_run_needs_its_folder_no_more(folder: Path, tmp_path: Path, capsys, monkeypatch):
    run_dir = tmp_path / "run"
    learn(monkeypatch, *TINY, *SHORT, f"scene.meshes={folder}", f"run_dir={run_dir}")
    said = capsys.readouterr().out.splitlines()
    for start in ("brick: 12.0 x 8.0 x 5.0 cm", "tin: 8.0 x 8.0 x 10.0 cm", "cut.ply: left out, it is damaged"):
        assert sum(line.startswith(start) for line in said) == 1, "a line a mesh, once"
    kept = read_catalogue(run_dir / "catalogue.npz")
    assert kept.kinds == ("brick", "tin")
    shutil.rmtree(folder)
    assert load_run(run_dir).scene.catalogue.fingerprint == kept.fingerprint
    learn(monkeypatch, f"resume={run_dir}", "trainer.steps=3")
    evaluate.main(cli.compose("evaluate", [f"run={run_dir}", "scenes=4", "scene.table=[0.7,0.7]"]))
    assert (run_dir / "evaluation" / "metrics.json").exists()


def test_a_data_set_carries_its_catalogue(folder: Path, tmp_path: Path, generate: ModuleType, capsys, monkeypatch):
    out = tmp_path / "set"
    words = [*TINY, "scenes=3", f"scene.meshes={folder}", f"out={out}"]
    generate.main(cli.compose("generate", words))
    assert "brick: 12.0 x 8.0" in capsys.readouterr().out
    listed = json.loads((out / "manifest.json").read_text())["files"]
    assert listed["catalogue.npz"] == sha256(out / "catalogue.npz")
    assert str(folder) not in (out / "scenes.json").read_text(), "it says what the meshes are and not where they lay"
    kept = read_catalogue(out / "catalogue.npz")
    assert len(read_dataset(out, kept).objects) == 3
    generate.main(cli.compose("generate", words))
    assert "already holds" in capsys.readouterr().out
    again = ["scene.meshes=" + str(out / "catalogue.npz"), f"out={tmp_path / 'again'}"]
    shutil.rmtree(folder)
    generate.main(cli.compose("generate", [*TINY, "scenes=3", *again]))
    for name in sorted(listed):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes(), name
    run_dir = tmp_path / "run"
    learn(monkeypatch, *TINY, *SHORT, again[0], f"run_dir={run_dir}")
    infer_words = [f"run={run_dir}", f"pictures={out}", "calibration_scenes=20", "show=1"]
    infer.main(cli.compose("infer", infer_words))
    answers = json.loads((run_dir / "inferred" / "scenes.json").read_text())
    assert answers["info"]["catalogue"] == ["brick", "tin"]


def test_bops_layout_holds_the_meshes_as_they_were_understood(folder: Path, tmp_path: Path, generate: ModuleType):
    out = tmp_path / "set"
    generate.main(cli.compose("generate", [*TINY, "scenes=3", f"scene.meshes={folder}", f"out={out}", "format=bop"]))
    kept = read_catalogue(out / "catalogue.npz")
    assert kept.kinds == ("brick", "tin")
    scene = Scene(SceneConfig(catalogue="meshes", meshes=str(out / "catalogue.npz"), image_size=32))
    data = read_bop(out, kept, scene.views(0, [0]), (32, 32))
    assert data.objects is not None and len(data.objects) == 3 and not data.remarks


def test_an_altered_catalogue_is_noticed(folder: Path, tmp_path: Path, generate: ModuleType):
    out = tmp_path / "set"
    generate.main(cli.compose("generate", [*TINY, "scenes=1", f"scene.meshes={folder}", f"out={out}"]))
    (out / "catalogue.npz").write_bytes(b"something else")
    with pytest.raises(UserError, match="was altered"):
        read_dataset(out)
    with pytest.raises(UserError, match="is no catalogue"):
        Scene(SceneConfig(catalogue="meshes", meshes=str(out / "catalogue.npz")))


def test_the_scene_draws_what_is_in_the_folder(folder: Path):
    config = cli.typed(cli.compose("train", [*TINY, f"scene.meshes={folder}"]), Config).scene
    scene = Scene(config)
    assert scene.catalogue.kinds == ("brick", "tin") and scene.camera.height == 32
    objects = scene.batch(0, range(20))
    assert set(np.unique(objects.identity[objects.presence])) == {0, 1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give scene.meshes=FOLDER"),
        (["scene.meshes=/nowhere"], "is no folder"),
        (["scene.meshes=/nowhere", "scene.resting=stabel"], "no scene.resting=stabel; did you mean stable"),
        (["scene.meshes=/nowhere", "scene.up=w"], "scene.up is w"),
        (["scene.meshes=/nowhere", "scene.triangles=3"], "scene.triangles is 3"),
        (["scene.meshes=/nowhere", "scene.least_weight=0"], "scene.least_weight is 0"),
        (["scene.meshes=/nowhere", "scene.catalogue=crockery"], "scene.meshes is for scene=meshes"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], said: str):
    with pytest.raises(UserError, match=said):
        Scene(cli.typed(cli.compose("train", ["scene=meshes", *words]), Config).scene)

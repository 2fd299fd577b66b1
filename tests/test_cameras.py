"""Pictures that another camera took than that of the training: a data set brings its own, and through that one they
are understood."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from evaluating import evaluate

from air3d import cli
from air3d.programs import generate as generate_py
from air3d.programs import infer as infer_py
from scenes.reading import read_dataset

ROOT = Path(__file__).resolve().parents[1]
TABLETOP = f"run={ROOT / 'pretrained' / 'tabletop'}"
CAMERA = ("scene.camera_position=[0.25,-0.80,1.33]", "scene.camera_target=[0.02,0.0,0.0]", "scene.field_of_view=34")
WITHIN = 0.02  # metres


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that was seen from the side, from higher up and with a wider lens."""
    folder = tmp_path_factory.mktemp("elsewhere") / "tables"
    words = [f"out={folder}", "scenes=30", "count=2", "seed=4", *CAMERA]
    generate_py.main(cli.compose("generate", words))
    return folder


def share_found(pictures: Path, data: Path, out: Path) -> float:
    """The share of the data set's objects that infer.py finds in these pictures of it, with the right name."""
    words = [TABLETOP, f"pictures={pictures}", f"out={out}", "calibration_scenes=20", "show=0"]
    infer_py.main(cli.compose("infer", words))
    scenes, truth = json.loads((out / "scenes.json").read_text())["scenes"], read_dataset(data)
    found = 0
    for index, scene in enumerate(scenes):
        for entry in scene["objects"]:
            away = np.linalg.norm(truth.objects.position[index] - entry["3d_coords"], axis=1)
            nearest = int(away.argmin())
            found += away[nearest] < WITHIN and truth.names[truth.objects.identity[index, nearest]] == entry["shape"]
    return found / truth.objects.presence.sum()


def test_infer_sees_a_data_set_through_its_own_camera(elsewhere: Path, tmp_path: Path) -> None:
    shutil.copytree(elsewhere / "images", tmp_path / "pictures")  # alone, they were taken by nobody knows whom
    own = share_found(elsewhere, elsewhere, tmp_path / "own")
    assumed = share_found(tmp_path / "pictures", elsewhere, tmp_path / "assumed")
    assert own > 0.95 and assumed < 0.2, (own, assumed)


def test_evaluate_judges_by_a_data_sets_own_camera(elsewhere: Path, tmp_path: Path) -> None:
    evaluate(TABLETOP, f"data={elsewhere}", f"out={tmp_path}")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["detection_rate"] > 0.95 and metrics["identity_accuracy"] > 0.95
    assert metrics["position_error_median_m"] < WITHIN / 2

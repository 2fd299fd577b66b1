"""evaluate.py with a run that never learned, and with one that did."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluating import evaluate
from small_runs import untrained

from air3d import cli
from air3d.evaluation.scenes import held_out_scenes, render
from air3d.inference.counting import by_likelihood
from air3d.programs import generate as generate_py
from air3d.training.checkpoint import load_run
from air3d.training.config import Config
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.scene import SceneConfig

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    return untrained(tmp_path_factory.mktemp("run"), Config(scene=SceneConfig(image_size=16)))


def test_from_the_command_line(run_dir):
    words = ["evaluate.py", f"run={run_dir}", "scenes=6", "counts=[0,2,4]", "seed=3", "importance_samples=2"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "6 held-out scenes in equal shares of counts [0, 2, 4], seed 3, at most 5 objects" in done.stdout
    written = json.loads((run_dir / "evaluation" / "metrics.json").read_text())
    assert written["scenes"] == 6 and written["max_objects"] == 5 and written["trained_counts"] == [0, 1, 2, 3]
    assert {"count_accuracy", "detection_rate", "reconstruction_mse", "elbo", "milliseconds_per_image"} <= set(written)
    assert written["importance_samples"] == 2 and "importance-weighted bound, 2 draws" in done.stdout
    assert "sure of its counts" in done.stdout and "rotation error, median, deg, by object" in done.stdout
    assert "where the rotation is visible" in done.stdout
    assert set(written["calibration"]["conformal"]["coverage"]) == {"position", "rotation"}
    assert sum(bar["scenes"] for bar in written["calibration"]["count"]["bars"]) == 6
    assert (run_dir / "evaluation" / "calibration.png").stat().st_size > 1000
    for part in written["by_count"].values():
        assert part["scenes"] == 2
    assert written["bop"]["targets"] == 12 and 0 <= written["bop"]["ap"] <= 1
    assert {"ap_mssd", "ap_mspd", "recall_add_or_s"} <= set(written["bop"]["intervals"])
    low, high = written["intervals"]["count_accuracy"]
    assert low <= written["count_accuracy"] <= high
    assert "AP as in BOP's detection task" in done.stdout and "95% intervals" in done.stdout


def test_counting_by_likelihood(run_dir, tmp_path):
    evaluate(f"run={run_dir}", "counting=likelihood", "scenes=20", f"out={tmp_path}")
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["counting"] == "likelihood" and written["calibration"]["count"]["confidence"] > 0.9
    run = load_run(run_dir)
    truth, view = held_out_scenes(run.scene, 0, 20)
    pictures, sigma = render(run.renderer, truth, view), run.config.trainer.schedule.sigma
    objects = by_likelihood(run.model, pictures, to_torch(view), 4, sigma=sigma).objects
    right = np.asarray(objects.count) == np.asarray(truth.count)
    assert written["count_accuracy"] == pytest.approx(right.mean())


def test_a_data_set_is_judged_and_another_scenes_refused(run_dir, tmp_path):
    def generated(name: str, *words: str) -> Path:
        generate_py.main(cli.compose("generate", [f"out={tmp_path / name}", "scenes=3", *words]))
        return tmp_path / name

    out, same = tmp_path / "out", generated("same", "scene.image_size=16")
    evaluate(f"run={run_dir}", f"data={same}", f"out={out}")
    written = json.loads((out / "metrics.json").read_text())
    assert written["scenes"] == 3 and written["data"] == str(same)
    shapes = "scene.image_size=16", "scene.catalogue=shapes", "scene.min_objects=3"
    for data, said in [
        (generated("larger", "scene.image_size=40"), "40 x 40 pixels"),
        (generated("shapes", *shapes), "cube|sphere|cylinder"),
    ]:
        with pytest.raises(UserError, match=said):
            evaluate(f"run={run_dir}", f"data={data}", f"out={out}")


@pytest.mark.parametrize("init", ["scan", "air"])
def test_optimisation(tmp_path: Path, capsys: pytest.CaptureFixture[str], init: str) -> None:
    run = f"run={ROOT / 'pretrained' / 'single_object'}"
    words = ["model=direct", f"init={init}", "model.starts=1", "model.steps=4", "model.refine=2", f"out={tmp_path}"]
    evaluate(run, "scenes=4", *words)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["init"] == init and metrics["model"]["name"] == "direct" and metrics["model"]["steps"] == 4
    assert "calibration" not in metrics and metrics["milliseconds_per_image"] > 0
    assert "count accuracy" in capsys.readouterr().out and (tmp_path / "examples.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give run=RUN_DIR"),
        (["run=nowhere"], "nowhere is not a run"),
        (["run=RUN", "counts=[1,300]"], "300 objects do not fit"),
        (["run=RUN", "scenes=many"], "scenes: Value 'many'"),
        (["run=RUN", "scenes=0"], "scenes=0: give at least 1"),
        (["run=RUN", "seed=-1"], "seed=-1: give 0 or more"),
        (["run=RUN", "seed=1000000"], "less than 1,000,000"),
        (["run=RUN", "data=nowhere"], "nowhere is no data set"),
        (["run=RUN", "data=nowhere", "counts=[1]"], "give one of them"),
        (["run=RUN", "sceenes=3"], "scenes"),
        (["run=RUN", "counting=presense"], "did you mean presence"),
        (["run=RUN", "counting=likelihood", "model=direct"], "counting=likelihood is for what a network says"),
    ],
)
def test_bad_input_gets_one_line(words, said, run_dir):
    with pytest.raises(UserError, match=said) as error:
        evaluate(*(word.replace("RUN", str(run_dir)) for word in words))
    assert "\n" not in str(error.value)

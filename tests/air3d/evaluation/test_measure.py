"""Evaluation with a network that cheats in known ways, and evaluate.py with a run that never learned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import evaluate as evaluate_py
from air3d import cli
from air3d.evaluation.matching import match
from air3d.evaluation.measure import evaluate_scenes
from air3d.evaluation.scenes import EvaluateConfig, held_out_scenes, render
from air3d.inference.counting import explained
from air3d.report.evaluation import table, write_evaluation
from air3d.report.records import read_csv
from air3d.splits import calibration_seed, train_seed, validation_seed
from air3d.splits import test_seed as seed_of_test
from air3d.training.checkpoint import build, load_run, save_checkpoint, save_config
from air3d.training.config import Config
from renderers import RendererConfig, build_renderer
from renderers.convert import to_torch
from scenes.dataset import describe, write_dataset
from scenes.errors import UserError
from scenes.layout import Layout
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(SceneConfig(image_size=32))


class Oracle:
    """Knows the truth by the mean colour of a picture, and claims a last object that is not there in scene 0."""

    def __init__(self, images: torch.Tensor, truth: Objects):
        self.keys, self.truth, self.calls = images.mean((1, 2, 3)), truth, 0

    def __call__(self, pictures: torch.Tensor):
        self.calls += 1
        rows = (pictures.mean((1, 2, 3))[:, None] - self.keys).abs().argmin(1)
        answer = to_torch(self.truth[rows.numpy()])
        answer.position = answer.position + torch.tensor([0.01, 0.0, 0.0])
        answer.presence = answer.presence.clone()
        answer.presence[rows == 0] = True
        canvases = [torch.zeros_like(pictures), *[pictures + 0.1] * answer.slots]
        return answer, canvases, torch.full(answer.presence.shape, 0.9)


@pytest.fixture(scope="module")
def judged(scene):
    truth = held_out_scenes(scene, 0, 10, [0, 1, 2, 3])
    images = torch.rand(10, 32, 32, 3, generator=torch.Generator().manual_seed(1))
    oracle = Oracle(images, truth)
    bound = lambda pictures: torch.full((len(pictures),), -7.0)  # noqa: E731
    return (
        images,
        truth,
        oracle,
        evaluate_scenes(oracle, images, truth, [1, 1, 1, 1], bound, batch_size=4, shows=truth.identity == 2),
    )


def test_what_is_measured(judged):
    _, _, oracle, evaluation = judged
    metrics = evaluation.metrics
    assert oracle.calls == 4  # one to warm up, three batches
    assert metrics["count_accuracy"] == pytest.approx(0.9) and metrics["count_confusion"][0] == [2, 0, 0, 1]
    assert metrics["detection_rate"] == metrics["identity_accuracy"] == 1
    assert metrics["position_error_median_m"] == pytest.approx(0.01, abs=1e-6)
    assert metrics["rotation_error_median_deg"] == pytest.approx(0, abs=1e-4)
    assert metrics["reconstruction_mse"] == pytest.approx(0.01, abs=1e-6) and metrics["elbo"] == -7
    assert metrics["milliseconds_per_image"] > 0 and metrics["max_objects"] == 3
    assert list(metrics["by_count"]) == ["0", "1", "2", "3"]
    assert [part["scenes"] for part in metrics["by_count"].values()] == [3, 3, 2, 2]
    assert metrics["by_count"]["0"]["count_accuracy"] == pytest.approx(2 / 3)
    assert metrics["by_count"]["2"]["count_accuracy"] == metrics["count_accuracy_by_count"]["2"] == 1


def test_what_is_written(judged, scene, tmp_path):
    images, truth, oracle, evaluation = judged
    write_evaluation(tmp_path, evaluation, oracle, images, truth, scene.catalogue, range(4), {"seed": 0})
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["seed"] == 0 and written["count_accuracy"] == evaluation.metrics["count_accuracy"]
    pictures = {path.name for path in tmp_path.glob("*.png") if Image.open(path).size[0] > 100}
    names = ("count_confusion", "count_accuracy_by_count", "position_error", "examples", "best", "median", "worst")
    assert pictures == {f"{name}.png" for name in names}
    scenes, objects = (read_csv(tmp_path / name) for name in ("scenes.csv", "objects.csv"))
    assert [int(row["objects"]) for row in scenes] == truth.count.tolist()
    assert [row["scene"] for row in scenes if row["objects"] != row["inferred"]] == ["0"]
    assert len(objects) == truth.count.sum() and all(row["object"] == row["inferred"] for row in objects)
    assert {round(float(row["distance_m"]), 6) for row in objects} == {0.01}
    turned = [row["rotation_error_deg"] for row in objects if row["object"] in ("mug", "saucepan")]
    assert turned and max(map(float, turned)) < 1e-3
    assert {row["rotation_error_deg"] for row in objects if row["object"] in ("plate", "bowl")} <= {""}
    assert all((row["object"] == scene.catalogue.names[2]) == (row["turn_shows"] == "1") for row in objects)
    lines = table(evaluation.metrics).splitlines()
    assert lines[0].split()[-5:] == ["all", "0", "1", "2", "3"] and len({len(line) for line in lines}) == 1
    assert next(line for line in lines if line.startswith("counted right")).split()[2:4] == ["90.0%", "66.7%"]


def test_without_a_bound_there_is_no_elbo(judged):
    images, truth, oracle, _ = judged
    assert evaluate_scenes(oracle, images[:2], truth[:2], [1, 1, 1, 1]).metrics["elbo"] is None


def test_held_out_scenes_are_balanced_and_do_not_depend_on_each_other(scene):
    truth = held_out_scenes(scene, 0, 8, [3, 1, 5])
    assert truth.count.tolist() == [3, 3, 3, 1, 1, 1, 5, 5]
    alone = held_out_scenes(scene, 0, 2, [5])
    assert len(match(truth[6:], alone).distance) == 10 and match(truth[6:], alone).distance.max() == 0
    assert match(truth[:3], truth[3:6]).distance.min() > 1e-3  # one count's scenes are not the beginning of another's


def test_held_out_seeds_are_apart():
    for seed in (0, 5):
        assert len({train_seed(seed), validation_seed(seed), seed_of_test(seed), calibration_seed(seed)}) == 4
    seeds = range(100_000)
    assert not {train_seed(s) for s in seeds} & ({validation_seed(s) for s in seeds} | {seed_of_test(s) for s in seeds})
    assert not {calibration_seed(s) for s in seeds} & {of(s) for s in seeds for of in (train_seed, seed_of_test)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"counts": [1, 200]}, "200 objects do not fit"),
        ({"counts": [1, 1]}, "different whole numbers"),
        ({"counts": [-1]}, "different whole numbers"),
        ({"counts": []}, "different whole numbers"),
        ({"counts": [0, 1, 2], "scenes": 2}, "at least one scene each"),
    ],
)
def test_bad_requests_for_scenes(scene, settings, said):
    with pytest.raises(UserError, match=said):
        held_out_scenes(scene, 0, **{"scenes": 10, **settings})


def test_steps_leave_room_to_count_too_many():
    several, one = Layout(min_objects=0, max_objects=3), Layout(min_objects=1, max_objects=1)
    two, six = (Objects.empty(1, 6) for _ in range(2))
    two.presence[:, :2], six.presence[:] = True, True
    settings = EvaluateConfig("run")
    assert (settings.steps(several, two), settings.steps(several, six)) == (4, 7)
    assert settings.steps(one, Objects.empty(1, 1)) == 1
    assert EvaluateConfig("run", max_objects=9).steps(several, six) == 9


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    """A run that never learned anything, as train.py would leave it."""
    folder = tmp_path_factory.mktemp("run")
    config = Config(scene=SceneConfig(image_size=32))
    run = build(config)
    save_config(config, folder)
    names = list(run.scene.catalogue.names)
    save_checkpoint(folder / "best.pt", {"identities": names, "model": run.model.state_dict()})
    return folder


def evaluate(*words: str) -> None:
    """evaluate.py in this process; its mistakes arrive as UserError."""
    evaluate_py.main(cli.compose("evaluate", list(words)))


def test_evaluate_from_the_command_line(run_dir):
    words = ["evaluate.py", f"run={run_dir}", "scenes=6", "counts=[0,2,4]", "seed=3", "importance_samples=2"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "6 held-out scenes in equal shares of counts [0, 2, 4], seed 3, at most 5 objects" in done.stdout
    written = json.loads((run_dir / "evaluation" / "metrics.json").read_text())
    assert written["scenes"] == 6 and written["max_objects"] == 5 and written["trained_counts"] == [0, 1, 2, 3]
    assert {"count_accuracy", "detection_rate", "reconstruction_mse", "elbo", "milliseconds_per_image"} <= set(written)
    assert written["importance_samples"] == 2 and "importance-weighted bound, 2 draws" in done.stdout
    assert "sure of its counts" in done.stdout and "rotation error, median, deg, by object" in done.stdout
    assert "where the turn shows" in done.stdout
    assert set(written["calibration"]["dreams"]["coverage"]) == {"position", "rotation"}
    assert sum(bar["scenes"] for bar in written["calibration"]["count"]["bars"]) == 6
    assert (run_dir / "evaluation" / "calibration.png").stat().st_size > 1000
    for part in written["by_count"].values():
        assert part["scenes"] == 2


def test_evaluate_counts_by_what_explains_the_picture(run_dir, tmp_path):
    evaluate(f"run={run_dir}", "counting=explained", "scenes=20", f"out={tmp_path}")
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["counting"] == "explained" and written["calibration"]["count"]["confidence"] > 0.9
    run = load_run(run_dir)
    truth = held_out_scenes(run.scene, 0, 20)
    objects = explained(run.model, render(run.renderer, truth), 4, sigma=run.config.trainer.schedule.sigma)[0]
    right = np.asarray(objects.count) == np.asarray(truth.count)
    assert written["count_accuracy"] == pytest.approx(right.mean())


def test_evaluate_a_data_set_and_refuse_another_scenes(run_dir, scene, tmp_path):
    def write(name: str, of: Scene) -> Path:
        truth = held_out_scenes(of, 0, 3)
        drawn = (render(build_renderer("reference", of, RendererConfig()), truth).numpy() * 255).astype(np.uint8)
        visible = [[50] * truth.slots] * 3
        write_dataset(tmp_path / name, describe(of, 0), of, truth, zip(drawn, visible, strict=True))
        return tmp_path / name

    out = tmp_path / "out"
    evaluate(f"run={run_dir}", f"data={write('same', scene)}", f"out={out}")
    assert json.loads((out / "metrics.json").read_text())["scenes"] == 3
    larger, shapes = SceneConfig(image_size=40), SceneConfig(image_size=32, catalogue="shapes", min_objects=3)
    higher = SceneConfig(image_size=32, camera_position=(0.0, -0.67, 1.42))
    refused = [("larger", larger, "40 x 40 pixels"), ("shapes", shapes, "cube|sphere|cylinder")]
    for name, other, said in [*refused, ("higher", higher, "another camera")]:
        with pytest.raises(UserError, match=said):
            evaluate(f"run={run_dir}", f"data={write(name, Scene(other))}", f"out={out}")


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
        (["run=RUN", "counting=sad"], "did you mean said"),
        (["run=RUN", "counting=explained", "model=direct"], "counting=explained is for what a network says"),
    ],
)
def test_bad_input_gets_one_line(words, said, run_dir):
    with pytest.raises(UserError, match=said) as error:
        evaluate(*(word.replace("RUN", str(run_dir)) for word in words))
    assert "\n" not in str(error.value)

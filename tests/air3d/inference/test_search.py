"""Optimisation through the renderer: it finds what is there, refines without harm, and is on the command line."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_runs import small_run

import train
from air3d import cli
from air3d.evaluation.matching import match
from air3d.evaluation.metrics import score
from air3d.evaluation.scenes import EvaluateConfig
from air3d.inference.refine import with_yaw, wrapped
from air3d.inference.search import Search, SearchConfig
from air3d.model.likelihood import log_likelihood
from air3d.training.checkpoint import Run
from renderers.convert import to_numpy, to_torch
from scenes.errors import UserError
from scenes.objects import Objects

ROOT = Path(__file__).resolve().parents[2]


def made(tmp_path: Path, *overrides: str, **settings: float) -> tuple[Run, Search]:
    run = small_run(tmp_path, *overrides)
    config = SearchConfig(**settings)  # type: ignore[arg-type]
    return run, Search(run.renderer, run.model.prior, len(run.scene.catalogue), config, 0.3)


def tensors(truth: Objects) -> Objects:
    objects = to_torch(truth)
    return Objects(objects.identity, objects.position, objects.rotation, objects.presence.float())


def test_refining_brings_objects_home_and_never_explains_less(tmp_path: Path) -> None:
    run, direct = made(tmp_path, "scene=tabletop", "scene.image_size=48", refine=60)
    truth = run.scene.batch(5, range(12))
    pictures, there = run.renderer.render(to_torch(truth)), tensors(truth)
    torch.manual_seed(0)
    off = Objects(there.identity, there.position.clone(), there.rotation.clone(), there.presence)
    off.position[..., :2] += 0.008 * torch.randn_like(off.position[..., :2])
    refined = direct.refine(pictures, off)
    wrong, right = (match(to_numpy(direct.answer(o)[0]), truth).distance for o in (off, refined))
    assert right.mean() < 0.2 * wrong.mean()

    def explained(objects: Objects) -> torch.Tensor:
        return log_likelihood(run.renderer.develop(direct.painted(objects)), pictures, 0.3)

    assert (explained(refined) >= explained(off)).all()


def test_search_finds_single_objects_and_empty_tables(tmp_path: Path) -> None:
    run, direct = made(tmp_path, "scene=tabletop", "scene.max_objects=1", "scene.image_size=48", refine=20)
    truth = run.scene.batch(7, range(8))
    pictures = run.renderer.render(to_torch(truth))
    torch.manual_seed(0)
    objects, canvases, sure = direct.search(pictures, 2)
    scores = score(to_numpy(objects), truth, [mesh.symmetry for mesh in run.scene.catalogue.meshes], sure.numpy())
    assert set(truth.count.tolist()) == {0, 1}
    assert scores["count_accuracy"] > 0.7 and scores["detection_rate"] > 0.7 and len(canvases) == 3
    assert (canvases[-1] - pictures).square().mean() < 0.2 * (canvases[0] - pictures).square().mean()


def test_refining_turns_what_looks_the_wrong_way(tmp_path: Path) -> None:
    """Saucepans that a network turned by half a circle, among others: no descent finds back from there."""
    run, direct = made(tmp_path, "scene=tabletop", "scene.image_size=48", refine=20)
    truth = run.scene.batch(3, range(6), 3)
    truth.identity[:, 0] = run.scene.catalogue.names.index("saucepan")
    pictures = run.renderer.render(to_torch(truth))
    right = to_torch(truth)
    wrong = with_yaw(right, 0, wrapped(right.rotation[:, 0] + math.pi))
    answer = Objects(wrong.identity, wrong.position, wrong.rotation, wrong.presence > 0.5), [], torch.ones(6, 3)
    objects, canvases, _ = direct.refined(pictures, answer)
    off = wrapped(objects.rotation[:, 0] - right.rotation[:, 0]).abs()
    assert off.max() < 0.05 and (canvases[-1] - pictures).square().mean() < 1e-4
    torch.testing.assert_close(objects.position, wrong.position, atol=0.003, rtol=0)


def test_angles_are_wrapped_to_the_half_open_circle() -> None:
    angles = torch.tensor([0.0, math.pi, -math.pi, 3 * math.pi / 2, -7.0])
    expected = torch.tensor([0.0, math.pi, math.pi, -math.pi / 2, -7.0 + 2 * math.pi])
    torch.testing.assert_close(wrapped(angles), expected)


@pytest.mark.parametrize("init", ["random", "air"])
def test_the_command_line_optimises_and_reports(tmp_path: Path, init: str) -> None:
    command = [
        sys.executable,
        "evaluate.py",
        "run=pretrained/single_object",
        "scenes=4",
        "model=direct",
        f"init={init}",
    ]
    command += ["model.starts=1", "model.steps=4", "model.refine=2", f"out={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["init"] == init and metrics["model"]["name"] == "direct" and metrics["model"]["steps"] == 4
    assert "calibration" not in metrics and metrics["milliseconds_per_image"] > 0
    assert "counted right" in done.stdout and (tmp_path / "examples.png").exists()


def test_what_it_does_not_know_it_says(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model=dirct"):
        SearchConfig("dirct")
    with pytest.raises(UserError, match=r"model\.starts"):
        SearchConfig(starts=0)
    with pytest.raises(UserError, match="give both"):
        EvaluateConfig("run", init="air")
    with pytest.raises(UserError, match="init=zero"):
        EvaluateConfig("run", model=SearchConfig(), init="zero")
    with pytest.raises(UserError, match=r"evaluate\.py"):
        train.main(cli.compose("train", ["model=direct", f"run_dir={tmp_path / 'run'}"]))

"""What a run says of its own training: the noise of its gradient, the renderer's share, and what wandb keeps of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb
from small_runs import small_config, small_trainer
from wandb_file import history

from air3d.training import diagnostics
from air3d.training.diagnostics import gradient_diagnostics, spread
from air3d.training.run import build
from air3d.training.tracking import Tracker, read_metrics
from air3d.training.trainer import Trainer

SMALL = ("scene=tabletop", "scene.image_size=16")


def test_spread_is_variance_and_its_share():
    """Draws of mean 2 and deviation 3 in 1000 directions: 9 in each, of a mean square of 4 + 9."""
    generator = torch.Generator().manual_seed(0)
    estimates = [spread(2 + 3 * torch.randn(4, 1000, generator=generator)) for _ in range(200)]
    variance, noise = np.mean(estimates, 0)
    assert variance == pytest.approx(9000, rel=0.01) and noise == pytest.approx(9 / 13, rel=0.01)
    assert spread(torch.ones(4, 10)) == (0, 0) and spread(torch.tensor([[1.0], [-1.0]]))[1] == 1
    assert spread(torch.zeros(4, 10)) == (0, 0)


@pytest.mark.parametrize("gradient", ["enumerate_counts", "nvil"])
def test_looking_changes_nothing(tmp_path: Path, gradient: str):
    trainer = small_trainer(tmp_path, "scene=tabletop", f"gradient={gradient}")
    trainer.train_step()
    before = {k: v.clone() for k, v in trainer.run.model.state_dict().items()}
    learned = {k: v.clone() for k, v in trainer.objective.learned.state_dict().items()}
    weights = trainer.settings.schedule.at(0.5)
    seen = gradient_diagnostics(
        trainer.objective, trainer.parameters, *trainer.validation.scenes, trainer.validation.painting, weights
    )
    assert 0 < seen["perf/renderer_share"] < 1
    assert 0 < seen["val/gradient_noise"] <= 1 and seen["val/gradient_variance"] > 0
    assert all(torch.equal(before[k], v) for k, v in trainer.run.model.state_dict().items())
    assert all(torch.equal(learned[k], v) for k, v in trainer.objective.learned.state_dict().items())
    assert all(parameter.grad is None for parameter in trainer.parameters)


def test_more_samples_make_less_noise(tmp_path: Path, monkeypatch):
    """The number means what it says: sixteen samples of the posterior for each picture instead of one."""
    monkeypatch.setattr(diagnostics, "DRAWS", 16)
    found = {}
    for samples in (1, 16):
        few = "scene=tabletop", "trainer.validation_scenes=4"
        run = small_trainer(tmp_path / str(samples), *few, f"gradient.samples={samples}")
        weights = replace(run.settings.schedule.at(0.1), wake_phase=0.0)  # that term sees one sample of each
        found[samples] = gradient_diagnostics(
            run.objective, run.parameters, *run.validation.scenes, run.validation.painting, weights
        )
    assert found[16]["val/gradient_variance"] < found[1]["val/gradient_variance"] / 8


def test_the_dashboard_finds_all_of_it_in_an_offline_run(tmp_path: Path, monkeypatch):
    """Read back from wandb's own file: curves by count, noise, renderer's share, panels, confusion, 3D models."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_DIR", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    config = small_config(tmp_path, *SMALL, "trainer.steps=2", "trainer.validate_every=1")
    with Tracker(tmp_path, config.plain(), "offline") as tracker:
        Trainer(build(config), tmp_path, tracker).fit()
    wandb.teardown()  # as at the end of a program: until then its service may not have written everything
    rows = history(tmp_path)
    assert {row["step"] for row in rows} == {0, 1, 2}
    numbers = [row for row in read_metrics(tmp_path / "metrics.jsonl") if "val/count_accuracy" in row]
    kept = [row for row in rows if "val/count_accuracy" in row]
    assert kept == numbers and len(kept) == 3 and all("by_count/0" in row for row in kept)
    inside = [row for row in rows if "perf/renderer_share" in row]
    assert len(inside) == 3 and all(0 < row["perf/renderer_share"] < 1 for row in inside)
    shown = {key: value for row in rows for key, value in row.items() if isinstance(value, dict)}
    assert {key: value["_type"] for key, value in shown.items() if "scene" not in key} == {
        "val/panel": "image-file", "val/count_confusion": "image-file"}  # fmt: skip
    models = [value for key, value in shown.items() if key.startswith("val/scene_")]
    assert len(models) == 2 and {value["_type"] for value in models} == {"object3D-file"}
    files = {path.name for path in tmp_path.glob("wandb/*/files/media/object3D/**/*.glb")}
    assert len(files) == 6, "two scenes, three looks"

"""What earlier versions wrote loads under the names of today, or says what replaced it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from small_runs import small_trainer

from air3d.training.checkpoint import (
    load_checkpoint,
    load_config,
    load_run,
    newer_settings,
    read_weights,
    save_checkpoint,
)
from air3d.training.earlier import REMOVED, WEIGHTS, put, renamed_settings, renamed_weights
from scenes.errors import UserError

PRETRAINED = Path(__file__).resolve().parents[3] / "pretrained"

# config.yaml of pretrained/tabletop and single_object as they were released at commit b4843da
TABLETOP = """
scene: {name: tabletop, catalogue: crockery, image_size: 64, camera_position: [0.0, -0.92, 1.27],
  camera_target: [0.0, -0.02, 0.0], field_of_view: 32.0, background: [0.1, 0.11, 0.13], table: [0.8, 0.8],
  min_objects: 0, max_objects: 3, counts: null, repeats: true, elevation: 0.0, gap: 0.01, max_hidden: 0.5, tries: 100,
  steps: 600}
model: {name: air, stem: 16, channels: 32, hidden: 128, yaw_bins: 12, initial_std: 0.5, looks: 2, residual: true,
  query: false}
renderer: {name: auto, sigma: 1.0e-05, gamma: 0.0001, blur_radius: null, cull_backfaces: true, ambient: 0.55,
  diffuse: 0.45, light: [0.5, -0.4, 0.8], faces_per_pixel: 100, black_box: streaming, position_step: 0.002,
  rotation_step: 0.02}
gradient: {name: enumerate_counts, samples: 2, sum_yaw: true, baseline_learning_rate: 0.003, prior_odds: 1.0}
supervised: {matching: hungarian, symmetric: true, beta: 0.5}
trainer: {steps: 600, minutes: null, batch: 32, learning_rate: 0.001, clip: 10.0, validate_every: 50,
  validation_scenes: 256, panel_scenes: 8, schedule: {sigma: 0.3, pull: 80.0, rate_from: 0.5, rate_end: 0.1,
  prior_odds: 1.0, prior_until: 0.5, sigma_start: null, sigma_until: 0.5, pyramid_until: 0.0, render_sigma_start: null,
  render_gamma_start: null, render_blur_start: null, render_until: 0.5}}
logger: {mode: offline, project: air3d, group: null}
seed: 0
device: cpu
run_dir: runs/tabletop
resume: null
"""
SINGLE_OBJECT = {
    "scene": {"name": "single_object", "catalogue": "shapes", "camera_position": [0.0, -0.58, 0.8],
              "camera_target": [0.0, -0.01, 0.0], "table": [0.5, 0.5], "min_objects": 1, "max_objects": 1},
    "run_dir": "runs/single_object",
}  # fmt: skip


def released(name: str) -> dict[str, Any]:
    settings = yaml.safe_load(TABLETOP)
    if name == "single_object":
        settings["scene"] |= SINGLE_OBJECT["scene"]
        settings["run_dir"] = SINGLE_OBJECT["run_dir"]
    return settings


def written(folder: Path, settings: dict[str, Any]) -> Path:
    (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder


@pytest.mark.parametrize("name", ["tabletop", "single_object"])
def test_a_released_configuration_is_what_it_was(tmp_path: Path, name: str) -> None:
    before, today = load_config(written(tmp_path, released(name))), load_config(PRETRAINED / name)
    assert before == today and before.trainer.schedule.wake_phase == 80 and before.model.refinement_steps == 2
    assert not before.model.fine_yaw, "such a look has weights that an earlier network does not"
    assert newer_settings(PRETRAINED / name) == [], "it is written in the settings of today"


def test_what_was_set_otherwise_is_kept(tmp_path: Path) -> None:
    settings = released("tabletop")
    settings["trainer"]["schedule"] |= {"pull": 20.0, "prior_odds": 3.0}  # a schedule's own won over the estimator's
    settings["model"]["looks"], settings["renderer"]["light"] = 3, [0.0, 0.0, 1.0]
    config = load_config(written(tmp_path, settings))
    assert config.trainer.schedule.wake_phase == 20 and config.gradient.prior_odds == 3
    assert config.model.refinement_steps == 3 and config.scene.light == (0, 0, 1)


@pytest.mark.parametrize("setting", [name for name, (harmless, _) in REMOVED.items() if len(harmless) == 1])
def test_what_is_gone_and_mattered_says_what_replaced_it(tmp_path: Path, setting: str) -> None:
    settings = released("tabletop")
    put(settings, setting, 0.25)
    with pytest.raises(UserError, match=f"was trained with {setting}=0.25, which .*: {REMOVED[setting][1]}") as told:
        load_config(written(tmp_path, settings))
    assert "\n" not in str(told.value)


def test_nothing_that_is_given_is_changed() -> None:
    settings = released("tabletop")
    renamed_settings(settings, "somewhere")
    assert settings == released("tabletop")


@pytest.mark.parametrize("name", ["tabletop", "single_object"])
def test_weights_of_a_released_network_fit_under_the_names_of_today(name: str) -> None:
    """What was released stays as it is on disk."""
    stored = read_weights(PRETRAINED / name / "model.safetensors")["model"]
    assert {"glimpse", "yaw", "nudge"} <= {key.split(".")[1] for key in stored}, "the names of an earlier version"
    loaded, renamed = load_run(PRETRAINED / name).model.state_dict(), renamed_weights(stored)
    assert loaded.keys() == renamed.keys() and all(torch.equal(renamed[key], value) for key, value in loaded.items())


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """Weights, and the optimiser's state, which knows them by their order alone: the step that follows is the same."""
    trainer = small_trainer(tmp_path, "trainer.steps=4", "model.fine_yaw=false")
    trainer.run.model.posterior.steady.fill_(1.0)
    trainer.train_step()
    state = trainer.state()
    del state["model"]["posterior.steady"]
    state["model"] = {earlier(name): value.clone() for name, value in state["model"].items()}
    assert list(dict.fromkeys(name.split(".")[1] for name in state["model"])) == MODULES
    save_checkpoint(tmp_path / "last.pt", state)
    trainer.train_step()
    again = small_trainer(tmp_path, "trainer.steps=4", "model.fine_yaw=false")
    again.restore(load_checkpoint(tmp_path / "last.pt"))
    again.train_step()
    for expected, found in zip(trainer.parameters, again.parameters, strict=True):
        assert torch.equal(expected, found)


MODULES = ["encoder", "normal", "recurrence", "presence", "identity", "correction", "glimpse", "yaw", "nudge"]
"""Of the posterior at commit b4843da, in their order."""


def earlier(name: str) -> str:
    """A weight by its name at that commit."""
    for old, new in WEIGHTS.items():
        name = name.replace(new, old)
    return name

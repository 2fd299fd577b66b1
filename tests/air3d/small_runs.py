"""Small runs for the tests: real components, little pictures, few steps."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from air3d import cli
from air3d.training.checkpoint import save_checkpoint, save_config
from air3d.training.config import Config
from air3d.training.run import Run, build
from air3d.training.tracking import Tracker
from air3d.training.trainer import Trainer
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.view import View

SMALL = [
    "scene=single_object",
    "scene.image_size=32",
    "trainer.batch=4",
    "gradient.samples=2",
    "trainer.validation_scenes=8",
    "trainer.panel_scenes=2",
    "logger.mode=disabled",
]


def small_config(run_dir: Path, *overrides: str) -> Config:
    return cli.typed(cli.compose("train", [*SMALL, f"run_dir={run_dir}", *overrides]), Config)


def small_run(run_dir: Path, *overrides: str) -> Run:
    config = small_config(run_dir, *overrides)
    torch.manual_seed(config.seed)
    return build(config)


def small_trainer(run_dir: Path, *overrides: str) -> Trainer:
    run = small_run(run_dir, *overrides)
    save_config(run.config, run_dir)
    return Trainer(run, run_dir, Tracker(run_dir, run.config.plain(), "disabled"))


def example(run: Run, scenes: int, seed: int = 0, count: int | None = None) -> tuple[Tensor, View, Objects]:
    """Pictures of the first scenes of a data set, their views, and the truth, all as tensors."""
    truth, view = to_torch(run.scene.batch(seed, range(scenes), count)), to_torch(run.scene.views(seed, range(scenes)))
    return run.renderer.render(truth, view), view, truth


def untrained(run_dir: Path, config: Config) -> Path:
    """A run that never learned anything, as train.py would leave it."""
    run = build(config)
    save_config(config, run_dir)
    names = list(run.scene.catalogue.names)
    save_checkpoint(run_dir / "best.pt", {"identities": names, "model": run.model.state_dict()})
    return run_dir

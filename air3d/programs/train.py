"""Learn to turn pictures of a table into lists of objects: `python train.py scene=tabletop seed=0`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from air3d import cli
from air3d.home import called
from air3d.training.checkpoint import (
    begin_with,
    keep_catalogue,
    kept_catalogue,
    load_checkpoint,
    load_config,
    newer_settings,
    save_config,
)
from air3d.training.config import Config, resumed
from air3d.training.folder import begun, held
from air3d.training.folder_trainer import FolderTrainer
from air3d.training.provenance import environment, record
from air3d.training.run import build
from air3d.training.tracking import METRICS, Mode, Tracker, forget_after
from air3d.training.trainer import Trainer
from air3d.training.unlabelled import folder_data, same_folder
from scenes.catalogues import understood
from scenes.errors import UserError
from scenes.manifest import sha256


def main(settings: DictConfig) -> None:
    given = HydraConfig.get().overrides.task if settings.resume else ()
    if run(settings, given).stopped:
        sys.exit(cli.INTERRUPTED)  # a sweep ends here too


def run(settings: DictConfig, given: Sequence[str] = ()) -> Trainer:
    """A training from its beginning, or on from its last checkpoint, to its end or until it is stopped. given: the
    words of the command line, of which few may change a run that goes on."""
    if settings.model.name == "direct":
        raise UserError(f"model=direct learns nothing: {called('evaluate')} run=RUN_DIR model=direct")
    config = cli.typed(settings, Config)
    if config.resume:
        if newer := newer_settings(config.resume):
            print(
                f"warning: {config.resume} was begun before there was {', '.join(newer)}: it goes on with the defaults"
            )
        run_dir = Path(config.resume)
        with held(run_dir):
            return train(resumed(load_config(run_dir), given, config.resume), run_dir)
    named = f"runs/{datetime.now():%Y-%m-%d_%H-%M-%S}_{config.scene.name}_seed{config.seed}"
    with begun(Path(config.run_dir or named), numbered=config.run_dir is None) as run_dir:
        return train(replace(config, run_dir=str(run_dir)), run_dir)


def train(config: Config, run_dir: Path) -> Trainer:
    torch.manual_seed(config.seed)
    kept = kept_catalogue(run_dir)
    if kept is None:
        for line in understood(config.scene):
            print(line)
    run = build(config, kept)
    state = load_checkpoint(run_dir / "last.pt") if config.resume and (run_dir / "last.pt").exists() else None
    if config.resume and not state:
        print(f"{run_dir} was stopped before its first checkpoint: it begins anew")
        forget_after(run_dir / METRICS, -1)
    about, data = environment(run), folder_data(config, run.scene)
    if state and data:
        same_folder(data, state, run_dir)
    elif config.init and not state:
        weights, new = begin_with(run, config.init, other_meshes=data is None)
        about["init"] = {"file": str(weights), "sha256": sha256(weights)}
        if new:
            print(f"begins with {weights}; new to it: {', '.join(new)}")
    if data:
        about["data"] = data.about()
    save_config(config, run_dir)
    keep_catalogue(run, run_dir)
    record(run_dir, state["step"] if state else 0, about)
    with tracker_of(config, run_dir, about, state["step"] if state else None) as tracker:
        trainer = FolderTrainer(run, run_dir, tracker, data) if data else Trainer(run, run_dir, tracker)
        if state:
            trainer.restore(state)
        print(f"{run_dir}: from step {trainer.step}, ctrl-C stops and keeps what is learned")
        trainer.fit()
    done = "stopped" if trainer.stopped else "done"
    if trainer.collapsed:
        done = f"collapsed ({trainer.collapsed}), {done}"
    print(f"{done} at step {trainer.step}, {trainer.seconds / 60:.1f} minutes of training; "
          f"go on: {called('train')} resume={run_dir}; look: {called('evaluate')} run={run_dir}")  # fmt: skip
    return trainer


def tracker_of(config: Config, run_dir: Path, about: dict[str, Any], resume_step: int | None) -> Tracker:
    logger = config.logger
    return Tracker(
        run_dir,
        {**config.plain(), "environment": about},
        cast(Mode, logger.mode),
        project=logger.project,
        group=logger.group,
        resume_step=resume_step,
    )

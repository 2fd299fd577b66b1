"""Trainings that are done once: a folder for every configuration, found again by what the configuration says."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from air3d.cli import compose, typed
from air3d.comparison.plan import ROOT
from air3d.training.checkpoint import load_checkpoint, load_config, stored_settings
from air3d.training.config import Config
from air3d.training.earlier import renamed_settings
from air3d.training.tracking import read_metrics
from scenes.errors import UserError

ELSEWHERE = ("run_dir", "resume", "logger")
"""Settings that change nothing of what is learned."""

LABELS_USE = ("sigma",)
"""What a training on labels uses of `trainer.schedule`: the sigma that its results are judged by. The rest shapes the
bound, which it does not maximise."""


def configured(words: Sequence[str]) -> Config:
    """The configuration behind a command line of train.py."""
    return typed(compose("train", list(words)), Config)


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that two configurations (`Config.plain`) share if they learn the same."""
    labelled = settings["model"]["name"] != "air"
    unused = (*ELSEWHERE, "gradient" if labelled else "supervised")
    learned = {name: value for name, value in settings.items() if name not in unused}
    if labelled:
        schedule = {name: x for name, x in settings["trainer"]["schedule"].items() if name in LABELS_USE}
        learned["trainer"] = {**settings["trainer"], "schedule": schedule}
    return hashlib.sha256(json.dumps(learned, sort_keys=True).encode()).hexdigest()[:10]


def folder_of(runs: Path, name: str, config: Config) -> Path:
    """Where this configuration was trained, under whatever name, or is to be."""
    mark = fingerprint(config.plain())
    there = (path.parent for path in sorted(runs.glob("*/config.yaml")) if mark_of(path.parent) == mark)
    return next(there, runs / f"{name}_seed{config.seed}_{mark}")


def mark_of(folder: Path) -> str | None:
    """The fingerprint of a training that is there, its settings by today's names. One from before a setting existed
    shares its mark with none of today's: nobody knows whether it did what today's default says."""
    try:
        return fingerprint(renamed_settings(stored_settings(folder), str(folder)))
    except (UserError, KeyError, TypeError):  # damaged
        return None


def trained(
    runs: Path, name: str, words: Sequence[str], environment: Mapping[str, str], logging: Sequence[str] = ()
) -> Path:
    """The folder of a finished training with that command line of train.py; `logging` is said beside it.

    One that is there is taken, one that was stopped goes on, otherwise train.py is started. Raises UserError where it
    does not reach its end. A second process that wants the same training waits for it.
    """
    config = configured(words)
    folder = folder_of(runs, name, config)
    runs.mkdir(parents=True, exist_ok=True)
    with FileLock(runs / f".{folder.name}.lock"):
        if not finished(folder, config):
            if not (started := (folder / "last.pt").exists()):
                shutil.rmtree(folder, ignore_errors=True)  # killed before its first checkpoint: nothing was learned
            how = [*([f"resume={folder}"] if started else [*words, f"run_dir={folder}"]), *logging]
            print(f"\npython train.py {' '.join(how)}", flush=True)
            subprocess.run([sys.executable, str(ROOT / "train.py"), *how], env=dict(environment), check=False)
            if not finished(folder, config):
                raise UserError(f"{folder} is not trained to its end; the same command goes on from there")
    return folder


def finished(folder: Path, config: Config) -> bool:
    """Whether all steps (or minutes) of the training are done."""
    if not (folder / "last.pt").exists():
        return False
    state = load_checkpoint(folder / "last.pt")
    minutes = config.trainer.minutes
    return state["step"] >= config.trainer.steps or (minutes is not None and state["seconds"] >= 60 * minutes)


@dataclass(frozen=True)
class Cost:
    """What a training took: gradient steps, pictures seen, minutes of steps (not of validation)."""

    steps: int
    pictures: int
    minutes: float


def cost(folder: Path) -> Cost:
    """Of the training in that folder, so far."""
    last = next(row for row in reversed(read_metrics(folder / "metrics.jsonl")) if "perf/minutes" in row)
    return Cost(last["step"], last["step"] * load_config(folder).trainer.batch, last["perf/minutes"])

"""Trainings that are done once: a folder for each, found again by what it learned and not by its name."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from filelock import FileLock

from air3d.comparison import programs
from air3d.comparison.learned import Learned, configured, learned, to_learn
from air3d.training.checkpoint import load_checkpoint, load_config
from air3d.training.config import Config
from air3d.training.folder import LOCK, held
from air3d.training.tracking import read_metrics
from scenes.errors import UserError


def folder_of(runs: Path, name: str, config: Config, any_code: bool = False) -> Path:
    """Where this was trained, under whatever name, or is to be: a folder that no other training has a network in."""
    wanted = to_learn(config)
    for path in sorted(runs.glob("*/last.pt")):
        if (there := learned(path.parent)) is not None and there.same(wanted, any_code):
            return path.parent
    own = f"{name}_seed{config.seed}_{wanted.mark}"
    names = chain([own], (f"{own}_{number}" for number in count(2)))
    return next(folder for each in names if not ((folder := runs / each) / "last.pt").exists())


def trained(
    runs: Path,
    name: str,
    words: Sequence[str],
    environment: Mapping[str, str],
    logging: Sequence[str] = (),
    any_code: bool = False,
) -> Path:
    """The folder of a finished training with that command line of train.py; `logging` is said beside it.

    One that is there is taken, one that was stopped goes on, one that runs is waited for; otherwise train.py is
    started. What another version of the program trained counts only with `any_code`; that it was there is said. Raises
    UserError where the training does not reach its end, KeyboardInterrupt where it is interrupted.
    """
    config = configured(words)
    folder = folder_of(runs, name, config, any_code)
    runs.mkdir(parents=True, exist_ok=True)
    with FileLock(runs / f".{folder.name}.lock"):
        if folder.exists():
            with held(folder, wait=True):  # somebody may be training there by hand
                if not (folder / "last.pt").exists():
                    clear(folder)
        if finished(folder, config):
            return folder
        started = (folder / "last.pt").exists()
        if not started and (others := with_other_code(runs, to_learn(config))):
            print(f"\n{others[-1]} was trained by another version of the program and is not taken (any_code=true does)")
        how = [f"resume={folder}"] if started else [*words, f"run_dir={folder}"]
        programs.call("train", [*how, *logging], environment)
        if not finished(folder, config):
            raise UserError(f"{folder} is not trained to its end; the same command goes on from there")
    return folder


def clear(folder: Path) -> None:
    """Empties a folder of ours, by its name, whose training has ended before its first checkpoint: nothing was learned.
    Only who holds the folder may."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def with_other_code(runs: Path, wanted: Learned) -> list[Path]:
    """Trainings that would be the wanted one, were it not for the program that they were trained with."""
    folders = [path.parent for path in sorted(runs.glob("*/last.pt"))]
    return [path for path in folders if (there := learned(path)) and there.same(wanted, any_code=True)]


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

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.steps + other.steps, self.pictures + other.pictures, self.minutes + other.minutes)


def cost(folder: Path) -> Cost:
    """Of the training in that folder, so far."""
    last = next(row for row in reversed(read_metrics(folder / "metrics.jsonl")) if "perf/minutes" in row)
    return Cost(last["step"], last["step"] * load_config(folder).trainer.batch, last["perf/minutes"])

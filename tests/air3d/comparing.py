"""compare.py with trainings of two steps, in this process or as a program of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import wandb
from evaluating import calibrated_quickly

from air3d import cli
from air3d.comparison import programs
from air3d.programs import compare, evaluate, train
from scenes.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("scene.image_size=16", "trainer.batch=4", "trainer.steps=2", "gradient.samples=2",
         "trainer.validation_scenes=8")  # fmt: skip
WORDS = f"words={json.dumps(SMALL)}"
PROGRAMS = {"train": train.main, "evaluate": evaluate.main}


def common(runs: Path) -> list[str]:
    return [f"runs={runs}", "threads=1", "logger.mode=offline", WORDS]


def as_program(runs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """compare.py, which starts train.py and evaluate.py."""
    # only what hangs takes so long: a dozen programs one after the other, beside other tests
    command = [sys.executable, "compare.py", *common(runs), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)


def in_process(runs: Path, *words: str) -> list[str]:
    """compare.py in this process, and so are the programs that it starts; returns their names."""
    started = []

    def call(program: str, given: Sequence[str], environment: Mapping[str, str]) -> int:
        started.append(program)
        try:
            PROGRAMS[program](cli.compose(program, list(given)))
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        return 0

    with pytest.MonkeyPatch.context() as patched, calibrated_quickly():
        patched.setattr(programs, "call", call)
        compare.main(cli.compose("compare", [*common(runs), *words], "compare"))
    wandb.teardown()  # as at the end of a program: until then its service may not have written everything
    return started

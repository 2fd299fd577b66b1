"""The wandb workspace: every panel shows something that runs log, and the layout is one that wandb understands."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from small_runs import small_config

from air3d.training import trainer
from air3d.training.run import build
from air3d.training.tracking import Tracker

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/dashboard.py"
DASHBOARD = runpy.run_path(str(SCRIPT))
MORE_THAN_TRAINED = {f"by_count/{count}" for count in range(4, 10)}  # those need larger tables


class Recorder(Tracker):
    """Remembers the names of all that is logged: numbers, and what there is to look at."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir, {}, "disabled")
        self.numbers: set[str] = set()
        self.shown: set[str] = set()

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        self.numbers |= set(values)

    def log_images(self, step: int, images: Mapping[str, Path]) -> None:
        self.shown |= set(images)

    log_models = log_images


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> Recorder:
    """Every name that two short runs log: one that learns from pictures and one from labels."""
    recorder = Recorder(tmp_path_factory.mktemp("runs"))
    small = ["scene=tabletop", "scene.image_size=16", "trainer.batch=2", "gradient.samples=1", "trainer.steps=2",
             "trainer.validation_scenes=32"]  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trainer, "REPORT_EVERY", 1)
        for model in ("air", "supervised"):
            config = small_config(tmp_path_factory.mktemp(model), f"model={model}", *small)
            trainer.Trainer(build(config), Path(config.run_dir), recorder).fit()
    return recorder


def without_a_match(patterns: Iterable[str], names: set[str]) -> set[str]:
    return {pattern for pattern in patterns if not any(re.fullmatch(pattern, name) for name in names)}


def test_every_curve_is_one_that_runs_log(logged: Recorder):
    shown = {key for panels in DASHBOARD["SECTIONS"].values() for keys in panels.values() for key in keys}
    assert without_a_match(shown, logged.numbers) <= MORE_THAN_TRAINED, "nothing logs it"
    seen = {name for name in logged.numbers if any(re.fullmatch(key, name) for key in shown)}
    sections = ("val", "perf", "by_count", "by_object")
    forgotten = {name for name in logged.numbers - seen if name.split("/")[0] in sections}
    assert forgotten <= {"val/position_error_mean_m"}, "a number that no panel shows"


def test_every_picture_is_one_that_runs_log(logged: Recorder):
    pictures = set(DASHBOARD["PICTURES"].values())
    assert not without_a_match(pictures, logged.shown), "nothing logs it"
    assert {name for name in logged.shown if any(re.fullmatch(key, name) for key in pictures)} == logged.shown


def test_the_layout_is_one_that_wandb_knows():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "someone", "a_project", "--print"], check=True, capture_output=True, text=True
    )
    layout = json.loads(done.stdout)
    assert (layout["entity"], layout["project"]) == ("someone", "a_project")
    sections = {part["name"]: part for part in layout["spec"]["section"]["panelBankConfig"]["sections"]}
    assert list(sections) == ["pictures", *DASHBOARD["SECTIONS"]]
    (first, *_) = sections["counts"]["panels"]
    assert first["config"]["metrics"] == ["val/count_accuracy"]


def test_without_an_account_it_says_so(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    done = subprocess.run([sys.executable, str(SCRIPT), "someone"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1

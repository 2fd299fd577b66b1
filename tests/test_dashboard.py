"""The wandb workspace: every panel shows something that runs log, and the layout is one that wandb understands."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts/dashboard.py"


def dashboard():
    spec = importlib.util.spec_from_file_location("dashboard", SCRIPT)
    assert spec and spec.loader
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> set[str]:
    """Every name that two short runs log: one that learns from pictures and one from labels."""
    names: set[str] = set()
    for model in ("air", "supervised"):
        run = tmp_path_factory.mktemp(model)
        small = ["scene.image_size=32", "trainer.batch=4", "trainer.steps=25", "gradient.samples=1",
                 "trainer.validation_scenes=32", "logger.mode=disabled"]  # fmt: skip
        command = [sys.executable, "train.py", f"model={model}", f"run_dir={run / 'run'}", *small]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
        for line in (run / "run/metrics.jsonl").read_text().splitlines():
            names |= set(json.loads(line))
    return names


@pytest.mark.slow
def test_every_curve_is_one_that_runs_log(logged: set[str]):
    shown = {key for panels in dashboard().SECTIONS.values() for keys in panels.values() for key in keys}
    missing = {key for key in shown if not any(re.fullmatch(key, name) for name in logged)}
    missing -= {f"by_count/{count}" for count in range(4, 10)}  # those need larger tables
    assert not missing, f"nothing logs {sorted(missing)}"
    seen = {name for name in logged if any(re.fullmatch(key, name) for key in shown)}
    forgotten = {name for name in logged - seen if name.split("/")[0] in ("val", "perf", "by_count", "by_object")}
    assert forgotten <= {"val/position_error_mean_m"}, "a number that no panel shows"


def test_pictures_are_named_as_they_are_logged():
    source = (ROOT / "air3d/validation.py").read_text()
    for key in dashboard().PICTURES.values():
        assert key.removesuffix(".*") in source


def test_the_layout_is_one_that_wandb_knows():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "someone", "a_project", "--print"], check=True, capture_output=True, text=True
    )
    layout = json.loads(done.stdout)
    assert (layout["entity"], layout["project"]) == ("someone", "a_project")
    sections = {part["name"]: part for part in layout["spec"]["section"]["panelBankConfig"]["sections"]}
    assert list(sections) == ["pictures", *dashboard().SECTIONS]
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

"""The record of a run: complete, the same in wandb and on disk, and never in the way of training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image
from wandb_file import history

from air3d.training.tracking import Tracker, read_metrics

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A person without a wandb account."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_DIR", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / "none"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "home"))


def test_local_record(tmp_path):
    with Tracker(tmp_path, {}, "disabled") as tracker:
        tracker.log(5, {"train/elbo": -3.5, "val/count_accuracy": float("nan")})
        assert (tmp_path / "metrics.jsonl").read_text().endswith("\n")  # on disk at once, not at the end
        tracker.log(10, {"train/elbo": np.float32(-2.5), "val/count_confusion": np.eye(2, dtype=int)})
        tracker.log_images(10, {"val/panel": tmp_path / "panel.png"})
    assert read_metrics(tmp_path / "metrics.jsonl") == [
        {"step": 5, "train/elbo": -3.5, "val/count_accuracy": None},
        {"step": 10, "train/elbo": -2.5, "val/count_confusion": [[1, 0], [0, 1]]},
    ]
    assert not (tmp_path / "wandb").exists()
    tracker.close()  # a second time is no error


def test_resume_leaves_no_line_twice_and_none_out(tmp_path):
    with Tracker(tmp_path, {}, "disabled") as tracker:
        for step in (1, 2, 3, 4):
            tracker.log(step, {"train/elbo": step})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 5, "train/el')  # killed while writing
    with Tracker(tmp_path, {}, "disabled", resume_step=2) as tracker:
        for step in (3, 4):
            tracker.log(step, {"train/elbo": 10 * step})
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [(row["step"], row["train/elbo"]) for row in rows] == [(1, 1), (2, 2), (3, 30), (4, 40)]


def test_resume_of_a_run_that_logged_nothing_yet(tmp_path):
    with Tracker(tmp_path, {}, "disabled", resume_step=0) as tracker:
        tracker.log(1, {"train/elbo": 1})
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1


def test_offline_wandb_holds_the_same_names_and_values(tmp_path, capfd):
    picture = tmp_path / "panel.png"
    Image.new("RGB", (6, 4), (200, 10, 10)).save(picture)
    with Tracker(tmp_path / "run", {"seed": 3, "scene": {"name": "tabletop"}}, "offline") as tracker:
        tracker.log(5, {"train/elbo": -3.5, "perf/scenes_per_second": 812})
        tracker.log(10, {"train/elbo": -2.5, "val/count_accuracy": 0.75, "val/count_confusion": [[1, 2], [3, 4]]})
        tracker.log_images(10, {"val/panel": picture})
    identity = (tmp_path / "run" / "wandb_id.txt").read_text()
    with Tracker(tmp_path / "run", {}, "offline", resume_step=10) as tracker:
        tracker.log(15, {"train/elbo": -1.0})
    wandb.teardown()  # as at the end of a program: until then wandb's service may not have written everything
    *rows, images, last = history(tmp_path / "run")
    assert [*rows, last] == read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert images["step"] == 10 and images["val/panel"]["_type"] == "image-file"
    assert (images["val/panel"]["width"], images["val/panel"]["height"]) == (6, 4)
    assert (tmp_path / "run" / "wandb_id.txt").read_text() == identity
    kept = {path.stem for path in (tmp_path / "run").rglob("*.wandb")}
    assert kept == {f"run-{identity.strip()}"}  # both parts are one curve for `wandb sync`
    assert capfd.readouterr() == ("", "")  # not a word on the terminal


def outside(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Trains (two rows) with logger online in a fresh process whose stdin is a terminal-less pipe."""
    code = (
        "from air3d.training.tracking import Tracker\n"
        f"with Tracker({str(tmp_path / 'run')!r}, {{}}, 'online', init_timeout=3) as tracker:\n"
        "    tracker.log(1, {'train/elbo': -1.0})\n"
        "    tracker.log(2, {'train/elbo': -0.5})\n"
        "print('trained')"
    )
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=60
    )


def check_went_on(tmp_path: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0 and done.stdout == "trained\n", done.stderr
    warnings = done.stderr.strip().splitlines()
    assert len(warnings) == 1 and warnings[0].startswith("warning: wandb cannot go online"), done.stderr
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [row["train/elbo"] for row in rows] == [-1.0, -0.5]
    assert history(tmp_path / "run") == rows  # kept offline, to be synced later


def test_online_without_an_account_never_asks(tmp_path):
    check_went_on(tmp_path, outside(tmp_path))


def test_online_with_a_dead_server_goes_on(tmp_path):
    check_went_on(tmp_path, outside(tmp_path, WANDB_API_KEY="0" * 40, WANDB_BASE_URL="http://127.0.0.1:9"))


def test_a_broken_wandb_costs_one_warning(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)  # import wandb raises
    with Tracker(tmp_path, {}, "online") as tracker:
        tracker.log(1, {"train/elbo": -1.0})
        tracker.log_images(1, {"val/panel": tmp_path / "panel.png"})
    assert "wandb is off" in capsys.readouterr().err
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 1, "train/elbo": -1.0}


def test_a_wandb_that_fails_later_is_dropped(tmp_path, capsys):
    class Failing:
        def log(self, row):
            raise ConnectionError("gone\nand more")

    tracker = Tracker(tmp_path, {}, "disabled")
    tracker._run = Failing()
    tracker.log(1, {"a": 1})
    tracker.log(2, {"a": 2})
    tracker.close()
    assert capsys.readouterr().err == "warning: wandb is off for this run (gone); metrics.jsonl goes on\n"
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 2

"""Settings: what may change when a run goes on, and one line for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from small_runs import small_config

from air3d import cli
from air3d.training.checkpoint import load_config, newer_settings, save_config
from air3d.training.config import resumed
from air3d.training.schedules import ScheduleConfig
from scenes.errors import UserError


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    save_config(small_config(tmp_path, "trainer.steps=1"), tmp_path)
    return tmp_path


def test_a_run_of_a_version_with_other_settings_is_refused_by_name(run_dir: Path) -> None:
    stored = yaml.safe_load((run_dir / "config.yaml").read_text())
    stored["trainer"]["schedule"]["focus_from"] = 0.3
    (run_dir / "config.yaml").write_text(yaml.safe_dump(stored))
    with pytest.raises(UserError, match=r"config.yaml: .*focus_from.* another version"):
        load_config(run_dir)


def test_resume_keeps_the_settings_of_the_run(run_dir: Path) -> None:
    stored = load_config(run_dir)
    longer = resumed(stored, [f"resume={run_dir}", "trainer.steps=7"], str(run_dir))
    assert longer.trainer.steps == 7 and longer.scene == stored.scene and longer.run_dir == str(run_dir)
    with pytest.raises(UserError, match="seed=3"):
        resumed(stored, ["seed=3"], str(run_dir))


def test_settings_that_a_run_did_not_know_are_named(run_dir: Path) -> None:
    assert newer_settings(run_dir) == []
    stored = yaml.safe_load((run_dir / "config.yaml").read_text())
    del stored["model"]["refinement_steps"], stored["supervised"]
    (run_dir / "config.yaml").write_text(yaml.safe_dump(stored))
    assert newer_settings(run_dir) == ["model.refinement_steps", "supervised"]


def test_bad_settings_are_named(tmp_path: Path) -> None:
    for override, answer in {
        "trainer.batch=0": "trainer.batch must be above 0",
        "trainer.schedule.sigma=0": "sigma=0.0 must be above 0",
        "trainer.schedule.wake_phase=-1": "wake_phase=-1.0 must be 0 or more",
        "seed=-1": "seed=-1: give 0 or more",
        "seed=1000000": "less than 1,000,000",
        "logger.mode=loud": "offline, online or disabled",
        "gradient.name=nvli": "known: enumerate_counts",
        "trainer.batch=many": "trainer.batch",
    }.items():
        with pytest.raises(UserError, match=answer):
            small_config(tmp_path, override)
    for override, answer in {
        "trainer.stpes=3": "did you mean steps",
        "scene=tabeltop": "did you mean tabletop",
        "sede=1": "did you mean seed",
    }.items():
        with pytest.raises(UserError, match=answer):
            cli.compose("train", [override])


def test_schedules_begin_and_end_where_they_say() -> None:
    schedule = ScheduleConfig(sigma=0.4, wake_phase=20.0)
    assert [schedule.at(p).wake_phase for p in (0, 0.5, 1)] == [20, 10, 0]
    assert [schedule.at(p).sigma for p in (0, 0.5, 1)] == [0.4] * 3
    assert [schedule.at(p).prior_tilt for p in (0, 0.25, 0.5, 1)] == [1, 0.5, 0, 0]
    assert [schedule.rate(p) for p in (0, 0.5, 0.75, 1)] == pytest.approx([1, 1, 0.55, 0.1])

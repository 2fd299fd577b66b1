"""Trainings that are done once: one folder for what learns the same, another for what does not."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch
import yaml
from small_runs import small_trainer

from air3d.comparison.trainings import LABELS_USE, configured, fingerprint, folder_of
from air3d.training.checkpoint import save_config
from air3d.training.schedules import ScheduleConfig


def test_one_folder_for_what_learns_the_same(tmp_path: Path):
    words = ["scene=tabletop", "seed=1"]
    config = configured(words)
    mark = fingerprint(config.plain())
    assert mark == fingerprint(configured([*words, "run_dir=elsewhere", "logger.group=g"]).plain())
    others = (["seed=2"], ["trainer.steps=3"], ["model=supervised"], ["scene.counts=[0,3]"])
    assert len({fingerprint(configured([*words, *other]).plain()) for other in others} | {mark}) == 5
    assert mark == fingerprint(configured([*words, "supervised.beta=0"]).plain())  # AIR has no labels to weigh
    plain, weighed = (configured([*words, "model=supervised", f"supervised.beta={beta}"]) for beta in (0, 0.5))
    assert fingerprint(plain.plain()) != fingerprint(weighed.plain())
    folder = folder_of(tmp_path, "air", config)
    assert folder.parent == tmp_path and folder.name.startswith("air_seed1_") and not folder.exists()


def test_a_folder_is_found_by_what_was_learned_in_it(tmp_path: Path):
    """Under whatever name, and by whatever version of this program, as long as it is known what it did."""
    config = configured(["scene=tabletop", "seed=1"])
    (damaged := tmp_path / "another").mkdir()
    (damaged / "config.yaml").write_text("sceen: 3\n")
    folder, there = folder_of(tmp_path, "air", config), tmp_path / "under_another_name"
    assert not folder.exists()
    save_config(config, there)
    assert folder_of(tmp_path, "air", config) == there
    stored = yaml.safe_load((there / "config.yaml").read_text())
    del stored["supervised"]["beta"]  # as a version wrote it that did not know this setting, which AIR has no use for
    (there / "config.yaml").write_text(yaml.safe_dump(stored))
    assert folder_of(tmp_path, "air", config) == there
    stored["trainer"]["schedule"]["pull"] = stored["trainer"]["schedule"].pop("wake_phase")  # an earlier name
    (there / "config.yaml").write_text(yaml.safe_dump(stored))
    assert folder_of(tmp_path, "air", config) == there
    del stored["trainer"]["schedule"]["pull"]  # one that AIR does use
    (there / "config.yaml").write_text(yaml.safe_dump(stored))
    assert folder_of(tmp_path, "air", config) == folder, "what it did instead is not known"


def test_labels_do_not_learn_what_the_bound_is_made_of(tmp_path: Path):
    """A training on labels shares its folder with one whose bound differs: the same, weight by weight."""
    words = ("model=supervised", "trainer.steps=4", "trainer.validation_scenes=2")
    unused = [field.name for field in fields(ScheduleConfig) if field.name not in LABELS_USE]
    bound = [f"trainer.schedule.{name}=0.31" for name in unused]
    plain, other = (
        small_trainer(tmp_path / str(i), *words, *more) for i, more in enumerate([(), ("gradient=nvil", *bound)])
    )
    assert unused and fingerprint(plain.run.config.plain()) == fingerprint(other.run.config.plain())
    mine = fingerprint(configured(words).plain())
    for used in LABELS_USE:
        assert fingerprint(configured([*words, f"trainer.schedule.{used}=0.31"]).plain()) != mine, used
    for trainer in (plain, other):
        torch.manual_seed(0)
        for _ in range(4):
            trainer.train_step()
    for weights, theirs in zip(plain.parameters, other.parameters, strict=True):
        assert torch.equal(weights, theirs)

"""Training goes on bit for bit, stops politely, and never leaves a broken file."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from small_runs import small_trainer

from air3d.training.checkpoint import load_checkpoint, load_run
from air3d.training.trainer import Trainer
from air3d.training.validation import Validation
from scenes.errors import UserError


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trainer.parameters])


@pytest.mark.parametrize("choice", ["gradient=enumerate_counts", "gradient=nvil", "model=supervised"])
def test_six_steps_are_three_and_three_more_bit_for_bit(tmp_path: Path, choice: str) -> None:
    options = ("scene.image_size=16", "trainer.steps=6", "trainer.validate_every=3", choice)
    whole = small_trainer(tmp_path / "whole", *options)
    whole.fit()

    first = small_trainer(tmp_path / "parts", *options)
    step = first.train_step

    def stop_after_three() -> dict[str, float]:
        first.stopped = first.step == 2
        return step()

    first.train_step = stop_after_three
    first.fit()
    assert first.step == 3
    second = small_trainer(tmp_path / "parts", *options)
    second.restore(load_checkpoint(tmp_path / "parts" / "last.pt"))
    second.fit()
    assert torch.equal(weights(whole), weights(second))
    assert torch.equal(whole.state()["random"], second.state()["random"])
    learned, again = whole.state()["estimator"], second.state()["estimator"]
    assert bool(learned) == (choice == "gradient=nvil") and all(
        torch.equal(learned[key], again[key]) for key in learned
    )
    assert not torch.equal(weights(whole), weights(first))


def test_a_polite_kill_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    trainer = small_trainer(tmp_path, "trainer.steps=50")
    step = trainer.train_step

    def interrupted() -> dict[str, float]:
        if trainer.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step()

    trainer.train_step = interrupted
    trainer.fit()
    assert trainer.stopped and trainer.step == 3
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3
    assert signal.getsignal(signal.SIGINT) is before, "the handler is put back"


def test_what_is_learned_is_on_disk_before_validation_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = small_trainer(tmp_path, "trainer.steps=3", "trainer.validate_every=100")
    validate = Validation.__call__

    def disk_full_at_the_end(self: Validation, step: int, seconds: float) -> float:
        if step == 3:
            raise OSError("no space left on device")
        return validate(self, step, seconds)

    monkeypatch.setattr(Validation, "__call__", disk_full_at_the_end)
    with pytest.raises(OSError, match="no space"):
        trainer.fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3


def test_ctrl_c_during_validation_is_as_polite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = small_trainer(tmp_path, "trainer.steps=3", "trainer.validate_every=1")
    validate = Validation.__call__

    def interrupted(self: Validation, step: int, seconds: float) -> float:
        if step:
            os.kill(os.getpid(), signal.SIGINT)
        return validate(self, step, seconds)

    monkeypatch.setattr(Validation, "__call__", interrupted)
    trainer.fit()
    assert trainer.stopped and trainer.step == 1 and (tmp_path / "best.pt").exists()


def test_before_the_first_step_nothing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles for a minute, and there is nothing that could be lost."""
    trainer = small_trainer(tmp_path, "trainer.steps=3")
    monkeypatch.setattr(Validation, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt, match="stopped before the first step"):
        trainer.fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 0


def test_the_random_state_of_a_gpu_goes_on_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, given = small_trainer(tmp_path), []
    trainer.run.config.device = "cuda"
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [torch.arange(5, dtype=torch.uint8)])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.extend)
    trainer.save("last.pt")
    trainer.restore(load_checkpoint(tmp_path / "last.pt"))
    torch.testing.assert_close(given, [torch.arange(5, dtype=torch.uint8)])


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_and_overwrites_nothing(tmp_path: Path, poison: float) -> None:
    trainer = small_trainer(tmp_path, "trainer.steps=4")
    trainer.fit()
    before = (tmp_path / "last.pt").read_bytes()
    trainer.settings.steps = 8
    trainer.objective.surrogate = lambda terms, *_: terms.log_likelihood.mean((1, 2)) * poison
    with pytest.raises(UserError, match=r"new run with trainer.learning_rate=0.00"):
        trainer.fit()
    assert (tmp_path / "last.pt").read_bytes() == before


def test_minutes_end_the_training_and_the_schedules_are_laid_over_them(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "trainer.minutes=0.02", "trainer.steps=100000")
    trainer.fit()
    assert 0 < trainer.step < 100000 and trainer.progress() == 1
    assert trainer.settings.schedule.at(trainer.progress()).wake_phase == 0
    assert trainer.settings.schedule.rate(trainer.progress()) == pytest.approx(0.1)


def test_what_a_run_leaves_behind(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=2", "trainer.validate_every=1").fit()
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.yaml", "metrics.jsonl", "last.pt", "best.pt", "panels"} <= names
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {"step", "val/count_accuracy", "val/elbo", "val/detection_rate"} <= set(rows[-2])
    assert {"step", "val/gradient_noise", "perf/renderer_share", "perf/minutes"} <= set(rows[-1])
    assert len(list((tmp_path / "panels").glob("step_*.png"))) == 3
    assert load_run(tmp_path).config.scene.image_size == 32

"""Whatever ends a training, what was learned is kept: whole steps, from which it goes on bit for bit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from small_runs import small_trainer

from air3d.training import checkpoint, diagnostics, state
from air3d.training.checkpoint import load_checkpoint
from air3d.training.trainer import Trainer

TINY = ("scene.image_size=16", "trainer.batch=2", "trainer.validation_scenes=2", "trainer.panel_scenes=1")


def interrupted() -> None:
    """As a second Ctrl-C arrives; the first one came before."""
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)


def failed() -> None:
    raise RuntimeError("out of memory")


def in_step(trainer: Trainer, step: int, happens: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets that happen in the middle of a step: after its gradient, before its update."""
    clip = torch.nn.utils.clip_grad_norm_

    def clipped(*arguments: object) -> torch.Tensor:
        if trainer.step == step:
            happens()
        return clip(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clipped)


def same(mine: object, theirs: object) -> bool:
    if isinstance(mine, torch.Tensor) and isinstance(theirs, torch.Tensor):
        return torch.equal(mine, theirs)
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return mine == theirs


@pytest.mark.parametrize(
    ("choice", "ending", "error"),
    [
        ("gradient=enumerate_counts", interrupted, KeyboardInterrupt),
        ("gradient=nvil", interrupted, KeyboardInterrupt),  # has a baseline besides, which follows the rewards
        ("model=supervised", failed, RuntimeError),
    ],
)
def test_a_step_cut_short_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, ending: Callable[[], None], error: type[BaseException]
) -> None:
    """Two steps done, the third begun: last.pt is at 2, and what comes then is as without the accident."""
    options = (*TINY, "trainer.steps=4", "trainer.validate_every=100", choice)
    whole = small_trainer(tmp_path / "whole", *options)
    whole.fit()
    first = small_trainer(tmp_path / "parts", *options)
    with monkeypatch.context() as patch, pytest.raises(error):
        in_step(first, 2, ending, patch)
        first.fit()
    kept = load_checkpoint(tmp_path / "parts/last.pt")
    assert kept["step"] == 2
    second = small_trainer(tmp_path / "parts", *options)
    second.restore(kept)
    second.fit()
    mine, theirs = ({k: v for k, v in each.state().items() if k != "seconds"} for each in (whole, second))
    assert same(mine, theirs)


def test_an_update_that_fails_halfway_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = small_trainer(tmp_path, *TINY, "trainer.steps=6", "trainer.validate_every=2")

    def half(*_: object) -> None:
        with torch.no_grad():
            trainer.parameters[0].add_(1)
        if trainer.step == 3:
            failed()

    monkeypatch.setattr(trainer.optimiser, "step", half)
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 2, "what the validation before it had saved"


def test_an_update_is_not_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both arrive in the middle of it: the first is heard, and training ends after the step."""
    trainer = small_trainer(tmp_path, *TINY, "trainer.steps=6")
    update = trainer.optimiser.step

    def during(*_: object) -> None:
        if trainer.step == 2:
            interrupted()
        update()

    monkeypatch.setattr(trainer.optimiser, "step", during)
    trainer.fit()
    assert trainer.stopped and trainer.step == 3 and load_checkpoint(tmp_path / "last.pt")["step"] == 3


def test_a_full_disk_does_not_hide_what_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = small_trainer(tmp_path, *TINY, "trainer.steps=6")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    def both() -> None:
        monkeypatch.setattr(state, "save_checkpoint", full)
        failed()

    in_step(trainer, 2, both, monkeypatch)
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.fit()
    assert "last.pt is as before" in capfd.readouterr().err
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 0


def test_no_third_ctrl_c_spoils_the_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that waits for this one passes interrupts on that the terminal has sent as well."""
    trainer, save = small_trainer(tmp_path, *TINY, "trainer.steps=6"), checkpoint.save_checkpoint

    def late(path: Path, values: dict[str, object]) -> None:
        if values["step"] == 2:
            interrupted()
        save(path, values)

    monkeypatch.setattr(state, "save_checkpoint", late)
    in_step(trainer, 2, interrupted, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 2


def test_handlers_are_put_back_and_nohup_is_respected(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    trainer = small_trainer(tmp_path, *TINY, "trainer.steps=3")
    step, during = trainer.train_step, []

    def looked() -> dict[str, float]:
        during.append(signal.getsignal(signal.SIGHUP))
        os.kill(os.getpid(), signal.SIGHUP)
        return step()

    trainer.train_step = looked
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
        trainer.fit()
        assert trainer.step == 3 and during == [signal.SIG_IGN] * 3
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        trainer.settings.steps = 6
        trainer.fit()  # a terminal that is closed
        assert trainer.stopped and trainer.step == 4
    finally:
        signal.signal(signal.SIGHUP, before[-1])
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_kill_between_the_best_and_the_last_checkpoint_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just after best.pt was written, last.pt does not know of it; what the run finds next is not better."""
    options = (*TINY, "trainer.steps=4", "trainer.validate_every=2")
    trainer, save = small_trainer(tmp_path, *options), checkpoint.save_checkpoint
    scores = iter((1.0, 3.0))
    monkeypatch.setattr(trainer.objective, "validation_score", lambda *_: next(scores), raising=False)
    killed = False

    def until_killed(path: Path, values: dict[str, object]) -> None:
        nonlocal killed
        if killed:
            return  # dead programs write nothing
        save(path, values)
        if path.name == "best.pt" and values["step"] == 2:
            killed = True
            raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(state, "save_checkpoint", until_killed)
        trainer.fit()
    better = load_checkpoint(tmp_path / "best.pt")
    assert (better["step"], better["best"]) == (2, 3.0) and load_checkpoint(tmp_path / "last.pt")["best"] == 1.0
    again = small_trainer(tmp_path, *options)
    again.restore(load_checkpoint(tmp_path / "last.pt"))
    monkeypatch.setattr(again.objective, "validation_score", lambda *_: 2.0, raising=False)
    again.fit()
    assert load_checkpoint(tmp_path / "best.pt")["step"] == 2, "a worse network does not take its place"
    assert load_checkpoint(tmp_path / "last.pt")["best"] == 3.0


def test_diagnostics_cut_short_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They look at the gradient with the baseline that training goes on with, and that follows rewards meanwhile."""
    trainer = small_trainer(tmp_path, *TINY, "gradient=nvil")
    trainer.train_step()
    before, passes = deepcopy(trainer.state()), []

    def stopped(*_: object) -> None:
        passes.append(not same(trainer.state()["estimator"], before["estimator"]))
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnostics, "renderer_share", stopped)
    with pytest.raises(KeyboardInterrupt):
        trainer.validate()
    assert passes == [True] and same(trainer.state(), before)
    assert all(parameter.grad is None for parameter in trainer.parameters)

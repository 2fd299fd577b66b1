"""Training goes on bit for bit, stops politely, and never leaves a broken file."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
import yaml
from small_runs import small_config, small_trainer

from air3d import cli
from air3d.training.checkpoint import load_checkpoint, load_config, load_run, newer_settings
from air3d.training.config import resumed
from air3d.training.schedules import ScheduleConfig
from air3d.training.trainer import Trainer
from air3d.training.validation import Validation
from renderers import RendererConfig
from scenes.errors import UserError

CONFIGS = Path(cli.CONFIGS)
SHIPPED = [
    f"{folder.name}={file.stem}"
    for folder in sorted(CONFIGS.iterdir())
    if folder.is_dir() and folder.name != "compare"  # is of several trainings: test_comparison.py
    for file in sorted(folder.glob("*.yaml"))
    if file.stem != "direct"  # is not trained: test_direct.py
]


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trainer.parameters])


@pytest.mark.parametrize("choice", ["gradient=enumerate_counts", "gradient=nvil", "model=supervised"])
def test_six_steps_are_three_and_three_more_bit_for_bit(tmp_path: Path, choice: str) -> None:
    options = ("trainer.steps=6", "trainer.validate_every=3", choice)
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


def test_what_is_learned_is_on_disk_before_a_look_at_it_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = small_trainer(tmp_path, "trainer.steps=3", "trainer.validate_every=100")
    look = Validation.__call__

    def disk_full_at_the_end(self: Validation, step: int, seconds: float) -> float:
        if step == 3:
            raise OSError("no space left on device")
        return look(self, step, seconds)

    monkeypatch.setattr(Validation, "__call__", disk_full_at_the_end)
    with pytest.raises(OSError, match="no space"):
        trainer.fit()
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3


def test_ctrl_c_during_a_look_is_as_polite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = small_trainer(tmp_path, "trainer.steps=3")
    look = Validation.__call__

    def interrupted(self: Validation, step: int, seconds: float) -> float:
        os.kill(os.getpid(), signal.SIGINT)
        return look(self, step, seconds)

    monkeypatch.setattr(Validation, "__call__", interrupted)
    trainer.fit()
    assert trainer.stopped and trainer.step == 0 and (tmp_path / "best.pt").exists()


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
    trainer.objective.surrogate = lambda trace, *_: trace.log_likelihood.mean((1, 2)) * poison
    with pytest.raises(UserError, match=r"new run with trainer.learning_rate=0.00"):
        trainer.fit()
    assert (tmp_path / "last.pt").read_bytes() == before


def test_minutes_end_the_training_and_the_schedules_are_laid_over_them(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "trainer.minutes=0.02", "trainer.steps=100000")
    trainer.fit()
    assert 0 < trainer.step < 100000 and trainer.progress() == 1
    assert trainer.settings.schedule.at(trainer.progress()).pull == 0
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


@pytest.mark.parametrize("choice", SHIPPED)
def test_every_shipped_configuration_takes_two_steps(tmp_path: Path, choice: str) -> None:
    if choice == "renderer=pytorch3d":
        pytest.importorskip("pytorch3d", reason="PyTorch3D is not installed")
    taught = ["model=supervised"] if choice.startswith("supervised=") else []
    little = ("trainer.steps=2", "trainer.batch=2", "trainer.validation_scenes=2")
    trainer = small_trainer(tmp_path, choice, *taught, *little)
    before = weights(trainer)
    trainer.fit()
    assert trainer.step == 2 and not torch.equal(before, weights(trainer))


def test_a_truncated_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    path = tmp_path / "best.pt"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="truncated"):
        load_run(tmp_path)


def test_a_checkpoint_of_another_scene_is_refused(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())
    stored["scene"]["catalogue"] = "crockery"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    with pytest.raises(UserError, match="trained on cube"):
        load_run(tmp_path)


def test_a_run_of_a_version_with_other_settings_is_refused_by_name(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())
    stored["trainer"]["schedule"]["focus_from"] = 0.3
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    with pytest.raises(UserError, match=r"config.yaml: .*focus_from.* another version"):
        load_run(tmp_path)


def test_resume_keeps_the_settings_of_the_run(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    stored = load_config(tmp_path)
    longer = resumed(stored, [f"resume={tmp_path}", "trainer.steps=7"], str(tmp_path))
    assert longer.trainer.steps == 7 and longer.scene == stored.scene and longer.run_dir == str(tmp_path)
    with pytest.raises(UserError, match="seed=3"):
        resumed(stored, ["seed=3"], str(tmp_path))


def test_settings_that_a_run_did_not_know_are_named(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    assert newer_settings(tmp_path) == []
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())
    del stored["model"]["looks"], stored["supervised"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    assert newer_settings(tmp_path) == ["model.looks", "supervised"]


def test_bad_settings_are_named(tmp_path: Path) -> None:
    for override, answer in {
        "trainer.batch=0": "trainer.batch must be above 0",
        "trainer.schedule.sigma_until=2": "sigma_until=2.0 is a share",
        "trainer.schedule.rate_end=-1": "rate_end=-1.0 is a share",
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


def test_the_model_paints_softly_at_first_and_its_pictures_stay_sharp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = ("render_sigma_start=1e-3", "render_gamma_start=1e-2", "render_blur_start=1e-2")
    trainer = small_trainer(tmp_path, "trainer.steps=4", *(f"trainer.schedule.{start}" for start in starts))
    renderer, used = trainer.run.renderer, []
    develop = renderer.develop
    monkeypatch.setattr(renderer, "develop", lambda canvas: (used.append(renderer.settings), develop(canvas))[1])
    final = renderer.settings
    for step in range(3):
        used.clear()
        trainer.train_step()
        assert used[0] is final, "the pictures to learn from"
        assert renderer.settings is final
        painted, share = used[1], min(step / 4 / 0.5, 1)
        for value, start, end in (
            (painted.sigma, 1e-3, final.sigma),
            (painted.gamma, 1e-2, final.gamma),
            (painted.blur, 1e-2, final.blur),
        ):
            assert value == pytest.approx(start ** (1 - share) * end**share)


def test_blur_follows_sigma_unless_it_has_a_schedule_of_its_own() -> None:
    soft = ScheduleConfig(render_sigma_start=1e-3).softness(0.0, RendererConfig())
    assert soft.sigma == 1e-3 and soft.blur == pytest.approx(100 * RendererConfig().blur)
    assert ScheduleConfig().softness(0.0, RendererConfig()) == RendererConfig()

"""Trainings that are done once: one folder for what learns the same, another for what does not, none lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from threading import Event, Thread, Timer

import pytest
import torch
import yaml
from small_runs import small_trainer

from air3d.comparison import programs, trainings
from air3d.comparison.learned import LABELS_USE, Learned, configured, fingerprint, learned, to_learn
from air3d.comparison.trainings import folder_of, trained
from air3d.files import write_json
from air3d.training.checkpoint import save_checkpoint, save_config
from air3d.training.config import Config
from air3d.training.folder import LOCK, held
from air3d.training.provenance import FILE
from air3d.training.schedules import ScheduleConfig
from scenes.errors import UserError

WORDS = ("scene=tabletop", "seed=1")


@pytest.fixture
def config() -> Config:
    return configured(WORDS)


def leave(folder: Path, config: Config, steps: int = 600, **changed: str | None) -> Path:
    """A training as train.py leaves it, by this program or (`changed`) another one."""
    save_config(config, folder)
    write_json(folder / FILE, [{**{k: v for k, v in asdict(to_learn(config)).items() if k != "settings"}, **changed}])
    save_checkpoint(folder / "last.pt", {"step": steps, "seconds": 60.0})
    return folder


def test_one_folder_for_what_learns_the_same(tmp_path: Path, config: Config):
    mark = fingerprint(config.plain())
    assert mark == fingerprint(configured([*WORDS, "run_dir=elsewhere", "logger.group=g"]).plain())
    others = (["seed=2"], ["trainer.steps=3"], ["model=supervised"], ["scene.counts=[0,3]"])
    assert len({fingerprint(configured([*WORDS, *other]).plain()) for other in others} | {mark}) == 5
    assert mark == fingerprint(configured([*WORDS, "supervised.beta=0"]).plain())  # AIR has no labels to weigh
    plain, weighed = (configured([*WORDS, "model=supervised", f"supervised.beta={beta}"]) for beta in (0, 0.5))
    assert fingerprint(plain.plain()) != fingerprint(weighed.plain())
    folder = folder_of(tmp_path, "air", config)
    assert folder.parent == tmp_path and folder.name.startswith("air_seed1_") and not folder.exists()


def test_a_folder_is_found_by_what_was_learned_in_it(tmp_path: Path, config: Config):
    """Under whatever name, and by whatever version of this program, as long as it is known what it did."""
    (damaged := tmp_path / "another").mkdir()
    (damaged / "config.yaml").write_text("sceen: 3\n")
    (damaged / "last.pt").touch()
    folder, there = folder_of(tmp_path, "air", config), tmp_path / "under_another_name"
    assert not folder.exists()
    leave(there, config)
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


@pytest.mark.parametrize(
    ("changed", "any_code"),
    [
        ({"code": "0123456789"}, True),  # what this version would do is not known of another one
        ({"code": None}, True),  # from before it was kept
        ({"catalogue": None, "code": None}, True),
        ({"catalogue": "0123456789"}, False),  # other meshes are another training whatever the program
    ],
)
def test_another_program_learns_another_thing(tmp_path: Path, config: Config, changed: dict, any_code: bool):
    there = leave(tmp_path / "there", config, **changed)
    assert folder_of(tmp_path, "air", config) != there
    assert (folder_of(tmp_path, "air", config, any_code=True) == there) == any_code
    leave(there, config)
    assert folder_of(tmp_path, "air", config) == there


def test_a_folder_in_which_programs_took_turns_is_of_none_of_them(tmp_path: Path, config: Config):
    there = leave(tmp_path, config)
    mine = to_learn(config)
    assert learned(there) == mine
    write_json(
        there / FILE, [{"code": mine.code, "catalogue": mine.catalogue}, {"code": "x", "catalogue": mine.catalogue}]
    )
    assert learned(there) == replace(mine, code=None)


def test_no_name_is_used_twice(tmp_path: Path, config: Config):
    """The folder of this name was gone on with by another version: its network stays where it is."""
    own = folder_of(tmp_path, "air", config)
    leave(own, config, code="0123456789")
    assert folder_of(tmp_path, "air", config) == tmp_path / f"{own.name}_2"
    assert to_learn(config).mark in own.name and Learned("a", "b", "c").mark != Learned("a", "b", "d").mark


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of train.py, which here leaves a finished training at once."""
    calls: list[list[str]] = []

    def call(program: str, words: Sequence[str], environment: object) -> int:
        assert program == "train"
        calls.append(list(words))
        folder = Path(next(word.partition("=")[2] for word in words if word.startswith(("run_dir=", "resume="))))
        assert not list(folder.glob("[!.]*")) or f"resume={folder}" in words, "train.py would refuse it"
        leave(folder, configured(WORDS))
        return 0

    monkeypatch.setattr(programs, "call", call)
    return calls


def test_what_is_finished_is_taken_and_what_was_stopped_goes_on(
    tmp_path: Path, called: list[list[str]], config: Config
):
    folder = trained(tmp_path, "air", WORDS, {}, ["logger.mode=disabled"])
    assert called == [[*WORDS, f"run_dir={folder}", "logger.mode=disabled"]]
    assert trained(tmp_path, "air", WORDS, {}) == folder and len(called) == 1
    leave(folder, config, steps=7)
    assert trained(tmp_path, "other", WORDS, {}) == folder and called[1:] == [[f"resume={folder}"]]


def test_that_another_version_is_not_taken_is_said_in_a_line(
    tmp_path: Path, called: list[list[str]], config: Config, capsys: pytest.CaptureFixture[str]
):
    there = leave(tmp_path / "there", config, code="0123456789")
    assert trained(tmp_path, "air", WORDS, {}, any_code=True) == there
    assert not called and capsys.readouterr().out == ""
    assert trained(tmp_path, "air", WORDS, {}) != there and len(called) == 1
    said = capsys.readouterr().out.strip()
    assert said == f"{there} was trained by another version of the program and is not taken (any_code=true does)"


def test_only_what_is_surely_ours_and_dead_is_cleared_away(
    tmp_path: Path, called: list[list[str]], config: Config, monkeypatch: pytest.MonkeyPatch
):
    """A training by hand that is just beginning has no network yet; nor had one of ours that was killed."""
    by_hand = tmp_path / "by_hand"
    save_config(config, by_hand)
    ours = folder_of(tmp_path, "air", config)
    save_config(config, ours)
    (ours / "panels").mkdir()
    (ours / "panels/step_0.png").touch()
    waited: list[Path] = []

    def waiting(folder: Path, wait: bool = False):
        waited.append(folder)
        assert wait and (folder / "config.yaml").exists(), "nothing is touched before the folder is ours"
        return held(folder, wait)

    monkeypatch.setattr(trainings, "held", waiting)
    assert trained(tmp_path, "air", WORDS, {}) == ours and waited == [ours]
    assert not (ours / "panels").exists() and (ours / "last.pt").exists() and (ours / LOCK).exists()
    assert [path.name for path in by_hand.iterdir()] == ["config.yaml"]


def test_a_training_that_runs_is_waited_for(
    tmp_path: Path, called: list[list[str]], config: Config, capsys: pytest.CaptureFixture[str]
):
    """By hand, in the folder that the comparison would use: it is finished by the time that the lock is free."""
    ours = folder_of(tmp_path, "air", config)
    save_config(config, ours)
    begun, done = Event(), Event()

    def by_hand() -> None:
        with held(ours):
            begun.set()
            done.wait(60)
            leave(ours, config)

    thread = Thread(target=by_hand)
    thread.start()
    begun.wait(60)
    Timer(5, done.set).start()  # however busy the machine is, it has begun to wait by then
    assert trained(tmp_path, "air", WORDS, {}) == ours and not called
    thread.join()
    assert f"waiting for the training in {ours}" in capsys.readouterr().out


def test_a_training_that_gives_up_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "call", lambda *_: 2)
    with pytest.raises(UserError, match="not trained to its end; the same command goes on from there"):
        trained(tmp_path, "air", WORDS, {})


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
        assert fingerprint(configured([*words, f"trainer.schedule.{used}=0.29"]).plain()) != mine, used
    for trainer in (plain, other):
        torch.manual_seed(0)
        for _ in range(4):
            trainer.train_step()
    for weights, theirs in zip(plain.parameters, other.parameters, strict=True):
        assert torch.equal(weights, theirs)

"""A run says which program made it, on what; and two programs are the same if they do the same."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import pytest
import torch
from small_runs import small_config

from air3d import home
from air3d.programs import train
from air3d.training import provenance
from air3d.training.checkpoint import load_checkpoint
from air3d.training.provenance import EVALUATION, LEARNING, code, environment, meaning, recorded
from air3d.training.tracking import Tracker
from scenes.catalogue import catalogue


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ('"""Other words."""\nA = 1.0  # why\n\n\ndef f(x):\n    return x + A\n', True),
        (
            '"""Words."""\nA = 1.0\n"""What it is."""\n\ndef f(\n    x,\n):\n    "What it does."\n    return (x + A)\n',
            True,
        ),
        ('"""Words."""\nA = 1.5\ndef f(x):\n    return x + A\n', False),
        ('"""Words."""\nA = 1.0\ndef f(x):\n    return A + x\n', False),
        ('"""Words."""\nA = 1.0\ndef f(x):\n    if x:\n        "Words"\n    return x + A\n', False),
    ],
)
def test_what_a_source_does(source: str, same: bool) -> None:
    assert (meaning(source) == meaning('"""Words."""\nA = 1.0\ndef f(x):\n    return x + A\n')) == same


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of two files and a setting, in place of this one."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/net.py").write_text("WIDTH = 3\n")
    (tmp_path / "settings.yaml").write_text("batch: 3\n")
    monkeypatch.setattr(home, "ROOT", tmp_path)
    code.cache_clear()
    yield tmp_path
    code.cache_clear()


def test_programs_are_the_same_if_what_decides_is(program: Path) -> None:
    def now(*parts: str) -> str:
        code.cache_clear()
        return code(parts or ("model", "settings.yaml", "missing.py"))

    before = now()
    (program / "report.py").write_text("COLOUR = 1")
    (program / "model/net.py").write_text("WIDTH = 3  # channels\n")
    (program / "model/notes.txt").write_text("no program")
    assert now() == before
    seen = {before}
    (program / "model/net.py").write_text("WIDTH = 4\n")
    seen.add(now())
    (program / "model/net.py").rename(program / "model/network.py")
    seen.add(now())
    (program / "settings.yaml").write_text("batch: 4\n")
    seen.add(now())
    assert len(seen) == 4
    assert now("model") == now("model") != now("settings.yaml")


@pytest.mark.parametrize("parts", [LEARNING, EVALUATION])
def test_what_decides_is_there(parts: tuple[str, ...]) -> None:
    assert all(home.sources(part).exists() for part in parts)
    assert len(code(parts)) == 10 and code(LEARNING) != code(EVALUATION)


def git(folder: Path, *words: str) -> str:
    author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.check_output(["git", *author, *words], cwd=folder, text=True).strip()


def test_the_commit_of_a_checkout_and_of_nothing_else(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def about() -> tuple[str | None, bool | None]:
        found = environment(small)
        return found["commit"], found["uncommitted_changes"]

    small = provenance_run()
    assert about() == (None, None), "no checkout"
    git(program, "init", "-q")
    git(program, "add", ".")
    git(program, "commit", "-q", "-m", "first")
    commit = git(program, "rev-parse", "HEAD")
    (program / "scribbled.txt").write_text("untracked")
    assert about() == (commit, False)
    (program / "model/net.py").write_text("WIDTH = 4\n")
    assert about() == (commit, True)
    monkeypatch.setattr(home, "ROOT", program / "model")
    assert about() == (None, None), "installed somewhere in a checkout of something else"
    monkeypatch.setattr(home, "ROOT", program)
    monkeypatch.setenv("PATH", os.devnull)
    assert about() == (None, None), "no git"


def provenance_run() -> provenance.Run:
    from air3d.training.run import build

    return build(small_config(Path("nowhere"), "scene.image_size=16"))


def test_train_leaves_it_in_the_folder_and_in_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry for each time that it began or went on, since a machine and a program may be others then."""
    told: list[dict[str, object]] = []

    class Told(Tracker):
        def __init__(self, run_dir, config, *more, **about) -> None:
            told.append(config["environment"])
            super().__init__(run_dir, config, *more, **about)

    monkeypatch.setattr(train, "Tracker", Told)
    little = ("scene.image_size=16", "trainer.batch=2", "trainer.validation_scenes=2", "trainer.steps=1")
    config = small_config(tmp_path, *little)
    train.train(config, tmp_path)
    config.resume, config.trainer.steps = str(tmp_path), 2
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    train.train(config, tmp_path)
    first, second = json.loads((tmp_path / "environment.json").read_text())
    assert (first["step"], second["step"]) == (0, 1) and second["python"] == "3.99.1" != first["python"]
    assert first["torch"] == torch.__version__ and first["device"] and first["threads"] == torch.get_num_threads()
    assert first["code"] == code(LEARNING) and first["catalogue"] == catalogue("shapes").fingerprint
    assert told == [{k: v for k, v in entry.items() if k != "step"} for entry in (first, second)]
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 2


def test_what_is_not_there_or_damaged_says_nothing(tmp_path: Path) -> None:
    assert recorded(tmp_path) == []
    (tmp_path / "environment.json").write_text("[{")
    assert recorded(tmp_path) == []

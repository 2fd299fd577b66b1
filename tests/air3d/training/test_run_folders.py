"""A run's folder belongs to one training: made for it alone, and held for as long as it runs."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_runs import small_config

from air3d import cli
from air3d.programs import train
from air3d.training.checkpoint import save_config
from air3d.training.config import Config
from air3d.training.folder import LOCK, begun, held
from scenes.errors import UserError

ROOT = Path(__file__).resolve().parents[3]

ONE_OF_MANY = """
import sys
from pathlib import Path
from air3d.training.folder import begun
from scenes.errors import UserError
print("ready", flush=True)
sys.stdin.readline()
try:
    with begun(Path(sys.argv[1]), numbered=sys.argv[2] == "numbered") as folder:
        (folder / "config.yaml").write_text("")
        print(folder.name, flush=True)
        sys.stdin.readline()
except UserError as error:
    print("error:", error, flush=True)
"""


def at_once(path: Path, how: str, number: int = 6) -> list[str]:
    """What programs say that all want the same folder, and hold what they got until the last of them has spoken."""
    command = [sys.executable, "-c", ONE_OF_MANY, str(path), how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    programs = [subprocess.Popen(command, **pipes) for _ in range(number)]
    assert {program.stdout.readline() for program in programs} == {"ready\n"}
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    said = [program.stdout.readline().strip() for program in programs]
    for program in programs:
        program.communicate()
    return said


def test_programs_at_once_get_a_folder_each(tmp_path: Path) -> None:
    said = at_once(tmp_path / "runs/now_tabletop_seed0", "numbered")
    name = "now_tabletop_seed0"
    assert sorted(said) == sorted([name, *(f"{name}_{number}" for number in range(2, 7))])


def test_a_folder_that_was_asked_for_is_given_to_one(tmp_path: Path) -> None:
    said = at_once(tmp_path / "mine", "given")
    refused = [line for line in said if line.startswith("error: ")]
    assert sorted(set(said) - set(refused)) == ["mine"] and len(refused) == 5
    assert all("in use" in line or "exists" in line for line in refused)


def test_what_is_there_is_not_trained_over_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="choose another folder"), begun(tmp_path, numbered=False):
        pytest.fail("nobody may train here")
    with pytest.raises(UserError, match="exists"), begun(tmp_path / "notes.txt", numbered=False):
        pytest.fail("nor here")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"], "not even a lock"


def test_an_empty_folder_will_do_and_an_error_before_the_first_file_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with begun(tmp_path / "empty", numbered=False) as folder:
        (folder / "config.yaml").write_text("")
    assert {path.name for path in folder.iterdir()} == {"config.yaml", LOCK}
    with pytest.raises(UserError, match="no such renderer"), begun(tmp_path / "new", numbered=True):
        raise UserError("no such renderer")
    assert not (tmp_path / "new").exists()


def test_a_training_is_not_joined_by_a_second_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        held(tmp_path),
        pytest.raises(UserError, match=r"is in use.*choose another run_dir"),
        held(tmp_path),
    ):
        pytest.fail("two trainings in one folder")
    with held(tmp_path, wait=True):  # who held it is gone
        assert "waiting" not in capsys.readouterr().out


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Config, Path]]:
    """The trainings that train.py goes on to, which takes seconds; here nothing happens then."""
    seen: list[tuple[Config, Path]] = []
    ended = SimpleNamespace(stopped=False)
    monkeypatch.setattr(train, "train", lambda config, run_dir: seen.append((config, run_dir)) or ended)
    return seen


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """As from the command line."""
    given = SimpleNamespace(overrides=SimpleNamespace(task=list(words)))
    monkeypatch.setattr(train.HydraConfig, "get", lambda: given)
    train.main(cli.compose("train", list(words)))


def test_train_makes_the_folder_before_anything_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[tuple[Config, Path]]
) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "config.yaml").write_text("")
    with pytest.raises(UserError, match="exists: choose another folder"):
        call(monkeypatch, f"run_dir={run_dir}")
    assert not started


def test_train_takes_the_next_name_where_its_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trainings that begin in the same second, with the same scene and seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "datetime", SimpleNamespace(now=lambda: datetime(2026, 1, 2, 3, 4, 5)))
    ended = SimpleNamespace(stopped=False)
    monkeypatch.setattr(
        train, "train", lambda config, run_dir: (run_dir / "config.yaml").write_text(config.run_dir) and ended
    )
    for gradient in ("nvil", "leave_one_out"):
        call(monkeypatch, f"gradient={gradient}", "seed=3")
    name = "runs/2026-01-02_03-04-05_tabletop_seed3"
    assert {path.read_text() for path in tmp_path.glob("runs/*/config.yaml")} == {name, f"{name}_2"}


def test_train_does_not_resume_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[tuple[Config, Path]]
) -> None:
    save_config(small_config(tmp_path), tmp_path)
    with held(tmp_path), pytest.raises(UserError, match="in use"):
        call(monkeypatch, f"resume={tmp_path}")
    assert not started
    call(monkeypatch, f"resume={tmp_path}")
    assert [folder for _, folder in started] == [tmp_path]

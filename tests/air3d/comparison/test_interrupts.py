"""Ctrl-C under compare.py: the program that it started gets its time, then the comparison stops."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from comparing import common

from air3d import cli
from air3d.training.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[3]

LITTLE = 'words=["scene.image_size=16","trainer.batch=2","gradient.samples=2","trainer.validation_scenes=2"]'

WAITS = """
import sys
from pathlib import Path
from air3d import cli
from air3d.comparison import programs
programs.command = lambda program: [sys.executable, str(Path(sys.argv[1], program))]
cli.one_line(lambda: print("ended with", programs.call("child.py", ["words"], {"PATH": ""})))
"""
"""Stands for compare.py, without its seconds of imports."""

CHILD = """
import signal, sys, time
from pathlib import Path
here, heard = Path(__file__).parent, []
def take(number, frame):
    heard.append(signal.Signals(number).name)
    (here / "heard").write_text(" ".join(heard))
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, take)
(here / "ready").touch()
while not (here / "let go").exists():
    time.sleep(0.01)
(here / "saved").touch()
sys.exit(7)
"""
"""Stands for train.py: goes on whatever it hears, and then saves."""


def until(happened: Callable[[], object], seconds: float = 120) -> None:
    """Waits, so long only if something hangs."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)


@contextmanager
def running(*command: str, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program as the foreground of a terminal of its own: what it starts belongs to its process group. What it says
    stands in OUT/stdout and OUT/stderr."""
    with (
        (out / "stdout").open("w") as said,
        (out / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=said, stderr=errors, start_new_session=True
        ) as program,
    ):
        try:
            yield program
        finally:
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)


@contextmanager
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Stands for compare.py while train.py runs."""
    (tmp_path / "child.py").write_text(CHILD)
    with running("-c", WAITS, str(tmp_path), out=tmp_path) as program:
        until((tmp_path / "ready").exists)
        yield program


def heard(tmp_path: Path) -> list[str]:
    path = tmp_path / "heard"
    return path.read_text().split() if path.exists() else []


def let_go(tmp_path: Path, program: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What was said in the end."""
    (tmp_path / "let go").touch()
    program.wait(120)
    return (tmp_path / "stdout").read_text(), (tmp_path / "stderr").read_text()


def test_without_interrupts_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    with waiting(tmp_path) as program:
        said, errors = let_go(tmp_path, program)
    assert program.returncode == 0 and errors == ""
    assert said.split("\n") == ["", "air3d child.py words", "ended with 7", ""]


def test_a_terminals_ctrl_c_is_heard_once_and_the_program_is_waited_for(tmp_path: Path) -> None:
    """However long it takes: subprocess.run would kill it after a quarter of a second."""
    with waiting(tmp_path) as program:
        os.killpg(program.pid, signal.SIGINT)
        until(lambda: heard(tmp_path))
        time.sleep(1)
        assert program.poll() is None and not (tmp_path / "saved").exists()
        said, errors = let_go(tmp_path, program)
    assert heard(tmp_path) == ["SIGINT"] and (tmp_path / "saved").exists()
    assert program.returncode == cli.INTERRUPTED and "ended" not in said
    assert errors == "child.py and the comparison are stopped; the same command goes on from there\n"


def test_what_is_sent_to_the_comparison_alone_is_passed_on(tmp_path: Path) -> None:
    """A second interrupt, and a polite kill at once."""
    with waiting(tmp_path) as program:
        program.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert heard(tmp_path) == []
        program.send_signal(signal.SIGINT)
        until(lambda: heard(tmp_path) == ["SIGINT"])
        program.send_signal(signal.SIGTERM)
        until(lambda: heard(tmp_path) == ["SIGINT", "SIGTERM"])
        let_go(tmp_path, program)
    assert program.returncode == cli.INTERRUPTED and (tmp_path / "saved").exists()


def test_an_interrupt_between_programs_is_one_line_too(tmp_path: Path) -> None:
    code = "import signal\nfrom air3d import cli\ncli.one_line(lambda: signal.raise_signal(signal.SIGINT))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (cli.INTERRUPTED, "interrupted\n", "")


@pytest.mark.slow
def test_a_training_finishes_its_step_saves_and_goes_on_with_the_same_command(tmp_path: Path) -> None:
    """The real programs; the terminal's Ctrl-C comes in the middle of training."""
    words = ("experiment=no_repeats", "models=air", "~tests.repeated", "scenes=5", "logger.mode=disabled")
    training = 'train=["scene=tabletop","trainer.steps=10000","trainer.minutes=0.05","trainer.validate_every=100000"]'
    command = ("compare.py", *common(tmp_path), *words, training, LITTLE)
    progress = re.compile(r" [1-9]\d*/10000")
    with running(*command, out=tmp_path) as program:
        until(lambda: progress.search((tmp_path / "stderr").read_text()) or program.poll() is not None, 300)
        os.killpg(program.pid, signal.SIGINT)
        program.wait(300)
    said, errors = (tmp_path / "stdout").read_text(), (tmp_path / "stderr").read_text()
    assert program.returncode == cli.INTERRUPTED, errors
    assert errors.splitlines()[-1] == "train and the comparison are stopped; the same command goes on from there"
    (folder,) = (path.parent for path in tmp_path.glob("air*/last.pt"))
    kept = load_checkpoint(folder / "last.pt")
    assert kept["step"] > 0 and kept["seconds"] < 3 and f"stopped at step {kept['step']}," in said
    with running(*command, out=tmp_path) as program:
        program.wait(300)
    said, errors = (tmp_path / "stdout").read_text(), (tmp_path / "stderr").read_text()
    assert program.returncode == 0 and f"resume={folder}" in said and "index.html" in said, errors
    assert load_checkpoint(folder / "last.pt")["seconds"] >= 3

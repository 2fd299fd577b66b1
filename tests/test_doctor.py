"""air3d doctor: it says what is right, and finds what is wrong."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from air3d.programs import doctor

ROOT = Path(__file__).resolve().parents[1]


def test_a_healthy_installation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    assert doctor.main() == 0
    said = capsys.readouterr().out
    for word in ("Python 3", "torch 2", "renderer=auto is streaming", "differ by", "single_object sees 1", "GB free"):
        assert word in said
    assert "WRONG" not in said and said.endswith("all that is needed is there\n")


def test_everything_that_is_broken_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "shapely":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"wandb": "0.1"}.get(name) or real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor, "CLOSE", 0.0)
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 5))
    monkeypatch.setattr("air3d.training.checkpoint.read_weights", lambda path: 1 / 0)
    assert doctor.main() == 1
    said = capsys.readouterr().out
    for line in (
        'WRONG packages  shapely is not installed\n                -> pip install "shapely',
        "WRONG packages  wandb 0.1 is not",
        "WRONG picture   a picture and its gradient differ",
        "WRONG network   ZeroDivisionError",
        "note  disk      0.0 GB free",
    ):
        assert line in said, said
    assert said.endswith("\n4 of these must be mended\n")


def test_the_command_lists_its_programs_and_corrects_a_name() -> None:
    def air3d(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "air3d", *words], cwd=ROOT, capture_output=True, text=True)

    listed = air3d("--help")
    assert listed.returncode == 0 and all(f"\n  {name} " in listed.stdout for name in ("train", "doctor", "infer"))
    assert air3d().stdout == listed.stdout and air3d("--version").stdout.startswith("air3d ")
    wrong = air3d("evalute")
    assert wrong.returncode == 2 and "did you mean evaluate?" in wrong.stderr and wrong.stderr.count("\n") == 1
    unknown = air3d("infer", "run=pretrained/nothing", "pictures=.")
    assert unknown.returncode == 2 and "pretrained/nothing is not a run" in unknown.stderr

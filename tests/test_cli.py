"""What --help says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from air3d.cli import choices

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("program", "offered", "not_offered"),
    [
        (
            "train",
            [
                "scene: meshes, meshes_varied, single_object, tabletop, tabletop_varied",
                "supervised: hungarian, ordered, symmetric",
            ],
            "interpolation",
        ),
        ("generate", ["painter: air3d, mitsuba", "testset: path_traced_1, path_traced_2"], "gradient: "),
        ("compare", ["models: air, same_scenes, same_seconds", "interpolation"], "gradient: "),
    ],
)
def test_help_offers_what_a_program_takes_and_nothing_else(program: str, offered: list[str], not_offered: str) -> None:
    words = [sys.executable, f"{program}.py", "--help"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout
    begin = said.split("Everything that can be set")[0]
    assert all(each in begin for each in offered) and not_offered not in begin


def test_choices_are_the_files_of_a_folder() -> None:
    for group in ("scene", "compare/experiment"):
        name, _, options = choices(group).partition(": ")
        assert name == group.split("/")[-1]
        assert set(options.split(", ")) == {path.stem for path in (ROOT / "configs" / group).glob("*.yaml")}


def test_whoever_reads_the_help_may_stop_reading() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "generate.py", "--help"], cwd=ROOT, stdout=pipe, stderr=pipe) as program:
        assert program.stdout is not None and program.stderr is not None
        program.stdout.close()
        said = program.stderr.read()
        assert program.wait(timeout=120) == 1 and said == b""

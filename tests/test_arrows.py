"""The rooms know each other in one direction only: air3d -> renderers -> scenes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ENTRY_POINTS = {path.stem for path in ROOT.glob("*.py")}
FORBIDDEN = {
    "scenes": {"renderers", "air3d", "torch", "numba", "hydra", "omegaconf", "wandb"} | ENTRY_POINTS,
    "renderers": {"air3d", "hydra", "omegaconf", "wandb"} | ENTRY_POINTS,
    "air3d": ENTRY_POINTS,
}
# Only where the command line is read may a DictConfig be seen: behind it there are typed dataclasses.
CONFIGURATION_LIBRARIES = {"hydra", "omegaconf"}
READS_THE_COMMAND_LINE = {"air3d/cli.py", "air3d/config.py"}


def imported(source: str) -> set[str]:
    """Top-level names of the packages that a module imports anywhere in it, even inside functions."""

    def names() -> Iterator[str]:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node.module or ""

    return {name.split(".")[0] for name in names()}


def modules(room: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / room).rglob("*.py"))


def test_imports_are_found_wherever_they_hide():
    source = "import a.b, c as d\ndef f():\n    from e.f import g\n    from . import h\n"
    assert imported(source) == {"a", "c", "e"}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_has_modules(room: str):
    assert modules(room), f"no modules in {room}/: this test would pass on nothing"


@pytest.mark.parametrize("path", [path for room in FORBIDDEN for path in modules(room)])
def test_arrows_go_one_way(path: str):
    found = imported((ROOT / path).read_text(encoding="utf-8")) & FORBIDDEN[path.split("/")[0]]
    assert not found, f"{path} must not import {sorted(found)}"


@pytest.mark.parametrize("path", [path for room in FORBIDDEN for path in modules(room)])
def test_only_the_command_line_sees_hydra(path: str):
    found = imported((ROOT / path).read_text(encoding="utf-8")) & CONFIGURATION_LIBRARIES
    assert path in READS_THE_COMMAND_LINE or not found, f"{path} must not import {sorted(found)}"

"""The rooms know each other in one direction only: air3d -> renderers -> scenes, and so do those inside air3d."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
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
READS_THE_COMMAND_LINE = {
    *("air3d/cli.py", "air3d/mistakes.py", "air3d/training/config.py"),
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / "air3d/programs").glob("*.py")),
}

# What the rooms of air3d may know of each other.
ROOMS: dict[str, set[str]] = {"model": set(), "gradients": {"model"}, "objectives": {"model", "gradients"}}
ROOMS["inference"] = {"model"}
ROOMS["evaluation"] = {"inference", *ROOMS["inference"]}
ROOMS["report"] = {"evaluation", *ROOMS["evaluation"]}
ROOMS["training"] = {"report", *ROOMS["report"], "objectives", *ROOMS["objectives"]}
ROOMS["api"] = {"training", *ROOMS["training"]}
ROOMS["comparison"] = {"training", *ROOMS["training"]}
ROOMS["programs"] = {*ROOMS}
# Files beside the rooms, which every room may use and which know none.
BESIDE = {"__main__", "cli", "command", "files", "home", "mistakes", "splits", "threads"}


def names_in(source: str, module: str = "") -> Iterator[str]:
    """What the source of a module imports anywhere in it, even inside functions or for type checkers alone: `a.b` for
    `import a.b`, `a.b.c` for `from a.b import c`, whatever c is."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            yield from (".".join(filter(None, [*above, node.module or "", alias.name])) for alias in node.names)


def imported(source: str) -> set[str]:
    """Top-level names of the packages that a module imports anywhere in it, even inside functions."""
    return {name.split(".")[0] for name in names_in(source, "here.module")} - {"here"}


def modules(room: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / room).rglob("*.py"))


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which of these modules each of them imports. A package is its `__init__`; that every module runs the `__init__`
    of the packages it lies in is not counted."""
    edges, known = {}, {name.removesuffix(".__init__") for name in sources}
    for module, source in sources.items():
        package = module.removesuffix(".__init__")
        wanted = ((name, name.rpartition(".")[0]) for name in names_in(source, module))
        edges[package] = {next((each for each in pair if each in known), "") for pair in wanted} - {"", package}
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first of them again at the end; none where there is no circle."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def sources(room: str) -> dict[str, str]:
    """The source of every module of a room, by dotted name."""
    return {".".join(Path(path).with_suffix("").parts): (ROOT / path).read_text() for path in modules(room)}


def test_imports_are_found_wherever_they_hide():
    source = "import a.b, c as d\ndef f():\n    from e.f import g\n    from . import h\n"
    assert imported(source) == {"a", "c", "e"}
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .other import name\n"
    assert set(names_in(hidden, "a.b")) == {"typing.TYPE_CHECKING", "a.other.name"}


def test_a_circle_is_found_even_where_only_type_checkers_see_it():
    one = "from a.two import thing\nfrom a import three\n"
    two = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import one\n"
    given = {"a.__init__": "", "a.one": one, "a.two": two, "a.three": "import torch\n"}
    assert graph(given) == {"a": set(), "a.one": {"a.two", "a.three"}, "a.two": {"a.one"}, "a.three": set()}
    assert sorted(set(circle(graph(given)))) == ["a.one", "a.two"]
    assert circle(graph({**given, "a.two": ""})) == []
    package = {"a.__init__": "from a import one\n", "a.one": "from a import CONSTANT\n"}
    assert sorted(set(circle(graph(package)))) == ["a", "a.one"]


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


def test_every_room_of_air3d_is_in_the_plan():
    inside = {path.name for path in (ROOT / "air3d").iterdir() if path.is_dir() and list(path.glob("*.py"))}
    beside = {path.stem for path in (ROOT / "air3d").glob("*.py")} - {"__init__"}
    assert (inside, beside) == (set(ROOMS), BESIDE)


@pytest.mark.parametrize("path", [path for path in modules("air3d") if path != "air3d/__init__.py"])
def test_arrows_inside_air3d_go_one_way(path: str):
    here = Path(path).with_suffix("").parts
    known = {
        name.split(".")[1] for name in names_in((ROOT / path).read_text(), ".".join(here)) if name.startswith("air3d.")
    }
    room = here[1]
    found = known - {room} - BESIDE - ROOMS.get(room, set())
    assert not found, f"{path} must not import {sorted(found)} of air3d"


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_modules_import_each_other_in_a_circle(room: str):
    edges = graph(sources(room))
    assert len(edges) > 5 and any(edges.values()), "this test would pass on nothing"
    found = circle(edges)
    assert not found, " -> ".join(found)

"""What the packaging files say about each other."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from air3d.cli import compose
from air3d.programs import generate

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines(name: str) -> list[str]:
    """The lines of a text file in the root that are neither empty nor comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def canonical(requirement: str) -> str:
    """The name in "Some_Package[extra]>=1,<2" as package indexes compare it: "some-package"."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def test_constraints_pin_every_dependency_exactly():
    pins = [line.split("==") for line in lines("constraints.txt")]
    assert all(len(pin) == 2 and re.fullmatch(r"[0-9][0-9a-z.]*", pin[1]) for pin in pins), "only name==version"
    pinned = {canonical(pin[0]) for pin in pins}
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    assert {canonical(requirement) for requirement in wanted} <= pinned


def test_pins_are_versions_that_the_project_asks_for():
    pins = {canonical(name): version for name, version in (line.split("==") for line in lines("constraints.txt"))}
    for requirement in map(Requirement, [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]):
        assert requirement.specifier.contains(pins[canonical(requirement.name)]), requirement


def test_any_build_of_the_pinned_torch_is_taken():
    """Such as the small one for CPUs: a pin without a build tag does not replace it."""
    (pin,) = (line for line in lines("constraints.txt") if canonical(line) == "torch")
    version = pin.split("==")[1]
    assert Requirement(pin).specifier.contains(f"{version}+cpu") and not Version(version).local
    assert f"install torch {version} into" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_conda_environment_holds_every_runtime_dependency():
    listed = {canonical(line.removeprefix("- ")) for line in lines("environment.yml")}
    other_names = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    wanted = {canonical(requirement) for requirement in PROJECT["dependencies"]}
    assert {other_names.get(name, name) for name in wanted} | {"pytorch3d"} <= listed


def test_the_citation_names_the_version():
    assert f"version: {PROJECT['version']}" in lines("CITATION.cff")


def test_the_newest_version_of_the_changelog_is_the_projects():
    """What is not released yet stands above it, and nothing else does."""
    headings = re.findall(r"^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    newest = headings[1] if headings[0] == "Unreleased" else headings[0]
    assert newest == PROJECT["version"]


DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_relative_links_lead_somewhere(document: str):
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    local = [target for target in targets if "://" not in target]
    missing = [target for target in local if not ((ROOT / document).parent / target).exists()]
    assert not missing, f"{document} points at {missing}"


def readme_commands() -> list[str]:
    """Every `python something.py ...` and `make train ARGS="..."` of the README's code blocks."""
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    commands = [line.strip() for block in blocks for line in block.splitlines()]
    commands = [re.sub(r'^make train ARGS="(.*)"$', r"python train.py \1", command) for command in commands]
    return [command for command in commands if command.startswith("python ")]


def test_readme_shows_every_program():
    programs = {"train.py", "evaluate.py", "infer.py", "compare.py", "generate.py"}
    assert {command.split()[1] for command in readme_commands()} >= programs


@pytest.mark.parametrize("command", readme_commands())
def test_readme_commands_name_settings_that_exist(command: str):
    _, script, *overrides = shlex.split(command)
    assert (ROOT / script).is_file(), f"README: {command!r}, but there is no {script}"
    words = [re.sub(r"=(\w+),[\w,]+$", r"=\1", word) for word in overrides if word != "-m"]  # one of a sweep's runs
    compose(Path(script).stem, words, "compare" if script == "compare.py" else "")


def python_blocks(document: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_lines_of_python_run_as_they_stand(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the data set that the README's commands make; what is found are the objects that stand there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    made = next(command for command in readme_commands() if command.startswith("python generate.py"))
    generate.main(compose("generate", shlex.split(made)[2:]))
    names: dict[str, Any] = {}
    for block in python_blocks(document):
        exec(block, names)
    truth = json.loads(Path("data/tables/scenes.json").read_text())["scenes"][2]["objects"]
    assert sorted(each.name for each in names["scene"].objects) == sorted(each["shape"] for each in truth)
    if document == "README.md":
        assert "saucepan at (" in capsys.readouterr().out
    else:
        assert names["metrics"]["count_accuracy"] >= 0 and Path("data/small/scenes.json").is_file()


def test_the_notebook_runs_from_the_first_cell_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With trainings of seconds instead of minutes."""
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs/notebook.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for cell in cells:
        exec(cell.replace("MINUTES = 2.0", "MINUTES = 0.02"), names)
    assert names["MINUTES"] == 0.02 and len(names["scene"].objects) == 3
    assert all(Path(run, "last.pt").is_file() for run in ("runs/cubes", "runs/mine", "runs/adapted"))
    assert not any(cell.get("outputs") for cell in notebook["cells"]), "what it prints is not kept with it"

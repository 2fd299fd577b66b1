"""What --help says, and which choices go together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from air3d import cli
from air3d.cli import written_out
from air3d.mistakes import choices
from air3d.training.config import Config

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


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["scene.meshes=."], "there is no setting scene.meshes; it is one of scene=meshes and scene=meshes_varied"),
        (["scene.image_sise=64"], "there is no setting scene.image_sise; did you mean image_size?"),
        (["no/such/folder"], "no/such/folder is no setting: every one is written name=value"),
        (["scne=tabletop", "--help"], "there is no setting scne; did you mean scene?"),
    ],
)
def test_a_mistake_is_answered_in_one_line_with_what_would_be_right(words: list[str], answer: str) -> None:
    said = subprocess.run([sys.executable, "preview.py", *words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert said.returncode == 2 and said.stdout == ""
    assert said.stderr.startswith(f"error: {answer}") and said.stderr.count("\n") == 1


def test_a_folder_alone_is_one_of_meshes_to_the_preview(tmp_path: Path) -> None:
    assert written_out("preview", [str(tmp_path)]) == ["scene=meshes", f"scene.meshes='{tmp_path}'"]
    assert written_out("train", [str(tmp_path)]) == [str(tmp_path)]
    assert written_out("preview", ["side=128", "--help"]) == ["side=128", "--help"]


@pytest.mark.parametrize("scene", sorted(path.stem for path in (ROOT / "configs" / "scene").glob("*.yaml")))
@pytest.mark.parametrize("group", ["supervised", "ablation", "gradient"])
def test_every_scene_can_be_trained_in_every_way(scene: str, group: str) -> None:
    """A scene's recipe and what a choice of another group needs do not contradict each other."""
    model = ["model=supervised"] if group == "supervised" else []
    for choice in sorted(path.stem for path in (ROOT / "configs" / group).glob("*.yaml")):
        words = [f"scene={scene}", *model, f"{group}={choice}", "run_dir=runs/none"]
        words += ["scene.meshes=somewhere"] if scene.startswith("meshes") else []
        assert cli.typed(cli.compose("train", words), Config).scene.name == scene

"""Tests that are taken once: by one network, under one program, and a page that counts what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from air3d import cli
from air3d.comparison import evaluations, programs
from air3d.comparison.collect import collect, read
from air3d.comparison.evaluations import ABOUT, REQUEST, evaluated, remembered
from air3d.comparison.learned import to_learn_with
from air3d.comparison.plan import CompareConfig, TestSet
from air3d.files import write_json
from scenes.errors import UserError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A trained network, as far as anybody looks at it here."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.pt").write_bytes(b"weights")
    return folder


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of evaluate.py."""
    calls: list[list[str]] = []

    def call(program: str, words: Sequence[str], environment: object) -> int:
        assert program == "evaluate"
        calls.append(list(words))
        folder = Path(next(word.removeprefix("out=") for word in words if word.startswith("out=")))
        write_json(folder / "metrics.json", {"count_accuracy": 1.0})
        return 0

    monkeypatch.setattr(programs, "call", call)
    return calls


def test_what_was_measured_is_measured_again_for_another_network_test_or_program(
    tmp_path: Path,
    run: Path,
    called: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    test, folder = TestSet(scenes=10), tmp_path / "result"
    for _ in range(2):
        evaluated(run, test, folder, {})
    assert len(called) == 1 and f"run={run}" in called[0] and "scenes=10" in called[0] and f"out={folder}" in called[0]
    evaluated(run, replace(test, scenes=20), folder, {})
    (run / "best.pt").write_bytes(b"better weights")
    evaluated(run, replace(test, scenes=20), folder, {})
    assert len(called) == 3 and capsys.readouterr().out == ""
    monkeypatch.setattr(evaluations, "code", lambda parts: "0123456789")
    evaluated(run, replace(test, scenes=20), folder, {}, any_code=True)
    assert len(called) == 3 and capsys.readouterr().out == ""
    evaluated(run, replace(test, scenes=20), folder, {})
    said = f"{folder} was measured by another version of the program and is measured again"
    assert len(called) == 4 and capsys.readouterr().out.strip() == said
    assert remembered(folder)["code"] == "0123456789"


@pytest.mark.parametrize("ending", ["gives up", "is interrupted"])
def test_what_is_not_measured_to_its_end_is_no_result(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch, ending: str
):
    def call(*_: object) -> int:
        if ending == "gives up":
            return 2
        raise KeyboardInterrupt

    folder = tmp_path / "result"
    write_json(folder / REQUEST, {"network": "of before"})
    write_json(folder / ABOUT, {})
    monkeypatch.setattr(programs, "call", call)
    with pytest.raises((UserError, KeyboardInterrupt)):
        evaluated(run, TestSet(scenes=10), folder, {})
    assert not (folder / REQUEST).exists() and not (folder / ABOUT).exists()


def test_results_of_another_program_are_left_out_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["experiment=no_repeats", "models=air", f"runs={tmp_path}"]
    mine = cli.typed(cli.compose("compare", words, "compare"), CompareConfig)
    any_code = replace(mine, any_code=True)
    for seed in range(3):
        folder = tmp_path / f"results/air_seed{seed}/unique"
        training = (*mine.training("air")[:-1], f"seed={seed}")
        learned = asdict(to_learn_with(training))
        request = {"test": evaluations.request(mine.tests["unique"]), "code": evaluations.code(evaluations.EVALUATION)}
        if seed == 1:
            learned["code"] = "0123456789"
        if seed == 2:
            request["code"] = "0123456789"
        about = {"model": "air", "seed": seed, "test": "unique", "run": "", "training": list(training)}
        write_json(folder / ABOUT, {**about, "cost": {"steps": 1, "pictures": 1, "minutes": 1.0}, "learned": learned})
        write_json(folder / REQUEST, request)
        write_json(folder / "metrics.json", {})
    assert [result.seed for result in collect(tmp_path, mine)] == [0]
    assert capsys.readouterr().out.strip() == (
        "left out of the report: 2 results of another version of the program (any_code=true takes them)"
    )
    assert [result.seed for result in collect(tmp_path, any_code)] == [0, 1, 2]
    assert capsys.readouterr().out == ""
    other = replace(mine, words=["trainer.steps=3"])
    assert read(tmp_path / "results/air_seed0/unique", other, any_code=True) is None
    assert collect(tmp_path, other) == [] and capsys.readouterr().out == ""

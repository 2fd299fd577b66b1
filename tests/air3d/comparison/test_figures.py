"""Figures hold every model, however many there are, and every name is written as people write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from air3d.comparison.collect import Result
from air3d.comparison.report import figures
from air3d.comparison.report.summary import words
from air3d.comparison.trainings import Cost
from air3d.report import plots
from air3d.report.records import OBJECTS, write_csv

MODELS = [f"model_{number}" for number in range(10)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, not only their files."""
    seen: list[Figure] = []
    for module in (figures, plots):
        monkeypatch.setattr(module, "save", lambda figure, path: seen.append(figure))
    return seen


def test_the_errors_of_ten_models_are_ten_histograms_that_can_be_told_apart(tmp_path: Path, drawn: list[Figure]):
    results = []
    for model in MODELS:
        rows = [[0.01, 3.0], [0.02, 30.0]]
        write_csv(tmp_path / model / OBJECTS, ("distance_m", "rotation_error_deg"), rows)
        results.append(Result(model, 0, "test", "", Path(), Cost(1, 1, 1.0), tmp_path / model, {}))
    figures.errors(tmp_path / "errors.png", results)
    for axes in drawn[0].axes:
        outlines = [(patch.get_edgecolor(), patch.get_linestyle()) for patch in axes.patches]
        assert len(outlines) == len(set(outlines)) == len(MODELS)
        labels = {text.get_text() for text in axes.get_legend().get_texts()}
        assert labels == {f"model {number}: 2" for number in range(10)}


def test_ten_curves_can_be_told_apart(drawn: list[Figure]):
    plots.learning_curve("x.png", {name: [{"perf/minutes": 1.0, "val/count_accuracy": 0.5}] for name in MODELS})
    plots.count_accuracy_by_count("x.png", {name: {"0": 0.5, "1": 0.6} for name in MODELS})
    for figure in drawn:
        lines = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
        assert len(lines) == len(set(lines)) == len(MODELS)
        assert [style for _, style in lines[:8]] == ["-"] * 8


@pytest.mark.parametrize(
    ("name", "written"),
    [("air", "AIR"), ("air_no_residual", "AIR no residual"), ("pairs", "pairs"), ("fair_air", "fair AIR")],
)
def test_air_is_a_word(name: str, written: str):
    assert words(name) == written

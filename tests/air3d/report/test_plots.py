"""What plots show: the numbers they were given, and nothing where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from air3d.report import plots


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of every plot that is written, which goes on."""
    axes, save = [], plots.save

    def kept(figure, path):
        axes.extend(figure.axes)
        save(figure, path)
        assert Image.open(path).size[0] > 100

    monkeypatch.setattr(plots, "save", kept)
    return axes


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def legend(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def points(axes: Axes, line: int) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in axes.lines[line].get_xydata()]  # pyright: ignore


def test_a_learning_curve(tmp_path: Path, drawn: list[Axes]) -> None:
    rows = [{"step": s, "perf/minutes": s / 60, "val/count_accuracy": s / 100} for s in range(0, 100, 10)]
    rows.append({"step": 100, "train/elbo": 1.0})  # not every row has every metric
    runs = {"seed 0": rows, "nothing yet": []}
    plots.learning_curve(tmp_path / "curve.png", runs, goal=0.95)
    plots.learning_curve(tmp_path / "steps.png", {"a": rows, "b": rows}, against="step", named={"a": "AIR", "b": "AIR"})
    minutes, steps = drawn
    assert points(minutes, 0) == [(s / 60, s / 100) for s in range(0, 100, 10)] and points(minutes, 1) == []
    assert legend(minutes) == ["seed 0", "nothing yet"] and texts(minutes) == ["95%"]
    assert points(minutes, 2) == [(0, 0.95), (1, 0.95)], "the goal, from side to side"
    assert minutes.get_xlabel() == "training time (minutes)" and steps.get_xlabel() == "training steps"
    assert points(steps, 1) == [(s, s / 100) for s in range(0, 100, 10)] and legend(steps) == ["AIR"]
    assert steps.lines[0].get_color() == steps.lines[1].get_color()


def test_count_accuracy_by_count(tmp_path: Path, drawn: list[Axes]) -> None:
    plots.count_accuracy_by_count(tmp_path / "by.png", {"air": {"0": 1.0, "10": 0.5, "2": None}}, range(4))
    seeds = {"0": {"1": 0.4, "2": 1.0}, "1": {"1": 0.8, "2": 1.0}}
    plots.count_accuracy_by_count(tmp_path / "seeds.png", seeds, named={"0": "AIR", "1": "AIR"})
    plots.count_accuracy_by_count(tmp_path / "none.png", {"air": {}})
    one, mean, none = drawn
    assert points(one, 0) == [(0, 1.0), (10, 0.5)] and texts(one) == ["100%", "50%"]
    assert legend(one) == ["air", "counts trained on"] and len(one.patches) == 4 and one.get_xlim() == (-0.5, 10.5)
    assert points(mean, 0) == [(1, pytest.approx(0.6)), (2, 1.0)] and legend(mean) == ["AIR"] and texts(mean) == []
    (shade,) = mean.collections
    assert {tuple(corner) for corner in shade.get_paths()[0].vertices} >= {(1, 0.4), (1, 0.8), (2, 1.0)}
    assert points(none, 0) == []


def test_a_confusion(tmp_path: Path, drawn: list[Axes]) -> None:
    plots.count_confusion(tmp_path / "confusion.png", [[3, 1], [0, 0]])
    (axes,) = drawn
    assert {(text.get_position(), text.get_text()) for text in axes.texts} == {((0, 0), "3"), ((1, 0), "1")}
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert axes.get_ylabel() == "objects on the table" and axes.get_xlabel() == "objects inferred"


def test_a_histogram_of_position_errors(tmp_path: Path, drawn: list[Axes]) -> None:
    plots.position_error_histogram(tmp_path / "error.png", np.array([0.01, 0.02, 0.9, np.nan]), 0.05)
    plots.position_error_histogram(tmp_path / "no_error.png", np.array([]), 0.05)
    axes, none = drawn
    bars = {round(bar.get_x() + bar.get_width(), 2): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert len(bars) == 3 and sum(bars.values()) == 3 and bars[15.0] == 1 and "last bar: 1 farther" in axes.get_xlabel()
    assert legend(axes) == ["detected: within 5 cm", "median 2.00 cm"]
    assert points(axes, 0)[0][0] == 5 and points(axes, 1)[0][0] == pytest.approx(2)
    assert sum(bar.get_height() for bar in none.patches) == 0 and legend(none) == ["detected: within 5 cm"]


def test_coverage_against_levels(tmp_path: Path, drawn: list[Axes]) -> None:
    levels = {"position": (np.array([0.9, 0.1]), np.array([0.5])), "rotation": (np.zeros(0), np.zeros(0))}
    plots.coverage(tmp_path / "coverage.png", levels, [{"confidence": 0.8, "right": 0.7, "scenes": 12}])
    (axes,) = drawn
    assert points(axes, 1) == [(0, 0), (0.1, 0.5), (0.9, 1), (1, 1)] and points(axes, 2) == [(0, 0), (0.5, 1), (1, 1)]
    assert len(axes.lines) == 3 and texts(axes) == ["12"]
    assert legend(axes)[1:3] == ["position, the posterior's own: 2 objects", "position, conformal: 1 objects"]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[0.8, 0.7]])

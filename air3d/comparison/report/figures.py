"""The figures of a comparison: every model in its own colour, in every figure the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from air3d.comparison.collect import Result
from air3d.comparison.report.summary import by_model, words
from air3d.report.plots import confusion_cells, look, save
from air3d.report.records import OBJECTS, read_csv


def confusions(path: Path, results: Sequence[Result]) -> None:
    """For each model, of the scenes with so many objects (rows) the share with so many predicted (columns)."""
    groups = by_model(results)
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(3.1 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (model, group) in enumerate(groups.items()):
        axes = figure.add_subplot(rows, columns, place + 1)
        confusion = summed([result.metrics["count_confusion"] for result in group])
        confusion_cells(axes, confusion, lambda number, share: f"{100 * share:.0f}", fontsize=7)
        axes.set(title=words(model), xlabel="objects inferred (%)")
    save(figure, path)


def summed(confusions: Sequence[Sequence[Sequence[int]]]) -> Int[np.ndarray, "count count"]:
    """Several confusion matrices, of different sizes, added up."""
    total = np.zeros((max(map(len, confusions)),) * 2, dtype=int)
    for confusion in confusions:
        total[: len(confusion), : len(confusion)] += confusion
    return total


ERRORS = {
    "distance_m": ("distance from the true position (cm)", 100.0, np.geomspace(0.01, 100, 61).tolist()),
    "rotation_error_deg": ("error of the rotation (degrees)", 1.0, np.geomspace(0.05, 180, 61).tolist()),
}


def errors(path: Path, results: Sequence[Result]) -> None:
    """Histograms of position and rotation errors of all objects of all seeds, each model's bars adding up to 1."""
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (column, (label, factor, bins)) in enumerate(ERRORS.items()):
        axes = figure.add_subplot(1, 2, place + 1)
        for index, (model, group) in enumerate(by_model(results).items()):
            values = np.concatenate([numbers(result, column) for result in group]) * factor
            inside = values.clip(bins[0], bins[-1] * 0.999)
            axes.hist(inside, bins, weights=np.full(len(inside), 1 / max(1, len(inside))), histtype="step",
                      **look(index), lw=1.5, label=f"{words(model)}: {len(values):,}")  # fmt: skip
        axes.set(xscale="log", xlabel=label, ylabel="share of the objects")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
    save(figure, path)


def numbers(result: Result, column: str) -> Float[np.ndarray, " object"]:
    """One column of a result's objects.csv, without what is empty or no number."""
    cells = (row[column] for row in read_csv(result.folder / OBJECTS))
    values = np.array([float(cell) for cell in cells if cell])
    return values[np.isfinite(values)]

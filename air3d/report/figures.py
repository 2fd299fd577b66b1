"""The figures of a comparison: every model in its own colour, in every figure the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from air3d.comparison.gather import Answer
from air3d.plots import COLOURS, INK, SHADE, save, sheet
from air3d.records import OBJECTS, read_csv
from air3d.report.summary import by_model, words


def accuracy_by_count(path: Path, answers: Sequence[Answer]) -> None:
    """Share of scenes counted right against their number of objects: the mean of the seeds, and from the worst to the
    best of them. Numbers that were trained are shaded."""
    figure, axes = sheet(6.6, 4.8)
    for colour, (model, group) in zip(COLOURS, by_model(answers).items(), strict=False):
        counts = sorted(int(count) for count in group[0].metrics["count_accuracy_by_count"])
        shares = np.array([[a.metrics["count_accuracy_by_count"][str(count)] for count in counts] for a in group])
        axes.fill_between(counts, shares.min(0), shares.max(0), color=colour, alpha=0.15, lw=0)
        axes.plot(counts, shares.mean(0), color=colour, lw=1.8, marker="o", ms=4, label=words(model), zorder=3)
    for count in answers[0].metrics["trained_counts"]:
        axes.axvspan(count - 0.5, count + 0.5, color=SHADE, lw=0, zorder=0)
    counts = [int(count) for answer in answers for count in answer.metrics["count_accuracy_by_count"]]
    axes.set(xlabel="objects on the table (shaded: trained)", ylabel="scenes counted right", ylim=(0, 1.05))
    axes.set_xlim(min(counts) - 0.5, max(counts) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, fontsize=9)
    save(figure, path)


def confusions(path: Path, answers: Sequence[Answer]) -> None:
    """For each model, of the scenes with so many objects (rows) the share that is said to have so many (columns)."""
    groups = by_model(answers)
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(3.1 * columns, 3.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (model, group) in enumerate(groups.items()):
        axes = figure.add_subplot(rows, columns, place + 1)
        confusion = summed([answer.metrics["count_confusion"] for answer in group])
        shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for true, said in zip(*np.nonzero(confusion), strict=True):
            colour = "white" if shares[true, said] > 0.55 else INK
            axes.text(said, true, f"{100 * shares[true, said]:.0f}", ha="center", va="center", color=colour, fontsize=7)
        axes.set(title=words(model), xlabel="objects inferred (%)", ylabel="objects on the table")
        axes.set_xticks(range(len(confusion)))
        axes.set_yticks(range(len(confusion)))
    save(figure, path)


def summed(confusions: Sequence[Sequence[Sequence[int]]]) -> Float[np.ndarray, "count count"]:
    """Several confusion matrices, of different sizes, added up."""
    total = np.zeros((max(map(len, confusions)),) * 2)
    for confusion in confusions:
        total[: len(confusion), : len(confusion)] += confusion
    return total


ERRORS = {
    "distance_m": ("distance from the true position (cm)", 100.0, np.geomspace(0.01, 100, 61).tolist()),
    "rotation_error_deg": ("error of the rotation (degrees)", 1.0, np.geomspace(0.05, 180, 61).tolist()),
}


def errors(path: Path, answers: Sequence[Answer]) -> None:
    """Histograms of position and rotation errors of all objects of all seeds, each model's bars adding up to 1."""
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (column, (label, factor, bins)) in enumerate(ERRORS.items()):
        axes = figure.add_subplot(1, 2, place + 1)
        for colour, (model, group) in zip(COLOURS, by_model(answers).items(), strict=False):
            values = np.concatenate([numbers(answer, column) for answer in group]) * factor
            inside = values.clip(bins[0], bins[-1] * 0.999)
            axes.hist(inside, bins, weights=np.full(len(inside), 1 / max(1, len(inside))), histtype="step",
                      color=colour, lw=1.5, label=f"{words(model)}: {len(values):,}")  # fmt: skip
        axes.set(xscale="log", xlabel=label, ylabel="share of the objects")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
    save(figure, path)


def numbers(answer: Answer, column: str) -> Float[np.ndarray, " object"]:
    """One column of an answer's objects.csv, without what is empty or no number."""
    cells = (row[column] for row in read_csv(answer.folder / OBJECTS))
    values = np.array([float(cell) for cell in cells if cell])
    return values[np.isfinite(values)]


def curves(path: Path, runs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]], metric: str, label: str) -> None:
    """`metric` of every seed's metrics.jsonl (rows, of each run of each model) against the minutes of training."""
    figure, axes = sheet(6.6, 4.0)
    for colour, (model, seeds) in zip(COLOURS, runs.items(), strict=False):
        for index, rows in enumerate(seeds):
            points = [(row["perf/minutes"], row[metric]) for row in rows if row.get(metric) is not None]
            x, y = np.array(points, dtype=float).reshape(-1, 2).T
            axes.plot(x, y, color=colour, lw=1.3, alpha=0.8, label=words(model) if index == 0 else None)
    axes.set(xlabel="training (minutes)", ylabel=label)
    axes.set_xlim(left=0)
    if metric == "val/count_accuracy":
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, fontsize=9)
    save(figure, path)

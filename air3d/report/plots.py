"""The pictures of numbers: learning curves, confusion, counts, position errors.

Figures are made as objects, without pyplot: no window, no state left behind, safe from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from air3d.files import atomic

T = TypeVar("T")
INK, GRID, SHADE = "#333333", "#dddddd", "#dbe8f4"
COLOURS = ("#1f6fb4", "#d9730d", "#2e8b57", "#a23b72", "#6b5b95", "#8c6d31", "#444444", "#17a2b8")
LINES = ("-", "--", ":", "-.")
FEW = 6  # names that fit beside the lines
AXES_WORDS = {"minutes": "training time (minutes)", "step": "training steps"}


def learning_curve(
    path: Path | str,
    runs: Mapping[str, Sequence[Mapping[str, Any]]],
    metric: str = "val/count_accuracy",
    against: str = "minutes",
    ylabel: str = "count accuracy",
    goal: float | None = None,
    named: Mapping[str, str] | None = None,
) -> None:
    """One line a run: `metric` (a share) against `perf/minutes` or `step`. `runs` maps labels to metrics.jsonl rows.

    `named`: what the legend calls a label. Runs of one name, such as the seeds of a model, share a colour.
    """
    figure, axes = sheet(7.0, 4.2)
    key = "step" if against == "step" else f"perf/{against}"
    for index, (name, lines) in enumerate(together(runs, named).items()):
        for number, rows in enumerate(lines):
            points = [(row[key], row[metric]) for row in rows if None not in (row.get(metric), row.get(key))]
            x, y = np.array(points, dtype=float).reshape(-1, 2).T
            marker = "o" if len(points) < 40 else None
            axes.plot(x, y, **look(index), lw=1.8, marker=marker, ms=3.5, label=None if number else name)
    if goal is not None:
        axes.axhline(goal, color=INK, lw=1, ls=":", zorder=1)
        axes.annotate(f"{goal:.0%}", (1, goal), (4, 0), ("axes fraction", "data"), textcoords="offset points",
                      va="center", color=INK, fontsize=9)  # fmt: skip
    axes.set(xlabel=AXES_WORDS.get(against, against), ylabel=ylabel, ylim=(0, 1.03))
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if len(together(runs, named)) > FEW:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, fontsize=9)
    elif runs:
        axes.legend(frameon=False, loc="lower right")
    save(figure, path)


def count_accuracy_by_count(
    path: Path | str,
    series: Mapping[str, Mapping[str, float | None]],
    trained: Sequence[int] = (),
    named: Mapping[str, str] | None = None,
) -> None:
    """Count accuracy against the true count, one line per entry of `series`; trained counts shaded.

    Entries of one name (`named`, as in `learning_curve`) are one line, their mean, and a shade from worst to best.
    """
    figure, axes = sheet(6.6, 4.6)
    for index, (label, entries) in enumerate(together(series, named).items()):
        points = shares_of(entries)
        x, y = list(points), [float(np.mean(shares)) for shares in points.values()]
        low, high = ([pick(shares) for shares in points.values()] for pick in (min, max))
        axes.fill_between(x, low, high, color=look(index)["color"], alpha=0.15, lw=0)
        axes.plot(x, y, **look(index), lw=1.8, marker="o", ms=4, label=label, zorder=3)
        if len(series) == 1:
            for count, share in zip(x, y, strict=True):
                axes.annotate(f"{share:.0%}", (count, share), (0, -14), textcoords="offset points", ha="center",
                              fontsize=9, color=INK)  # fmt: skip
    for count in trained:
        axes.axvspan(count - 0.5, count + 0.5, color=SHADE, lw=0, zorder=0,
                     label="counts trained on" if count == trained[0] else None)  # fmt: skip
    counts = [int(count) for by_count in series.values() for count in by_count] + list(trained)
    axes.set(xlabel="objects on the table", ylabel="count accuracy", ylim=(0, 1.05))
    if counts:
        axes.set_xlim(min(counts) - 0.5, max(counts) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, fontsize=9)
    save(figure, path)


def look(index: int) -> dict[str, Any]:
    """Colour and line of the curve of that number: beyond as many as there are colours, they come again as dashes."""
    return {"color": COLOURS[index % len(COLOURS)], "ls": LINES[index // len(COLOURS) % len(LINES)]}


def together(entries: Mapping[str, T], named: Mapping[str, str] | None) -> dict[str, list[T]]:
    """The entries of each name, in order; an entry that is not renamed stands under its label."""
    groups: dict[str, list[T]] = {}
    for label, entry in entries.items():
        groups.setdefault((named or {}).get(label, label), []).append(entry)
    return groups


def shares_of(entries: Sequence[Mapping[str, float | None]]) -> dict[int, list[float]]:
    """For each count, in rising order, the shares of all entries that have one."""
    counts = sorted({int(count) for entry in entries for count in entry})
    shares = {n: [share for entry in entries if (share := entry.get(str(n))) is not None] for n in counts}
    return {count: values for count, values in shares.items() if values}


def count_confusion(path: Path | str, confusion: Sequence[Sequence[int]]) -> None:
    """Scenes per true count (row) and inferred count (column), each row coloured by its shares."""
    scenes = np.asarray(confusion, dtype=int)
    side = 2.2 + 0.55 * len(scenes)
    figure, axes = sheet(side + 0.6, side)
    axes.grid(False)
    confusion_cells(axes, scenes, lambda number, share: str(number))
    axes.set_title("scenes")
    save(figure, path)


def confusion_cells(
    axes: Axes, scenes: Int[np.ndarray, "count count"], text: Callable[[int, float], str], **style: Any
) -> None:
    """Fills axes with a confusion matrix, each row coloured by its shares; `text` writes a number and its share."""
    shares = scenes / np.maximum(scenes.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, predicted in zip(*np.nonzero(scenes), strict=True):
        share = float(shares[true, predicted])
        colour = "white" if share > 0.55 else INK
        axes.text(
            predicted, true, text(int(scenes[true, predicted]), share), ha="center", va="center", color=colour, **style
        )
    axes.set(xlabel="objects inferred", ylabel="objects on the table")
    axes.set_xticks(range(len(scenes)))
    axes.set_yticks(range(len(scenes)))


def position_error_histogram(path: Path | str, distances: np.ndarray, detected_within: float) -> None:
    """Distances (metres) of all paired objects; those beyond three times the limit share the last bar."""
    figure, axes = sheet(6.2, 3.8)
    limit, values = detected_within * 100, np.asarray(distances)[np.isfinite(distances)] * 100
    end = 3 * limit
    axes.hist(np.minimum(values, end * 0.999), bins=np.linspace(0, end, 61).tolist(), color=COLOURS[0])
    axes.axvline(limit, color=COLOURS[1], lw=1.4, label=f"detected: within {limit:g} cm")
    if len(values):
        axes.axvline(float(np.median(values)), color=INK, lw=1.2, ls="--", label=f"median {np.median(values):.2f} cm")
    far = int((values >= end).sum())
    axes.set(xlabel="distance from the true position (cm)" + (f"; last bar: {far} farther" if far else ""),
             ylabel="objects", xlim=(0, end))  # fmt: skip
    axes.legend(frameon=False)
    save(figure, path)


def coverage(
    path: Path | str, levels: Mapping[str, Sequence[np.ndarray]], bars: Sequence[Mapping[str, int | float]]
) -> None:
    """Share of truths inside their credible region against its level, and counts right against how sure of them.

    `levels`: of the truths, by what they are of: in the posterior's own regions (dashed), and in those scaled by
    calibration scenes. `bars`: confidence, right and scenes of each step.
    """
    figure, axes = sheet(5.4, 4.6)
    axes.plot([0, 1], [0, 1], color=INK, lw=1, ls=":", label="as it should be")
    for index, (name, regions) in enumerate(levels.items()):
        for values, dashes, whose in zip(regions, ("--", "-"), ("the posterior's own", "conformal"), strict=True):
            ranked = np.sort(np.asarray(values, dtype=float))
            if len(ranked):
                share, label = np.arange(1, len(ranked) + 1) / len(ranked), f"{name}, {whose}: {len(ranked)} objects"
                axes.step([0, *ranked, 1], [0, *share, 1], color=look(index)["color"], lw=1.8, ls=dashes, where="post",
                          label=label)  # fmt: skip
    x, y, scenes = ([bar[key] for bar in bars] for key in ("confidence", "right", "scenes"))
    axes.scatter(x, y, s=[12 + 6 * np.sqrt(n) for n in scenes], color=COLOURS[2], alpha=0.8, label="count, with scenes")
    for sure, right, n in zip(x, y, scenes, strict=True):
        axes.annotate(f"{n:.0f}", (sure, right), (-12, -3), textcoords="offset points", ha="right", fontsize=8,
                      color=COLOURS[2])  # fmt: skip
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.04))
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    save(figure, path)


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of that size in inches with the axes in this project's style."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path | str) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150)

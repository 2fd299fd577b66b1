"""Numbers of several seeds in one line: mean and spread, and the same as CSV, seed by seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from air3d.comparison.collect import Result
from air3d.report.records import write_csv

LEARNED = 0.95  # count accuracy of a seed that learned to count


@dataclass(frozen=True)
class Column:
    """One number of a result: where it stands, in which unit it is shown."""

    title: str
    read: Callable[[Result], float | None]
    unit: str
    digits: int = 1

    def shown(self, results: Sequence[Result]) -> str:
        """Mean and, of two seeds or more, their standard deviation."""
        values = [value for result in results if (value := self.read(result)) is not None]
        if not values:
            return "-"
        spread = f" ± {stdev(values):.{self.digits}f}" if len(values) > 1 else ""
        return f"{mean(values):,.{self.digits}f}{spread}{self.unit}"


def metric(key: str, factor: float = 1.0) -> Callable[[Result], float | None]:
    """The number of that name in metrics.json, times `factor`."""
    return lambda result: None if (value := result.metrics.get(key)) is None else factor * value


COLUMNS = (
    Column("count accuracy", metric("count_accuracy", 100), " %"),
    Column("detection rate", metric("detection_rate", 100), " %"),
    Column("identity accuracy", metric("identity_accuracy", 100), " %"),
    Column("position, median", metric("position_error_median_m", 1000), " mm"),
    Column("rotation, median", metric("rotation_error_median_deg"), "°"),
    Column("time a picture", metric("milliseconds_per_image"), " ms"),
    Column("training", lambda result: result.cost.minutes, " min"),
    Column("pictures seen", lambda result: float(result.cost.pictures), "", 0),
)

ACROSS = tuple(
    column for column in COLUMNS if column.title in ("count accuracy", "identity accuracy", "position, median")
)
"""What is shown of all tests in one place."""

SCALARS = (
    "scenes", "count_accuracy", "detection_rate", "identity_accuracy", "position_error_median_m",
    "position_error_mean_m", "rotation_error_median_deg", "reconstruction_mse", "elbo", "milliseconds_per_image",
)  # fmt: skip


def by_model(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of each model, which stand together already."""
    return {model: list(group) for model, group in groupby(results, lambda result: result.model)}


def headline(results: Sequence[Result]) -> list[list[str]]:
    """A table with its header: a line for every model, over its seeds."""
    rows = [["model", "seeds", f"above {LEARNED:.0%}", *(column.title for column in COLUMNS)]]
    for model, group in by_model(results).items():
        learned = sum((result.metrics["count_accuracy"] or 0) > LEARNED for result in group)
        rows.append([words(model), str(len(group)), f"{learned} of {len(group)}", *(c.shown(group) for c in COLUMNS)])
    return rows


def across(results: Sequence[Result], column: Column) -> list[list[str]]:
    """A table with its header: a line for every model, a column for every test."""
    tests = list(dict.fromkeys(result.test for result in results))
    rows = [["model", *map(words, tests)]]
    for model, group in by_model(results).items():
        rows.append([words(model), *(column.shown([each for each in group if each.test == test]) for test in tests)])
    return rows


def counts_table(results: Sequence[Result]) -> list[list[str]]:
    """Count accuracy for every number of objects, over the seeds; trained numbers carry a star."""
    trained = set(results[0].metrics["trained_counts"]) if results else set()
    counts = sorted({int(count) for result in results for count in result.metrics["by_count"]})
    rows = [["objects", *(f"{count}{'*' * (count in trained)}" for count in counts)]]
    for model, group in by_model(results).items():
        columns = (Column("", counted(count), " %") for count in counts)
        rows.append([words(model), *(column.shown(group) for column in columns)])
    return rows


def counted(count: int) -> Callable[[Result], float | None]:
    def read(result: Result) -> float | None:
        share = result.metrics["count_accuracy_by_count"].get(str(count))
        return None if share is None else 100 * share

    return read


def means(results: Sequence[Result]) -> dict[str, float]:
    """`TEST/MODEL/count_accuracy` and the like: every column of the headline, the mean of the seeds."""
    found: dict[str, float] = {}
    for (test, model), group in groupby(sorted(results, key=key), lambda result: (result.test, result.model)):
        parts = list(group)
        for column in COLUMNS:
            if values := [value for result in parts if (value := column.read(result)) is not None]:
                found[f"{test}/{model}/{column.title.replace(', median', '').replace(' ', '_')}"] = mean(values)
    return found


def write_tables(folder: Path, results: Sequence[Result]) -> None:
    """results.csv: a line for every test, model and seed; by_count.csv: and for every number of objects."""
    whole = [[*key(a), *(a.metrics.get(name) for name in SCALARS), a.cost.minutes, a.cost.pictures] for a in results]
    header = ("test", "model", "seed")
    write_csv(folder / "results.csv", (*header, *SCALARS, "training_minutes", "training_pictures"), whole)
    parts = [
        [*key(result), count, *(part.get(name) for name in SCALARS[:-1])]
        for result in results
        for count, part in result.metrics["by_count"].items()
    ]
    write_csv(folder / "by_count.csv", (*header, "objects", *SCALARS[:-1]), parts)


def key(result: Result) -> tuple[Any, ...]:
    return result.test, result.model, result.seed


def words(name: str) -> str:
    """A name as people write it."""
    return re.sub(r"\bair\b", "AIR", name.replace("_", " "))

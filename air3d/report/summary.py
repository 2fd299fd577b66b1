"""Numbers of several seeds in one line: mean and spread, and the same as CSV, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from air3d.comparison.gather import Answer
from air3d.records import write_csv

LEARNED = 0.95  # of the scenes counted right: a seed that learned to count


@dataclass(frozen=True)
class Column:
    """One number of an answer: where it stands, in which unit it is shown."""

    title: str
    read: Callable[[Answer], float | None]
    unit: str
    digits: int = 1

    def shown(self, answers: Sequence[Answer]) -> str:
        """Mean and, of two seeds or more, their standard deviation."""
        values = [value for answer in answers if (value := self.read(answer)) is not None]
        if not values:
            return "-"
        spread = f" ± {stdev(values):.{self.digits}f}" if len(values) > 1 else ""
        return f"{mean(values):,.{self.digits}f}{spread}{self.unit}"


def metric(key: str, factor: float = 1.0) -> Callable[[Answer], float | None]:
    """The number of that name in metrics.json, times `factor`."""
    return lambda answer: None if (value := answer.metrics.get(key)) is None else factor * value


COLUMNS = (
    Column("counted right", metric("count_accuracy", 100), " %"),
    Column("found", metric("found", 100), " %"),
    Column("identified", metric("identity_accuracy", 100), " %"),
    Column("position, median", metric("position_error_median_m", 1000), " mm"),
    Column("rotation, median", metric("rotation_error_median_deg"), "°"),
    Column("time a picture", metric("milliseconds_per_image"), " ms"),
    Column("training", lambda answer: answer.cost.minutes, " min"),
    Column("pictures seen", lambda answer: float(answer.cost.pictures), "", 0),
)

SCALARS = ("scenes", "count_accuracy", "found", "identity_accuracy", "position_error_median_m", "position_error_mean_m",
           "rotation_error_median_deg", "reconstruction_mse", "elbo", "milliseconds_per_image")  # fmt: skip


def by_model(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """The answers of each model, which stand together already."""
    return {model: list(group) for model, group in groupby(answers, lambda answer: answer.model)}


def headline(answers: Sequence[Answer]) -> list[list[str]]:
    """A table with its header: a line for every model, over its seeds."""
    rows = [["model", "seeds", f"above {LEARNED:.0%}", *(column.title for column in COLUMNS)]]
    for model, group in by_model(answers).items():
        learned = sum((answer.metrics["count_accuracy"] or 0) > LEARNED for answer in group)
        rows.append([words(model), str(len(group)), f"{learned} of {len(group)}", *(c.shown(group) for c in COLUMNS)])
    return rows


def counts_table(answers: Sequence[Answer]) -> list[list[str]]:
    """Share of scenes counted right for every number of objects, over the seeds; trained numbers carry a star."""
    trained = set(answers[0].metrics["trained_counts"]) if answers else set()
    counts = sorted({int(count) for answer in answers for count in answer.metrics["by_count"]})
    rows = [["objects", *(f"{count}{'*' * (count in trained)}" for count in counts)]]
    for model, group in by_model(answers).items():
        columns = (Column("", counted(count), " %") for count in counts)
        rows.append([words(model), *(column.shown(group) for column in columns)])
    return rows


def counted(count: int) -> Callable[[Answer], float | None]:
    def read(answer: Answer) -> float | None:
        share = answer.metrics["count_accuracy_by_count"].get(str(count))
        return None if share is None else 100 * share

    return read


def means(answers: Sequence[Answer]) -> dict[str, float]:
    """`TEST/MODEL/counted_right` and the like: every column of the headline, the mean of the seeds."""
    found: dict[str, float] = {}
    for (test, model), group in groupby(sorted(answers, key=key), lambda answer: (answer.test, answer.model)):
        parts = list(group)
        for column in COLUMNS:
            if values := [value for answer in parts if (value := column.read(answer)) is not None]:
                found[f"{test}/{model}/{column.title.replace(', median', '').replace(' ', '_')}"] = mean(values)
    return found


def write_tables(folder: Path, answers: Sequence[Answer]) -> None:
    """results.csv: a line for every test, model and seed; by_count.csv: and for every number of objects."""
    whole = [[*key(a), *(a.metrics.get(name) for name in SCALARS), a.cost.minutes, a.cost.pictures] for a in answers]
    header = ("test", "model", "seed")
    write_csv(folder / "results.csv", (*header, *SCALARS, "training_minutes", "training_pictures"), whole)
    parts = [
        [*key(answer), count, *(part.get(name) for name in SCALARS[:-1])]
        for answer in answers
        for count, part in answer.metrics["by_count"].items()
    ]
    write_csv(folder / "by_count.csv", (*header, "objects", *SCALARS[:-1]), parts)


def key(answer: Answer) -> tuple[Any, ...]:
    return answer.test, answer.model, answer.seed


def words(name: str) -> str:
    """A name as people write it."""
    return name.replace("_", " ").replace("air", "AIR")

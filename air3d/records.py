"""One line for every scene and for every object of an evaluation, as CSV: for a spreadsheet, or a plot of one's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from air3d.evaluation import Evaluation
from air3d.files import atomic
from air3d.matching import Matching, turn_errors

SCENES, OBJECTS = "scenes.csv", "objects.csv"


def write_records(
    folder: Path, evaluation: Evaluation, pairs: Matching, names: Sequence[str], symmetry: Sequence[int]
) -> None:
    """scenes.csv: number of objects, true and inferred, and how well the painting fits. objects.csv: true objects with
    the inferred ones paired with them, their distance in metres and the error of the rotation in degrees modulo the
    mesh's symmetry (empty where there is none, or the object was not found), and whether its turn shows."""
    fits = evaluation.squared_error.tolist()
    counts = zip(range(len(fits)), pairs.true_count.tolist(), pairs.predicted_count.tolist(), fits, strict=True)
    write_csv(folder / SCENES, ("scene", "objects", "inferred", "mean_square"), counts)
    degrees = np.degrees(turn_errors(pairs, symmetry)).tolist()
    true, guessed = ([names[k] for k in column] for column in (pairs.true_identity, pairs.predicted_identity))
    turned = ("" if error != error else error for error in degrees)
    shows = (
        evaluation.shows[pairs.scene, pairs.true_slot].astype(int) if evaluation.shows is not None else [""] * len(true)
    )
    rows = zip(pairs.scene.tolist(), true, guessed, pairs.distance.tolist(), turned, shows, strict=True)
    write_csv(folder / OBJECTS, ("scene", "object", "inferred", "distance_m", "rotation_error_deg", "turn_shows"), rows)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with its header, atomically."""
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows that write_csv wrote, by their header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))

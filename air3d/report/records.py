"""One line for every scene and for every object of an evaluation, as CSV: for a spreadsheet, or a plot of one's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from air3d.evaluation.matching import Matching
from air3d.evaluation.measure import Evaluation
from air3d.evaluation.metrics import pose_errors
from air3d.files import atomic

SCENES, OBJECTS = "scenes.csv", "objects.csv"


def write_records(
    folder: Path, evaluation: Evaluation, pairs: Matching, names: Sequence[str], symmetry: Sequence[int]
) -> None:
    """scenes.csv: number of objects, true and inferred, and how well the painting fits. objects.csv: true objects with
    the inferred ones paired with them, their distance in metres, and the error of every other latent (of the rotation
    in degrees modulo the mesh's symmetry; empty where there is none, or the object was not detected with the right
    identity), and whether the picture tells how it is turned."""
    fits = evaluation.squared_error.tolist()
    counts = zip(range(len(fits)), pairs.true_count.tolist(), pairs.predicted_count.tolist(), fits, strict=True)
    write_csv(folder / SCENES, ("scene", "objects", "inferred", "mean_square"), counts)
    columns: dict[str, Sequence[Any]] = {
        "scene": pairs.scene.tolist(),
        "object": [names[k] for k in pairs.true["identity"]],
        "inferred": [names[k] for k in pairs.predicted["identity"]],
        "distance_m": pairs.distance.tolist(),
    }
    for latent in (latent for latent in evaluation.latents if latent.name != "position"):
        errors = pose_errors(pairs, latent, symmetry).tolist()
        unit = f"_{latent.unit}" if latent.unit else ""
        columns[f"{latent.name}_error{unit}"] = ["" if error != error else error for error in errors]
    visible = evaluation.visible
    columns["rotation_visible"] = (
        [""] * len(pairs.scene) if visible is None else visible[pairs.scene, pairs.true_slot].astype(int).tolist()
    )
    write_csv(folder / OBJECTS, tuple(columns), zip(*columns.values(), strict=True))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with its header, atomically."""
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows that write_csv wrote, by their header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))

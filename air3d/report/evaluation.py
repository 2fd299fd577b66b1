"""Writing down what an evaluation found: metrics.json, plots, panels, and a table to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from air3d.evaluation.matching import DETECTED_WITHIN, match
from air3d.evaluation.measure import Evaluation, Explain, Scenes
from air3d.evaluation.metrics import error_key
from air3d.files import write_json
from air3d.model.batches import select_rows
from air3d.model.latents import LATENTS, Latent
from air3d.report import plots
from air3d.report.field_figures import field_lines
from air3d.report.panels import save_panel
from air3d.report.records import write_records
from scenes.catalogue import Catalogue
from scenes.objects import Objects


def write_evaluation(
    folder: Path | str,
    evaluation: Evaluation,
    explain: Explain,
    scenes: Scenes,
    catalogue: Catalogue,
    trained_counts: Sequence[int] = (),
    about: dict[str, Any] | None = None,
) -> None:
    """Writes metrics.json (with `about`: where the scenes came from), records, plots and panels into `folder`.

    The pictures: count_confusion, count_accuracy_by_count, position_error, and panels of the first scenes of every
    count (examples), and of the least, the middle and the largest reconstruction errors (best, median, worst).
    """
    folder, truth = Path(folder), scenes.truth
    metrics = evaluation.metrics
    plots.count_confusion(folder / "count_confusion.png", metrics["count_confusion"])
    plots.count_accuracy_by_count(
        folder / "count_accuracy_by_count.png", {"this run": metrics["count_accuracy_by_count"]}, trained_counts
    )
    pairs = match(evaluation.objects, truth)
    plots.position_error_histogram(folder / "position_error.png", pairs.distance, DETECTED_WITHIN)
    names = catalogue.names
    for name, chosen in {"examples": _examples(truth, 8), **_extremes(evaluation.squared_error)}.items():
        kept = evaluation.found
        shown = select_rows(kept, chosen) if kept else explain(scenes.images[chosen], scenes.view[chosen])
        save_panel(folder / f"{name}.png", scenes.images[chosen], shown, truth[chosen.numpy()], names)
    write_records(folder, evaluation, pairs, names, catalogue.symmetries)
    write_json(folder / "metrics.json", {**(about or {}), **metrics})  # last: who sees it finds the pictures too


def table(metrics: dict[str, Any], latents: Sequence[type[Latent]] = LATENTS) -> str:
    """The metrics as a text table: one column for all scenes and one per true count."""
    columns = {"all": metrics, **metrics["by_count"]}
    rows = [["objects on the table", *columns]]
    faces = FACES if "face_accuracy" in metrics else []
    for title, key, form in [*TABLE[:AFTER], *faces, *TABLE[AFTER:], *further(latents)]:
        values = [column.get(key) for column in columns.values()]
        rows.append([title, *("-" if value is None else form(value) for value in values)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def further(latents: Sequence[type[Latent]]) -> list[Row]:
    """Rows for the errors in latents that have none in `TABLE`."""
    errors = {error_key(latent, "median"): latent for latent in latents}
    for _, key, _ in TABLE:
        errors.pop(key, None)
    units = {key: f", {latent.unit}" if latent.unit else "" for key, latent in errors.items()}
    return [(f"{latent.name} error, median{units[key]}", key, "{:.3g}".format) for key, latent in errors.items()]


def details(metrics: dict[str, Any], names: Sequence[str]) -> str:
    """A few lines under the table: rotation by object, how sure the network was and whether rightly."""
    lines = [f"rotation error, median, deg, by object: {rotation_by_mesh(metrics, names)}"]
    if shown := metrics.get("rotation_visible"):
        lines.append(f"the same where the rotation is visible: {rotation_by_mesh(shown, names)}")
    place, turn = (metrics.get(f"camera_{kind}") for kind in ("position_error_median_m", "rotation_error_median_deg"))
    if place is not None and turn is not None:
        lines.append(f"in the camera's axes, median: {100 * place:.2f} cm, {turn:.1f} deg (tilt and turn)")
    lines += field_lines(metrics)
    lines += worlds(metrics)
    if numbers := metrics.get("calibration"):  # optimisation has none
        count = numbers["count"]
        sure = f"{count['confidence']:.1%}, right: {count['right']:.1%}, mean gap {count['ece']:.1%}"
        lines.append(f"sure of its counts: {sure}")
        for kind in (kind for kind, objects in numbers["objects"].items() if objects):
            lines.append(f"true {kind} inside its {levels(numbers, kind)} credible regions: {region(numbers, kind)}")
            lines.append(f"  inside the conformal ones: {region(numbers['conformal'], kind)}")
    if "importance_bound" in metrics:
        bound, samples = metrics["importance_bound"], metrics["importance_samples"]
        lines.append(f"importance-weighted bound, {samples} draws: {bound:.1f} nats (ELBO {metrics['elbo']:.1f})")
    return "\n".join(lines)


def worlds(metrics: dict[str, Any]) -> list[str]:
    """How far off what is believed of cameras and lights is, where it is not known."""
    lines, degrees = [], "{:.1f} deg".format
    if (turn := metrics.get("camera_turn_error_median_deg")) is not None:
        shift, height = (100 * metrics[f"camera_{name}_error_median_m"] for name in ("shift", "height"))
        tilt = degrees(metrics["camera_tilt_error_median_deg"])
        shows = f"of that its tilt {tilt}, its height {height:.2f} cm"
        lines.append(f"the camera itself, median: {degrees(turn)}, {shift:.2f} cm; {shows}")
    if (light := metrics.get("light_error_median_deg")) is not None:
        lines.append(f"direction of the light, median: {degrees(light)}")
    return lines


def rotation_by_mesh(metrics: dict[str, Any], names: Sequence[str]) -> str:
    """Yaw errors by object, with the share that is worse than any median shows."""
    errors, far = metrics["rotation_error_median_deg_by_identity"], metrics["rotation_reversed_by_identity"]
    each = (f"{names[int(k)]} {error:.1f}{beyond(far.get(k))}" for k, error in errors.items() if error is not None)
    return ", ".join(each) or "-"


def beyond(share: float | None) -> str:
    return "" if share is None else f" ({share:.1%} beyond 90)"


def levels(numbers: dict[str, Any], kind: str) -> str:
    return " and ".join(f"{float(level):.0%}" for level in numbers["coverage"][kind])


def region(numbers: dict[str, Any], kind: str) -> str:
    """Coverage of the credible regions of the position or of the rotation, and how large the largest are."""
    inside = " and ".join(f"{share:.1%}" for share in numbers["coverage"][kind].values())
    radius, width = numbers["position_90_radius_m"], numbers["rotation_90_width_deg"]
    size = {
        "position": "no radius known" if radius is None else f"{100 * radius:.2f} cm radius",
        "rotation": "no width known" if width is None else f"{width:.1f} degrees wide",
    }[kind]
    return f"{inside} (the latter: {size}, median)"


Row = tuple[str, str, Callable[[Any], str]]
TABLE: list[Row] = [
    ("scenes", "scenes", str),
    ("count accuracy", "count_accuracy", "{:.1%}".format),
    (f"detection rate (within {DETECTED_WITHIN * 100:g} cm)", "detection_rate", "{:.1%}".format),
    ("identity accuracy, of those", "identity_accuracy", "{:.1%}".format),
    ("position error, median, cm", "position_error_median_m", lambda metres: f"{100 * metres:.2f}"),
    ("position error, mean, cm", "position_error_mean_m", lambda metres: f"{100 * metres:.2f}"),
    ("rotation error, median, deg", "rotation_error_median_deg", "{:.1f}".format),
    ("reconstruction, mean square", "reconstruction_mse", "{:.1e}".format),
    ("ELBO, nats", "elbo", "{:.1f}".format),
    ("milliseconds a picture", "milliseconds_per_image", "{:.2f}".format),
]

FACES: list[Row] = [
    ("mesh accuracy, of those", "mesh_accuracy", "{:.1%}".format),
    ("face accuracy, of the right mesh", "face_accuracy", "{:.1%}".format),
]
"""Where meshes have several faces, after the identity, which is then both."""

AFTER = 1 + [key for _, key, _ in TABLE].index("identity_accuracy")


def _examples(truth: Objects, number: int) -> Tensor:
    """Scenes of every count in turn: the first of each, then the second of each, until there are enough."""
    counts = np.asarray(truth.presence).sum(1)
    turn = np.array([(counts[:i] == count).sum() for i, count in enumerate(counts)])
    return torch.from_numpy(np.sort(np.lexsort((counts, turn))[:number]))


def _extremes(errors: Float[Tensor, " scene"], number: int = 8) -> dict[str, Tensor]:
    """The scenes with the least error, those about the median and those with the largest, the worst first.

    Empty tables are painted without any error, so the best are chosen among the rest where there is one.
    """
    rising = errors.argsort()
    painted = rising[errors[rising] > 0]
    rising = painted if len(painted) else rising
    middle = max(0, len(rising) // 2 - number // 2)
    return {"best": rising[:number], "median": rising[middle : middle + number], "worst": rising.flip(0)[:number]}

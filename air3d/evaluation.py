"""Measuring a trained model on scenes it has never seen, and writing down what came out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from air3d import plots
from air3d.files import write_json
from air3d.infer import Inference
from air3d.metrics import FOUND_WITHIN, match, score
from air3d.panels import save_panel
from air3d.splits import test_seed
from renderers.base import Renderer
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.layout import check_count
from scenes.objects import Objects
from scenes.scene import Scene

Propose = Callable[[Tensor], tuple[Objects, list[Tensor], Tensor]]  # pictures -> objects, canvases, rho
Bound = Callable[[Tensor], Tensor]  # pictures -> a lower bound of log p(picture), nats


@dataclass
class Evaluation:
    """What was measured: `metrics` for JSON, and per picture what plots and panels need (all on the CPU)."""

    metrics: dict[str, Any]
    objects: Objects
    rho: Float[Tensor, "batch step"]
    elbo: Float[Tensor, " batch"] | None
    squared_error: Float[Tensor, " batch"]


def held_out(scene: Scene, seed: int, scenes: int, counts: Sequence[int] | None = None) -> Objects:
    """`scenes` test scenes of evaluation seed `seed`: as the scene draws them, or in equal shares of `counts`.

    What does not divide goes to the first counts. The scenes of one count do not depend on which others are asked for.
    Raises UserError for counts that cannot fit on the table.
    """
    if scenes < 1:
        raise UserError(f"scenes={scenes}: give at least 1")
    if counts is None:
        return scene.batch(test_seed(seed), range(scenes))
    if len(set(counts)) < len(counts) or not counts or min(counts) < 0 or scenes < len(counts):
        raise UserError(
            f"counts={list(counts)} with scenes={scenes}: give different whole numbers from 0, at least one scene each"
        )
    for count in counts:
        check_count(scene.layout, scene.catalogue, count)
    share, rest = divmod(scenes, len(counts))
    return Objects.stack(
        [scene.batch(test_seed(seed), range(share + (i < rest)), count) for i, count in enumerate(counts)]
    )


@torch.no_grad()
def render(renderer: Renderer, truth: Objects, batch_size: int = 100) -> Float[Tensor, "batch height width 3"]:
    """The pictures of true scenes, in float32 as training sees them."""
    parts = [to_torch(truth[start : start + batch_size]) for start in range(0, len(truth), batch_size)]
    return torch.cat([renderer.render(part) for part in parts]).cpu()


@torch.no_grad()
def evaluate_scenes(
    propose: Propose,
    images: Float[Tensor, "batch height width 3"],
    truth: Objects,
    symmetry: Sequence[int],
    bound: Bound | None = None,
    batch_size: int = 100,
) -> Evaluation:
    """Every metric of `air3d.metrics.score`, reconstruction error, ELBO and time, for all scenes and per true count.

    `propose` is the pass whose time is taken (wall clock, after one batch that warms up compilers and caches); the
    bound is computed apart and costs nothing in `milliseconds_per_image`. `symmetry` as in `score`.
    """
    propose(images[:batch_size])
    batches, seconds = [], 0.0
    for start in range(0, len(images), batch_size):
        pictures = images[start : start + batch_size]
        before = time.perf_counter()
        objects, canvases, rho = propose(pictures)
        seconds += time.perf_counter() - before
        squared = (canvases[-1] - pictures).square().flatten(1).mean(1)
        elbo = bound(pictures) if bound is not None else torch.full((len(pictures),), torch.nan)
        batches.append((objects.identity, objects.position, objects.rotation, objects.presence, rho, squared, elbo))
    *fields, rho, squared, elbo = (torch.cat(column).cpu() for column in zip(*batches, strict=True))
    objects = Objects(*fields)
    metrics = _measure(objects, truth, symmetry, rho, squared, elbo)
    metrics |= {
        "milliseconds_per_image": 1000 * seconds / len(images),
        "batch_size": min(batch_size, len(images)),
        "threads": torch.get_num_threads(),
        "max_objects": rho.shape[1],
    }
    true_counts = np.asarray(truth.presence).sum(1)
    metrics["by_count"] = {
        str(int(count)): _measure(objects[chosen], truth[chosen.numpy()], symmetry, rho[chosen], squared[chosen], elbo[chosen])
        for count in np.unique(true_counts)
        for chosen in [torch.from_numpy(np.flatnonzero(true_counts == count))]
    }  # fmt: skip
    return Evaluation(metrics, objects, rho, elbo if bound is not None else None, squared)


def write_evaluation(
    folder: Path | str,
    evaluation: Evaluation,
    propose: Propose,
    images: Float[Tensor, "batch height width 3"],
    truth: Objects,
    names: Sequence[str],
    trained_counts: Sequence[int] = (),
    about: dict[str, Any] | None = None,
) -> None:
    """Writes metrics.json (with `about`: where the scenes came from), the plots and the panels into `folder`.

    The pictures: count_confusion, count_accuracy_by_count, position_error, and panels of the first scenes of every
    count (examples) and of the largest reconstruction errors (worst).
    """
    folder = Path(folder)
    metrics = evaluation.metrics
    plots.count_confusion(folder / "count_confusion.png", metrics["count_confusion"])
    plots.count_accuracy_by_count(
        folder / "count_accuracy_by_count.png", {"this run": metrics["count_accuracy_by_count"]}, trained_counts
    )
    distances = match(evaluation.objects, truth).distance
    plots.position_error_histogram(folder / "position_error.png", distances, FOUND_WITHIN)
    worst = evaluation.squared_error.argsort(descending=True)[:8]
    for name, chosen in {"examples": _examples(truth, 8), "worst": worst}.items():
        objects, canvases, rho = propose(images[chosen])
        elbo = evaluation.elbo[chosen] if evaluation.elbo is not None else torch.full((len(chosen),), torch.nan)
        shown = Inference(objects, canvases, elbo, rho)
        save_panel(folder / f"{name}.png", images[chosen], shown, truth[chosen.numpy()], names)
    write_json(folder / "metrics.json", {**(about or {}), **metrics})  # last: who sees it finds the pictures too


def table(metrics: dict[str, Any]) -> str:
    """The metrics as a text table: one column for all scenes and one per true count."""
    columns = {"all": metrics, **metrics["by_count"]}
    rows = [["objects on the table", *columns]]
    for title, key, form in TABLE:
        values = [column.get(key) for column in columns.values()]
        rows.append([title, *("-" if value is None else form(value) for value in values)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return os.linesep.join([lines[0], "-" * len(lines[0]), *lines[1:]])


TABLE: list[tuple[str, str, Callable[[Any], str]]] = [
    ("scenes", "scenes", str),
    ("counted right", "count_accuracy", "{:.1%}".format),
    (f"found (within {FOUND_WITHIN * 100:g} cm)", "found", "{:.1%}".format),
    ("identified, of those", "identity_accuracy", "{:.1%}".format),
    ("position error, median, cm", "position_error_median_m", lambda metres: f"{100 * metres:.2f}"),
    ("position error, mean, cm", "position_error_mean_m", lambda metres: f"{100 * metres:.2f}"),
    ("rotation error, median, deg", "rotation_error_median_deg", "{:.1f}".format),
    ("reconstruction, mean square", "reconstruction_mse", "{:.1e}".format),
    ("ELBO, nats", "elbo", "{:.1f}".format),
    ("milliseconds a picture", "milliseconds_per_image", "{:.2f}".format),
]


def _measure(
    objects: Objects, truth: Objects, symmetry: Sequence[int], rho: Tensor, squared: Tensor, elbo: Tensor
) -> dict[str, Any]:
    """The probability that a slot is there at all is the product of the rho so far: it ranks the objects for AP."""
    scores = score(objects, truth, symmetry, rho.cumprod(1).numpy())
    return {**scores, "reconstruction_mse": squared.mean().item(), "elbo": elbo.mean().item()}


def _examples(truth: Objects, number: int) -> Tensor:
    """Scenes of every count in turn: the first of each, then the second of each, until there are enough."""
    counts = np.asarray(truth.presence).sum(1)
    turn = np.array([(counts[:i] == count).sum() for i, count in enumerate(counts)])
    return torch.from_numpy(np.sort(np.lexsort((counts, turn))[:number]))

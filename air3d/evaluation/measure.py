"""Measuring a trained model on scenes it has never seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from air3d.evaluation.matching import DETECTED_WITHIN
from air3d.evaluation.metrics import score
from air3d.files import plain
from air3d.inference.greedy import Inference
from air3d.model.batches import concatenate, tree_map
from air3d.model.latents import LATENTS, Latent
from scenes.bop.reading import FullPoses
from scenes.objects import Objects
from scenes.view import View

Explain = Callable[[Tensor, View], Inference]  # pictures and their views to objects
Bound = Callable[[Tensor, View], Tensor]  # to a lower bound of log p(picture), nats


@dataclass
class Scenes:
    """What a model is judged on: pictures, the truth (numpy), and the views that it is told; full: what a BOP data set
    says of the truth beyond that."""

    images: Float[Tensor, "batch height width 3"]
    truth: Objects
    view: View
    full: FullPoses | None = None


@dataclass
class Measured:
    """What is found scene by scene, all on the CPU."""

    objects: Objects
    rho: Float[Tensor, "batch step"]
    squared_error: Float[Tensor, " batch"]
    elbo: Float[Tensor, " batch"]


@dataclass
class Evaluation(Measured):
    """`metrics` for JSON, and scene by scene what plots and panels need. `visible`: whether each true rotation is;
    `latents`: what was measured of each object; `found`: all that was made of the pictures, where it was to be kept."""

    metrics: dict[str, Any]
    visible: Bool[np.ndarray, "batch true_slot"] | None
    latents: Sequence[type[Latent]] = LATENTS
    found: Inference | None = None


@torch.no_grad()
def evaluate_scenes(
    explain: Explain,
    scenes: Scenes,
    symmetry: Sequence[int],
    bound: Bound | None = None,
    batch_size: int = 100,
    visible: Bool[np.ndarray, "batch true_slot"] | None = None,
    latents: Sequence[type[Latent]] = LATENTS,
    kinds: Sequence[int] = (),
    once: bool = False,
) -> Evaluation:
    """Every metric of `metrics.score`, reconstruction error, ELBO and time, for all scenes and per true count.

    `visible`, `symmetry`, `latents` and `kinds` as in `score`. `explain` is the pass whose time is taken (wall clock,
    after one batch that warms up compilers and caches); the bound is computed apart and costs nothing in
    `milliseconds_per_image`. `once`: no picture is explained twice, neither here nor for those who show it, because
    it takes seconds; nothing is warmed up then.
    """
    if not once:
        explain(scenes.images[:batch_size], scenes.view[:batch_size])
    batches, kept, seconds = [], [], 0.0
    for start in range(0, len(scenes.images), batch_size):
        pictures, view = scenes.images[start : start + batch_size], scenes.view[start : start + batch_size]
        before = clock(pictures)
        found = explain(pictures, view)
        seconds += clock(pictures) - before
        squared = (found.reconstruction - pictures).square().flatten(1).mean(1)
        elbo = bound(pictures, view) if bound is not None else torch.full((len(pictures),), torch.nan)
        batches.append(Measured(found.objects, found.rho, squared, elbo))
        kept += [found] * once
    measured = tree_map(lambda tensor: tensor.cpu(), concatenate(batches))
    metrics = of_scenes(measured, scenes.truth, symmetry, visible, latents, kinds) | {
        "detected_within_m": DETECTED_WITHIN,
        "milliseconds_per_image": 1000 * seconds / len(scenes.images),
        "batch_size": min(batch_size, len(scenes.images)),
        "threads": torch.get_num_threads(),
        "max_objects": measured.rho.shape[1],
    }
    metrics["by_count"] = by_count(measured, scenes.truth, symmetry, visible, latents, kinds)
    all_found = concatenate(kept) if once else None
    return Evaluation(**vars(measured), metrics=metrics, visible=visible, latents=latents, found=all_found)


def clock(pictures: Tensor) -> float:
    """Seconds, when all that was asked of the pictures' device is done."""
    if pictures.is_cuda:
        torch.cuda.synchronize(pictures.device)
    return time.perf_counter()


def rows_by_count(truth: Objects) -> dict[str, np.ndarray]:
    """Which scenes have 0, 1, .. objects, for every number that occurs."""
    counts = np.asarray(truth.count)
    return {str(int(count)): np.flatnonzero(counts == count) for count in np.unique(counts)}


def by_count(
    measured: Measured,
    truth: Objects,
    symmetry: Sequence[int],
    visible: np.ndarray | None,
    latents: Sequence[type[Latent]],
    kinds: Sequence[int],
) -> dict[str, dict[str, Any]]:
    """The metrics of the scenes of every number of objects."""
    return {
        count: of_scenes(
            tree_map(lambda tensor, rows=rows: tensor[torch.from_numpy(rows)], measured),
            truth[rows],
            symmetry,
            None if visible is None else visible[rows],
            latents,
            kinds,
        )
        for count, rows in rows_by_count(truth).items()
    }


def of_scenes(
    measured: Measured,
    truth: Objects,
    symmetry: Sequence[int],
    visible: np.ndarray | None,
    latents: Sequence[type[Latent]],
    kinds: Sequence[int],
) -> dict[str, Any]:
    """The probability that a slot is there at all is the product of the rho so far: it ranks the objects for AP."""
    scores = score(measured.objects, truth, symmetry, measured.rho.cumprod(1).numpy(), visible, latents, kinds)
    return plain({**scores, "reconstruction_mse": measured.squared_error.mean(), "elbo": measured.elbo.mean()})

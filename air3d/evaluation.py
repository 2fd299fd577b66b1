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

from air3d.files import plain
from air3d.matching import FOUND_WITHIN
from air3d.metrics import score
from scenes.objects import Objects

Propose = Callable[[Tensor], tuple[Objects, list[Tensor], Tensor]]  # pictures -> objects, canvases, rho
Bound = Callable[[Tensor], Tensor]  # pictures -> a lower bound of log p(picture), nats


@dataclass
class Evaluation:
    """What was measured: `metrics` for JSON, and per picture what plots and panels need (all on the CPU)."""

    metrics: dict[str, Any]
    objects: Objects
    rho: Float[Tensor, "batch step"]
    squared_error: Float[Tensor, " batch"]
    shows: Bool[np.ndarray, "batch true_slot"] | None


@torch.no_grad()
def evaluate_scenes(
    propose: Propose,
    images: Float[Tensor, "batch height width 3"],
    truth: Objects,
    symmetry: Sequence[int],
    bound: Bound | None = None,
    batch_size: int = 100,
    shows: Bool[np.ndarray, "batch true_slot"] | None = None,
) -> Evaluation:
    """Every metric of `air3d.metrics.score`, reconstruction error, ELBO and time, for all scenes and per true count.

    `shows` and `symmetry` as in `score`. `propose` is the pass whose time is taken (wall clock, after one batch that
    warms up compilers and caches); the bound is computed apart and costs nothing in `milliseconds_per_image`.
    """
    propose(images[:batch_size])
    batches, seconds = [], 0.0
    for start in range(0, len(images), batch_size):
        pictures = images[start : start + batch_size]
        before = clock(pictures)
        objects, canvases, rho = propose(pictures)
        seconds += clock(pictures) - before
        squared = (canvases[-1] - pictures).square().flatten(1).mean(1)
        elbo = bound(pictures) if bound is not None else torch.full((len(pictures),), torch.nan)
        batches.append((objects.identity, objects.position, objects.rotation, objects.presence, rho, squared, elbo))
    *fields, rho, squared, elbo = (torch.cat(column).cpu() for column in zip(*batches, strict=True))
    objects = Objects(*fields)
    metrics = _measure(objects, truth, symmetry, rho, squared, elbo, shows)
    metrics |= {
        "found_within_m": FOUND_WITHIN,
        "milliseconds_per_image": 1000 * seconds / len(images),
        "batch_size": min(batch_size, len(images)),
        "threads": torch.get_num_threads(),
        "max_objects": rho.shape[1],
        "by_count": {},
    }
    for count, rows in rows_by_count(truth).items():
        at, seen = torch.from_numpy(rows), shows[rows] if shows is not None else None
        metrics["by_count"][count] = _measure(objects[at], truth[rows], symmetry, rho[at], squared[at], elbo[at], seen)
    return Evaluation(metrics, objects, rho, squared, shows)


def clock(pictures: Tensor) -> float:
    """Seconds, when all that was asked of the pictures' device is done."""
    if pictures.is_cuda:
        torch.cuda.synchronize(pictures.device)
    return time.perf_counter()


def rows_by_count(truth: Objects) -> dict[str, np.ndarray]:
    """Which scenes have 0, 1, .. objects, for every number that occurs."""
    counts = np.asarray(truth.count)
    return {str(int(count)): np.flatnonzero(counts == count) for count in np.unique(counts)}


def _measure(
    objects: Objects,
    truth: Objects,
    symmetry: Sequence[int],
    rho: Tensor,
    squared: Tensor,
    elbo: Tensor,
    shows: np.ndarray | None,
) -> dict[str, Any]:
    """The probability that a slot is there at all is the product of the rho so far: it ranks the objects for AP."""
    scores = score(objects, truth, symmetry, rho.cumprod(1).numpy(), shows)
    return plain({**scores, "reconstruction_mse": squared.mean(), "elbo": elbo.mean()})

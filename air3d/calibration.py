"""Whether the posterior is as sure as it should be: coverage of its credible regions, reliability of its counts."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from air3d.answers import Answers, answers
from air3d.checkpoint import Run
from air3d.distributions import BoxNormal
from air3d.elbo import log_count_posterior
from air3d.infer import Look, unroll
from air3d.levels import position_levels, radius, yaw_level, yaw_masses
from air3d.matching import match
from air3d.metrics import over
from air3d.prior import Prior
from air3d.regions import Dreams, Residuals, residuals
from scenes.objects import Objects

LEVELS = (0.5, 0.9)
BARS = 10  # of the reliability curve

Levels = dict[str, Float[np.ndarray, " object"]]  # of the truths, by what they are of
Sizes = dict[str, float | None]


def calibration(
    run: Run,
    dreams: Dreams,
    images: Float[Tensor, "batch height width 3"],
    truth: Objects,
    steps: int,
    batch_size: int = 100,
    look: Look = unroll,
) -> tuple[dict[str, Any], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Numbers for JSON, and for `plots.coverage` the levels of the truths: in the posterior's own regions, and in those
    that `dreams` make of them.

    Judged are found objects of the right identity.
    """
    said, symmetry = answers(run.model, images, steps, batch_size, look=look), run.scene.catalogue.symmetries
    prior = deepcopy(run.model.prior).cpu()
    own, own_sizes = of_posterior(said, truth, prior, symmetry)
    seen, seen_sizes = of_dreams(dreams, residuals(said, truth, prior, symmetry))
    numbers = {
        "coverage": coverage(own),
        "objects": {kind: len(levels) for kind, levels in own.items()},
        **own_sizes,
        "dreams": {"coverage": coverage(seen), **seen_sizes},
        "count": reliability(said.rho, truth, prior.min_objects),
    }
    return numbers, {kind: (own[kind], seen[kind]) for kind in own}


def of_posterior(said: Answers, truth: Objects, prior: Prior, symmetry: Sequence[int]) -> tuple[Levels, Sizes]:
    """Levels of the truths in the posterior's own regions, and how large those of 90 % are (medians)."""
    matching = match(said.objects, truth)
    chosen = matching.found & matching.identified
    scene, true = matching.scene[chosen], matching.true_slot[chosen]
    row = scene * said.steps + matching.predicted_slot[chosen]
    box = BoxNormal(said.pose.box.mean[row], said.pose.box.std[row])
    position = position_levels(box, torch.as_tensor(truth.position[scene, true]), prior)
    folds, yaw = np.asarray(symmetry)[matching.true_identity[chosen]], truth.rotation[scene, true]
    each = zip(yaw_masses(said.pose)[row], folds.tolist(), yaw.tolist(), strict=True)
    turned = np.array([yaw_level(masses, fold, angle) for masses, fold, angle in each if fold > 0]).reshape(-1, 2)
    sizes = sizes_of(radius(box, prior, 0.9).numpy(), turned[:, 1])
    return {"position": position.numpy(), "rotation": turned[:, 0]}, sizes


def of_dreams(dreams: Dreams, seen: Residuals) -> tuple[Levels, Sizes]:
    """The same in the regions that `dreams` make of the posterior's spread."""
    turns, regions = ~np.isnan(seen.rotation), dreams.regions(seen.spread, seen.identity, 0.9)
    levels = {
        "position": dreams.levels("position", seen.identity, seen.position),
        "rotation": dreams.levels("rotation", seen.identity[turns], seen.rotation[turns]),
    }
    return levels, sizes_of(np.sqrt(regions.axes.prod(1)), 2 * np.degrees(regions.turn[turns]))


def coverage(levels: Levels) -> dict[str, dict[str, float | None]]:
    """The share of truths in their regions of each of `LEVELS`."""
    return {kind: {str(c): over(np.mean, x <= c) for c in LEVELS} for kind, x in levels.items()}


def sizes_of(radii: Float[np.ndarray, " object"], widths: Float[np.ndarray, " turning"]) -> Sizes:
    return {"position_90_radius_m": over(np.median, radii), "rotation_90_width_deg": over(np.median, widths)}


def reliability(rho: Float[Tensor, "batch step"], truth: Objects, min_count: int) -> dict[str, Any]:
    """How often the most probable count is right, by its probability, in `BARS` equal steps; their mean gap (ECE)."""
    log_q = log_count_posterior(rho.double().logit(), min_count)
    sure, count = log_q.exp().max(-1)
    right = (count == torch.as_tensor(np.asarray(truth.count))).double()
    bar = (sure * BARS).long().clamp_max(BARS - 1)
    bars = [
        {"scenes": int(at.sum()), "confidence": sure[at].mean().item(), "right": right[at].mean().item()}
        for at in (bar == index for index in range(BARS))
        if at.any()
    ]
    gap = sum(b["scenes"] * abs(b["confidence"] - b["right"]) for b in bars) / len(sure)
    return {"confidence": sure.mean().item(), "right": right.mean().item(), "ece": gap, "bars": bars}

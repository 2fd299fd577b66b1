"""Whether the posterior is as sure as it should be: coverage of its credible regions, reliability of its counts."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from air3d.evaluation.calibration_scenes import residuals
from air3d.evaluation.matching import match
from air3d.evaluation.measure import Scenes
from air3d.evaluation.metrics import over
from air3d.inference.conformal import ConformalRegions, Residuals
from air3d.inference.credible import position_levels, radius, yaw_level, yaw_masses
from air3d.inference.greedy import Predictor, infer
from air3d.inference.predictions import Predictions, predict
from air3d.model.air import Air
from air3d.model.distributions import LogitNormal
from air3d.model.elbo import log_count_posterior
from air3d.model.prior import Prior
from scenes.objects import Objects

LEVELS = (0.5, 0.9)
BARS = 10  # of the reliability curve

Levels = dict[str, Float[np.ndarray, " object"]]  # of the truths, by what they are of
Sizes = dict[str, float | None]


def calibration(
    model: Air,
    symmetry: Sequence[int],
    conformal: ConformalRegions,
    scenes: Scenes,
    steps: int,
    batch_size: int = 100,
    predictor: Predictor = infer,
) -> tuple[dict[str, Any], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Numbers for JSON, and for `plots.coverage` the levels of the truths: in the posterior's own regions, and in the
    conformal ones.

    Judged are detected objects of the right identity.
    """
    predictions = predict(model, scenes.images, scenes.view, steps, batch_size, predictor=predictor)
    prior = deepcopy(model.prior).cpu()
    own, own_sizes = posterior_levels(predictions, scenes.truth, prior, symmetry)
    scaled, scaled_sizes = conformal_levels(conformal, residuals(predictions, scenes.truth, prior, symmetry))
    numbers = {
        "coverage": coverage(own),
        "objects": {kind: len(levels) for kind, levels in own.items()},
        **own_sizes,
        "conformal": {"coverage": coverage(scaled), **scaled_sizes},
        "count": reliability(predictions.rho, scenes.truth, prior.min_objects),
    }
    return numbers, {kind: (own[kind], scaled[kind]) for kind in own}


def posterior_levels(
    predictions: Predictions, truth: Objects, prior: Prior, symmetry: Sequence[int]
) -> tuple[Levels, Sizes]:
    """Levels of the truths in the posterior's own regions, and how large those of 90 % are (medians)."""
    pairs = match(predictions.objects, truth)
    pairs = pairs.chosen(pairs.judged)
    row = pairs.scene * predictions.steps + pairs.predicted_slot
    q, yaw = predictions.pose["position"], predictions.pose["rotation"]
    box = LogitNormal(q.box.mean[row], q.box.std[row])  # pyright: ignore[reportAttributeAccessIssue]
    position = position_levels(box, torch.as_tensor(pairs.true["position"]), prior)
    folds = np.asarray(symmetry)[pairs.true["identity"]]
    masses = yaw_masses(yaw)[row]  # pyright: ignore[reportArgumentType]
    each = zip(masses, folds.tolist(), pairs.true["rotation"].tolist(), strict=True)
    turned = np.array([yaw_level(mass, fold, angle) for mass, fold, angle in each if fold > 0]).reshape(-1, 2)
    sizes = sizes_of(radius(box, prior, 0.9).numpy(), turned[:, 1])
    return {"position": position.numpy(), "rotation": turned[:, 0]}, sizes


def conformal_levels(conformal: ConformalRegions, seen: Residuals) -> tuple[Levels, Sizes]:
    """The same in the regions that the calibration scenes make of the posterior's spread."""
    turns, regions = ~np.isnan(seen.rotation), conformal.regions(seen.spread, seen.identity, 0.9)
    levels = {
        "position": conformal.levels("position", seen.identity, seen.position),
        "rotation": conformal.levels("rotation", seen.identity[turns], seen.rotation[turns]),
    }
    return levels, sizes_of(np.sqrt(regions.axes.prod(1)), 2 * np.degrees(regions.turn[turns]))


def coverage(levels: Levels) -> dict[str, dict[str, float | None]]:
    """The share of truths in their regions of each of `LEVELS`; a truth on the border of level c is outside, as in
    `ConformalRegions.reach`."""
    return {kind: {str(c): over(np.mean, x < c) for c in LEVELS} for kind, x in levels.items()}


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

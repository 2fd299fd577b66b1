"""Whether the posterior is as sure as it should be: credible regions of the pose, probabilities of the count.

A credible region of level c is the smallest one that holds the share c of the posterior; over many objects, the truth
should lie in it that often. So for each object the **level of the truth** is computed, that of the region whose border
it is on: if the posterior is right, levels are uniform on [0, 1], and the share of levels up to c is the coverage of c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from air3d.air import Air
from air3d.distributions import BoxNormal, Choice
from air3d.elbo import log_count_posterior
from air3d.infer import unroll
from air3d.matching import match
from air3d.posterior import Pose
from air3d.prior import Prior
from scenes.objects import Objects

LEVELS = (0.5, 0.9)
CELLS = 60  # of a yaw bin: densities of yaws are compared cell by cell, of half a degree with 12 bins
BARS = 10  # of the reliability curve


@torch.no_grad()
def calibration(
    model: Air,
    images: Float[Tensor, "batch height width 3"],
    truth: Objects,
    symmetry: Sequence[int],
    steps: int,
    batch_size: int = 100,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Numbers for JSON (coverage, sizes of the regions, reliability of counts), and the levels of the truths.

    Judged are found objects of the right identity. `symmetry` as in `metrics.score`.
    """
    found, rho, pose = posteriors(model, images, steps, batch_size)
    matching = match(found, truth)
    chosen = matching.found & matching.identified
    scene, true = matching.scene[chosen], matching.true_slot[chosen]
    row = scene * steps + matching.predicted_slot[chosen]
    box, prior = BoxNormal(pose.box.mean[row], pose.box.std[row]), deepcopy(model.prior).cpu()
    position = position_levels(box, torch.as_tensor(np.asarray(truth.position)[scene, true]), prior)
    folds = np.asarray(symmetry)[matching.true_identity[chosen]].tolist()
    yaw = np.asarray(truth.rotation)[scene, true].tolist()
    masses = yaw_masses(pose)[row]
    turned = [yaw_level(m, n, angle) for m, n, angle in zip(masses, folds, yaw, strict=True) if n > 0]
    levels = {"position": position, "rotation": torch.tensor([level for level, _ in turned])}
    numbers = {
        "coverage": {name: {str(c): _mean((x <= c).float()) for c in LEVELS} for name, x in levels.items()},
        "objects": {name: len(x) for name, x in levels.items()},
        "position_90_radius_m": _median(radius(box, prior, 0.9)),
        "rotation_90_width_deg": _median(torch.tensor([width for _, width in turned])),
        "count": reliability(rho, truth, prior.min_objects),
    }
    return numbers, levels


def posteriors(
    model: Air, images: Float[Tensor, "batch height width 3"], steps: int, batch_size: int
) -> tuple[Objects, Float[Tensor, "batch step"], Pose]:
    """Objects and rho of the greedy pass (see `infer.unroll`), and all its poses as one, that of step t of picture b in
    row b * steps + t; on the CPU."""
    rows = []
    for part in images.split(batch_size):
        poses: list[Pose] = []
        objects, _, rho = unroll(model, part, steps, poses)
        fields = ((p.box.mean, p.box.std, p.yaw_bin.logits, p.offset.mean, p.offset.std) for p in poses)
        joined = (torch.stack(column, 1).flatten(0, 1) for column in zip(*fields, strict=True))
        rows.append((objects.identity, objects.position, objects.rotation, objects.presence, rho, *joined))
    *found, rho, mean, std, logits, within_mean, within_std = (torch.cat(x).cpu() for x in zip(*rows, strict=True))
    return Objects(*found), rho, Pose(BoxNormal(mean, std), Choice(logits=logits), BoxNormal(within_mean, within_std))


def position_levels(box: BoxNormal, position: Float[Tensor, "object 3"], prior: Prior) -> Float[Tensor, " object"]:
    """Level of the ellipsoid, in unsquashed coordinates, through the true position: chi-squared in the free axes."""
    true = prior.to_unit(position).clamp(1e-6, 1 - 1e-6).logit()
    square = (((true - box.mean) / box.std).square() * prior.free).sum(-1)
    return torch.special.gammainc(prior.free.sum().expand_as(square) / 2, square / 2)


def radius(box: BoxNormal, prior: Prior, level: float) -> Float[Tensor, " object"]:
    """Metres: the geometric mean of the semi-axes, along x and y, of the region of that level."""
    unit = box.mean.sigmoid()
    axes = (prior.high - prior.low) * unit * (1 - unit) * box.std  # the sigmoid's slope at the centre
    return axes[:, :2].prod(-1).sqrt() * math.sqrt(-2 * math.log(1 - level))  # of the chi-squared with two axes


def yaw_masses(pose: Pose) -> Float[Tensor, "batch cell"]:
    """The posterior mass of each of the circle's cells, from -pi on: exact, by the Gaussian's distribution function."""
    edges = torch.linspace(0, 1, CELLS + 1, device=pose.offset.mean.device).logit()
    below = torch.special.ndtr((edges - pose.offset.mean[..., None]) / pose.offset.std[..., None])
    return (pose.yaw_bin.probs[..., None] * below.diff(dim=-1)).flatten(-2)


def yaw_level(masses: Float[Tensor, " cell"], fold: int, yaw: float, level: float = 0.9) -> tuple[float, float]:
    """Level of the true yaw (radians) modulo the mesh's symmetry, and the width of the region of `level` in degrees.

    A region is a set of cells, the likeliest first. Within its cell, the truth counts as half-way.
    """
    cells = len(masses)
    at = (torch.arange(cells) * fold) % cells // fold  # cells that the symmetry makes one
    masses = masses.new_zeros(cells // fold + 1).index_add_(0, at, masses)
    here = masses[int((yaw + math.pi) / (2 * math.pi) * cells * fold % cells / fold)]
    ranked = masses.sort(descending=True).values.cumsum(0)
    width = (int((ranked < level).sum()) + 1) * 360 / cells
    return (masses[masses > here].sum() + here / 2).item(), width


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


def _mean(values: Tensor) -> float | None:
    return values.mean().item() if len(values) else None


def _median(values: Tensor) -> float | None:
    return values.median().item() if len(values) else None

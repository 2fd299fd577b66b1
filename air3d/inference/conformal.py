"""Credible regions that hold what they promise: split conformal prediction on calibration scenes.

The ELBO makes a posterior as narrow as the likelihood, wherever its centre is (docs/results.md), so the posterior's own
regions hold the truth too seldom. How much too seldom can be found out without a label: a calibration scene that the
program lays out and paints itself comes with its truth. Of each object in such scenes that was detected within 5 cm
with the right identity, the **residual** says how far off the prediction is, in units of what the posterior itself says
and of what is left of the picture there. The region of level c then reaches as far as the share c of the residuals of
that identity do, and holds the truth of another such object with that probability, whatever the posterior is like:
split conformal prediction with normalised residuals (Lei et al. 2018, "Distribution-free predictive inference for
regression", theorem 2 and section 5.2).

`evaluation/calibration_scenes.py` draws the scenes and takes the residuals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from air3d.inference.credible import deviations, yaw_masses
from air3d.inference.predictions import Predictions
from air3d.model.prior import Prior

KINDS = ("position", "rotation")


@dataclass(frozen=True)
class Spread:
    """How far off poses may be, one row each, before it is scaled: what the posterior says, times what is left of the
    picture there (`Predictions.left`). The standard deviation along x and along y, metres, and how far the yaw is
    expected to be from the predicted one, radians, modulo the mesh's symmetry (NaN for bodies of revolution)."""

    axes: Float[np.ndarray, "row 2"]
    turn: Float[np.ndarray, " row"]

    def __getitem__(self, rows: Int[np.ndarray, " chosen"]) -> Spread:
        return Spread(self.axes[rows], self.turn[rows])


def spread(predictions: Predictions, prior: Prior, symmetry: Sequence[int]) -> Spread:
    """Of every step of every picture, in the order of `predictions.pose`."""
    masses = yaw_masses(predictions.pose["rotation"])  # pyright: ignore[reportArgumentType]
    cells = (torch.arange(masses.shape[1]) + 0.5) * (2 * math.pi / masses.shape[1]) - math.pi
    fold = torch.as_tensor(symmetry)[predictions.objects.identity.flatten()]
    period = 2 * math.pi / fold.clamp_min(1)[:, None]
    away = cells - predictions.objects.rotation.flatten()[:, None]
    turn = (masses * (away - period * (away / period).round()).abs()).sum(1).masked_fill(fold == 0, torch.nan)
    box = predictions.pose["position"].box  # pyright: ignore[reportAttributeAccessIssue]
    left = predictions.left.flatten()
    return Spread((deviations(box, prior)[:, :2] * left[:, None]).numpy(), (turn * left).numpy())


@dataclass(frozen=True)
class Residuals:
    """Of detected objects of the right identity: the distance of position and of yaw (NaN where there is none) from the
    truth, in units of the posterior's spread."""

    identity: Int[np.ndarray, " pair"]
    position: Float[np.ndarray, " pair"]
    rotation: Float[np.ndarray, " pair"]
    spread: Spread


class ConformalRegions:
    """The residuals of many calibration scenes, by identity; `kind` is "position" or "rotation".

    `largest_misfit` is the largest that a calibration scene was left with (`Predictions.misfit`).
    """

    def __init__(self, residuals: Residuals, symmetry: Sequence[int], largest_misfit: float = math.inf) -> None:
        self.largest_misfit = largest_misfit
        self.furthest = math.pi / np.maximum(symmetry, 1)  # that a yaw can be from the truth
        self.sorted = {
            (kind, k): np.sort(values[(residuals.identity == k) & ~np.isnan(values)])
            for kind, values in zip(KINDS, (residuals.position, residuals.rotation), strict=True)
            for k in range(len(symmetry))
        }

    def levels(self, kind: str, identity: Int[np.ndarray, " row"], residual: Float[np.ndarray, " row"]) -> np.ndarray:
        """The levels of the regions whose borders are that far away."""
        seen = [self.sorted[kind, k] for k in identity.tolist()]
        return np.array([np.searchsorted(s, r) / (len(s) + 1) for s, r in zip(seen, residual, strict=True)])

    def reach(self, kind: str, identity: int, level: float) -> float:
        """How far the region of that level reaches, in units of the spread; inf where too few residuals are there."""
        seen = self.sorted[kind, identity]
        rank = math.ceil((len(seen) + 1) * level)
        return float(seen[rank - 1]) if 0 < rank <= len(seen) else math.inf

    def regions(self, of: Spread, identity: Int[np.ndarray, " row"], level: float) -> Spread:
        """Half the axes, metres, of the ellipses about the predicted positions that are the regions of that level, and
        half the widths, radians, of the intervals about the predicted yaws."""
        position, rotation = (np.array([self.reach(kind, k, level) for k in identity.tolist()]) for kind in KINDS)
        return Spread(of.axes * position[:, None], np.minimum(of.turn * rotation, self.furthest[identity]))

"""Credible regions that hold what they promise, because the network was asked about its own dreams.

The ELBO makes a posterior as narrow as the likelihood, wherever its centre is (docs/results.md), so the posterior's own
regions hold the truth too seldom. How much too seldom can be found out without a label: a scene that the program lays
out and paints itself, a dream, comes with its truth. Of each object in dreams that was found within 5 cm and named
rightly, the **residual** says how far off the answer is, in units of what the posterior itself says. The region of
level c then reaches as far as the share c of the residuals of that identity do, and holds the truth of another such
object with that probability, whatever the posterior is like: split conformal prediction with normalised residuals (Lei
et al. 2018, "Distribution-free predictive inference for regression", theorem 2 and section 5.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from air3d.answers import Answers, answers
from air3d.checkpoint import Run
from air3d.held_out import render
from air3d.infer import Look, unroll
from air3d.levels import deviations, yaw_masses
from air3d.matching import match, turn_errors
from air3d.prior import Prior
from air3d.splits import dream_seed
from scenes.objects import Objects

DREAMS = 1000
KINDS = ("position", "rotation")


@dataclass(frozen=True)
class Spread:
    """What the posterior says of poses, one row each: the standard deviation along x and along y, metres, and how far
    the yaw is expected to be from the answer, radians, modulo the mesh's symmetry (NaN for bodies of revolution)."""

    axes: Float[np.ndarray, "row 2"]
    turn: Float[np.ndarray, " row"]

    def __getitem__(self, rows: Int[np.ndarray, " chosen"]) -> Spread:
        return Spread(self.axes[rows], self.turn[rows])


def spread(said: Answers, prior: Prior, symmetry: Sequence[int]) -> Spread:
    """Of every step of every picture, in the order of `said.pose`."""
    masses = yaw_masses(said.pose)
    cells = (torch.arange(masses.shape[1]) + 0.5) * (2 * math.pi / masses.shape[1]) - math.pi
    fold = torch.as_tensor(symmetry)[said.objects.identity.flatten()]
    period = 2 * math.pi / fold.clamp_min(1)[:, None]
    away = cells - said.objects.rotation.flatten()[:, None]
    turn = (masses * (away - period * (away / period).round()).abs()).sum(1).masked_fill(fold == 0, torch.nan)
    return Spread(deviations(said.pose.box, prior)[:, :2].numpy(), turn.numpy())


@dataclass(frozen=True)
class Residuals:
    """Of found objects of the right identity: the distance of position and of yaw (NaN where there is none) from the
    truth, in units of the posterior's spread."""

    identity: Int[np.ndarray, " pair"]
    position: Float[np.ndarray, " pair"]
    rotation: Float[np.ndarray, " pair"]
    spread: Spread


def residuals(said: Answers, truth: Objects, prior: Prior, symmetry: Sequence[int]) -> Residuals:
    """How far off the answers are. `truth` in numpy, `symmetry` as in `metrics.score`."""
    matching = match(said.objects, truth)
    judged = matching.found & matching.identified
    scene, slot = matching.scene[judged], matching.predicted_slot[judged]
    said_of = spread(said, prior, symmetry)[scene * said.steps + slot]
    off = said.objects.position.numpy()[scene, slot] - truth.position[scene, matching.true_slot[judged]]
    position = np.linalg.norm(off[:, :2] / said_of.axes, axis=1)
    rotation = turn_errors(matching, symmetry)[judged] / said_of.turn
    return Residuals(matching.true_identity[judged], position, rotation, said_of)


class Dreams:
    """The residuals of many dreams, by identity; `kind` is "position" or "rotation".

    `most_unexplained` is the largest mean square error that a dream was left with.
    """

    def __init__(self, seen: Residuals, symmetry: Sequence[int], most_unexplained: float = math.inf) -> None:
        self.most_unexplained = most_unexplained
        self.furthest = math.pi / np.maximum(symmetry, 1)  # that a yaw can be from the truth
        self.sorted = {
            (kind, k): np.sort(values[(seen.identity == k) & ~np.isnan(values)])
            for kind, values in zip(KINDS, (seen.position, seen.rotation), strict=True)
            for k in range(len(symmetry))
        }

    def levels(self, kind: str, identity: Int[np.ndarray, " row"], residual: Float[np.ndarray, " row"]) -> np.ndarray:
        """The levels of the regions whose borders are that far away."""
        dreamt = [self.sorted[kind, k] for k in identity.tolist()]
        return np.array([np.searchsorted(d, r) / (len(d) + 1) for d, r in zip(dreamt, residual, strict=True)])

    def reach(self, kind: str, identity: int, level: float) -> float:
        """How far the region of that level reaches, in units of the spread; inf where too little was dreamt to say."""
        dreamt = self.sorted[kind, identity]
        rank = math.ceil((len(dreamt) + 1) * level)
        return float(dreamt[rank - 1]) if 0 < rank <= len(dreamt) else math.inf

    def regions(self, of: Spread, identity: Int[np.ndarray, " row"], level: float) -> Spread:
        """Half the axes, metres, of the ellipses about the answered positions that are the regions of that level, and
        half the widths, radians, of the intervals about the answered yaws."""
        position, rotation = (np.array([self.reach(kind, k, level) for k in identity.tolist()]) for kind in KINDS)
        return Spread(of.axes * position[:, None], np.minimum(of.turn * rotation, self.furthest[identity]))


def dream(run: Run, number: int = DREAMS, look: Look = unroll) -> Dreams:
    """Asks the network of `run` about scenes like those it was trained on, which no training and no test sees; `look`
    as in `answers`."""
    truth, prior = run.scene.batch(dream_seed(run.config.seed), range(number)), run.model.prior
    pictures = render(run.renderer, truth).to(run.renderer.background.device)
    said = answers(run.model, pictures, prior.steps, doing="dreaming", look=look)
    symmetry = run.scene.catalogue.symmetries
    return Dreams(residuals(said, truth, prior, symmetry), symmetry, said.unexplained.max().item())

"""How an object is turned about the vertical: a bin of the circle, and within each bin a squashed Gaussian."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.model.distributions import EDGE, Choice, LogitNormal
from air3d.model.latents.base import Family, Latent, Look, Sizes, Value
from air3d.model.prior import Prior
from air3d.model.ring_features import YawHead


@dataclass
class Yaw:
    """q of the yaw: the bins tile (-pi, pi], and within each of them (the axes of `offset`) stands a squashed Gaussian.

    Their divergence from the uniform prior is summed over the bins, weighted by the bins' probabilities.
    """

    choice: Choice
    offset: LogitNormal

    @property
    def bins(self) -> int:
        return self.choice.logits.shape[-1]

    def noise(self) -> Float[Tensor, "batch bin"]:
        return torch.randn_like(self.offset.mean)

    def draw(self, choice: Int[Tensor, " batch"], noise: Float[Tensor, "batch bin"]) -> Value:
        offset = self.offset.sample(noise)
        radians = self.radians(choice, offset.gather(-1, choice[:, None]).squeeze(-1).sigmoid())
        with torch.no_grad():
            log_ratio = self.offset.at(choice).log_prob(offset.gather(-1, choice[:, None]))
        return Value(radians, self.offset.kl(offset, self.choice.probs), log_ratio)

    def alternatives(self, noise: Float[Tensor, "batch bin"]) -> Float[Tensor, "batch bin"]:
        """The yaw that `draw` gives with these random numbers for each bin."""
        bins = torch.arange(self.bins, device=noise.device)
        return self.radians(bins, self.offset.sample(noise).sigmoid())

    def spread(self, parts: int) -> Float[Tensor, "bin part"]:
        """So many yaws in each bin, the middles of its equal parts, whatever q says."""
        bins = torch.arange(self.bins, device=self.offset.mean.device)
        share = (torch.arange(parts, device=bins.device) + 0.5) / parts
        return self.radians(bins[:, None], share)

    def mode(self) -> Float[Tensor, " batch"]:
        likeliest = self.choice.logits.argmax(-1)
        return self.radians(likeliest, self.offset.mean.gather(-1, likeliest[:, None]).squeeze(-1).sigmoid())

    def mode_kl(self) -> Float[Tensor, " batch"]:
        return self.offset.kl(self.offset.mean, self.choice.probs)

    def radians(self, bin: Int[Tensor, "*#batch"], share: Float[Tensor, "*#batch"]) -> Float[Tensor, "..."]:
        """The yaw of a place in [0, 1] within a bin."""
        return (bin + share) * (2 * math.pi / self.bins) - math.pi

    def log_density(
        self, value: Float[Tensor, " batch"], symmetry: Int[Tensor, " batch"], beta: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Turns that do not show added up: `symmetry` of them look the same, 0 for all.

        Whichever of them the posterior means answers for the label; only how much that teaches is weighted.
        """
        turns = symmetry.clamp_min(1)
        places = [value + turn * 2 * math.pi / turns for turn in range(int(turns.max()))]
        beyond = torch.arange(len(places), device=turns.device) >= turns[:, None]
        plain = torch.stack([self.log_turn(place) for place in places], -1).masked_fill(beyond, -torch.inf)
        weighted = torch.stack([self.log_turn(place, beta) for place in places], -1)
        change = plain.softmax(-1).detach() * (weighted - plain).masked_fill(beyond, 0.0)
        return (plain.logsumexp(-1) + change.sum(-1)) * (symmetry > 0)

    def log_turn(self, value: Float[Tensor, " batch"], beta: float = 0.0) -> Float[Tensor, " batch"]:
        """log q of one yaw: of its bin, and of its place within the bin, in shares of the bin."""
        share = ((value + math.pi) * (self.bins / (2 * math.pi))) % self.bins
        chosen = share.long().clamp(max=self.bins - 1)
        within = (share - chosen).clamp(EDGE, 1 - EDGE).logit()
        return self.choice.log_prob(chosen) + self.offset.at(chosen).weighted_log_prob(within[:, None], beta)


class Rotation(Latent):
    """Read from the rings about the object, along which a turn is a shift (ring_features.py)."""

    name, unit = "rotation", "deg"

    def __init__(self, sizes: Sizes, prior: Prior) -> None:
        super().__init__(sizes, prior)
        self.head = YawHead(sizes.ring_features, sizes.attended, sizes.initial_std)

    def forward(self, look: Look) -> Yaw:
        return Yaw(*self.head(look.rings, look.attended))

    @staticmethod
    def errors(predicted: np.ndarray, true: np.ndarray, symmetry: np.ndarray) -> Float[np.ndarray, " pair"]:
        """Degrees in [0, 180 / n] for an n-fold symmetric mesh; NaN for bodies of revolution (symmetry 0)."""
        return np.degrees(turn_between(predicted, true, symmetry))

    @staticmethod
    def written(value: np.ndarray | np.generic, symmetry: int) -> Any:
        return float(value) if symmetry > 0 else None


def yaw_of(pose: Mapping[str, Family]) -> Yaw:
    """q of the yaw of a pose."""
    yaw = pose["rotation"]
    assert isinstance(yaw, Yaw)
    return yaw


def turn_between(predicted: np.ndarray, true: np.ndarray, symmetry: np.ndarray) -> Float[np.ndarray, " pair"]:
    """Radians between pairs of yaws modulo the meshes' symmetry, in [0, pi / n]; NaN for bodies of revolution."""
    fold = np.asarray(symmetry, dtype=int)
    period = 2 * np.pi / np.maximum(fold, 1)
    turn = predicted.astype(float) - true
    return np.where(fold > 0, np.abs(turn - period * np.round(turn / period)), np.nan)

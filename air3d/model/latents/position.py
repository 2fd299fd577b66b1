"""Where an object stands: a Gaussian squashed into the box of base points, uniform beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from air3d.model.distributions import EDGE, LogitNormal
from air3d.model.latents.base import Latent, Look, Sizes, Value
from air3d.model.prior import Prior

CLOSE = 0.0125
"""From here on an error of a place weighs by its length, as a share of the table's sides; below, by its square."""


@dataclass
class BasePoint:
    """q of the base point: `box` in the unsquashed coordinates of the prior's box. `beta`: of `gentle`."""

    box: LogitNormal
    prior: Prior
    beta: float = 0.0
    choice: None = None

    def noise(self) -> Float[Tensor, "batch 3"]:
        return torch.randn_like(self.box.mean)

    def draw(self, choice: None, noise: Float[Tensor, "batch 3"]) -> Value:
        unit = self.gentle().sample(noise)
        metres = self.prior.to_metres(unit.sigmoid())
        with torch.no_grad():
            log_ratio = self.box.log_prob(unit, self.prior.free)
        return Value(metres, self.box.kl(unit, self.prior.free), log_ratio)

    def mode(self) -> Float[Tensor, "batch 3"]:
        return self.prior.to_metres(self.box.mean.sigmoid())

    def mode_kl(self) -> Float[Tensor, " batch"]:
        return self.box.kl(self.box.mean, self.prior.free)

    def gentle(self) -> LogitNormal:
        """The same distribution; the gradient of its middle is weighted by its width, in `CLOSE`, to the 2 `beta`.

        The gradient of a place grows as 1 / width^2, and the more an object stands out the smaller that is: white
        plates are all that is learned about, down to their millimetres (`LogitNormal.weighted_log_prob`).
        """
        if not self.beta:
            return self.box
        mean, unit = self.box.mean, self.box.mean.detach().sigmoid()
        weight = (self.box.std.detach() * unit * (1 - unit) / CLOSE) ** (2 * self.beta)
        return LogitNormal(mean.detach() + weight * (mean - mean.detach()), self.box.std)

    def near(self, place: Float[Tensor, "batch 3"]) -> Float[Tensor, " batch"]:
        """How near the middle is to a place, metres: minus Huber's loss of the distance in `CLOSE`."""
        off = (self.prior.to_unit(place) - self.box.mean.sigmoid()) / CLOSE
        return -(F.huber_loss(off, torch.zeros_like(off), reduction="none") * self.prior.free).sum(-1)

    def log_density(self, value: Float[Tensor, "batch 3"], symmetry: Tensor, beta: float = 0.0) -> Tensor:
        unit = self.prior.to_unit(value).clamp(EDGE, 1 - EDGE).logit()
        return self.box.weighted_log_prob(unit, beta, self.prior.free)


class Position(Latent):
    """Its head is the closer look itself, which moves the attended place to the object (posterior.py)."""

    name, unit = "position", "m"

    def __init__(self, sizes: Sizes, prior: Prior) -> None:
        super().__init__(sizes, prior)
        self.beta = sizes.beta
        self.prior = [prior]  # in a list: it is the posterior's module, not one of this head

    def forward(self, look: Look) -> BasePoint:
        return BasePoint(LogitNormal(look.base_point, look.log_width.exp()), self.prior[0], self.beta)

    @staticmethod
    def errors(predicted: np.ndarray, true: np.ndarray, symmetry: np.ndarray) -> Float[np.ndarray, " pair"]:
        """Metres between base points."""
        return np.linalg.norm(predicted.astype(float) - true.astype(float), axis=-1)

"""The colour of each object, in closed form: a factor on each channel, whatever it comes from.

Exposure, white balance, a lamp of another strength and an object's own tint all multiply the colours that the renderer
paints. With everything else held, the picture is linear in the factor f [3] of the object that was painted last,

    x = image + front (f - 1) + noise,      f ~ Normal(1, C),      C = common^2 11' + channel^2 I,

where `front` is that object's share of each pixel. So q(f) = p(f | x, ..) is a Gaussian, found by least squares:

    precision P = C^-1 + diag(sum front^2) / sigma^2,      mean m = 1 + P^-1 sum(front (x - image)) / sigma^2.

It stands at its mean, and in the bound it costs

    E_q[..] + KL(q || p):      (m - 1)' C^-1 (m - 1) / 2 + log det(C P) / 2      nats,

which is exact for a Gaussian likelihood, given the objects before it. Its mean is an optimum: no gradient runs through.
One factor is shared by all objects of a picture in truth, as far as it is the light's; here each has its own, and costs
its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from scenes.view_states import ViewStates

EXPOSURE, WHITE_BALANCE, TINT = 0.2, 0.08, 0.06
"""Standard deviations of the factor: all channels together and each alone by the light's gain, each by a tint."""

RANGE = (0.3, 2.5)
"""Where a factor stays: a black object has none, and what is nearly invisible could have any."""


@dataclass(frozen=True)
class ColourPrior:
    """Normal(1, common^2 11' + channel^2 I) on an object's factor."""

    common: float
    channel: float

    @staticmethod
    def of(states: ViewStates, told: bool) -> ColourPrior | None:
        """What the states leave open; `told` of the light, only the tint. None where nothing is."""
        light, tint = states.gain == "inferred" and not told, states.tint == "inferred"
        if not (light or tint):
            return None
        return ColourPrior(EXPOSURE * light, math.hypot(WHITE_BALANCE * light, TINT * tint))

    def posterior(
        self, square: Float[Tensor, "*batch 3"], product: Float[Tensor, "*batch 3"], sigma: float
    ) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch"]]:
        """The mean of the factor less 1, and what it costs in nats, from sum front^2 and sum front (x - image)."""
        seen, pull = square / sigma**2, product / sigma**2
        # C^-1 = (I - k 11') / channel^2, and so P is a diagonal less a multiple of 11': Sherman & Morrison
        k = self.common**2 / (self.channel**2 + 3 * self.common**2)
        off, diagonal = k / self.channel**2, seen + 1 / self.channel**2
        left = 1 - off * (1 / diagonal).sum(-1, keepdim=True)
        excess = (pull + off * (pull / diagonal).sum(-1, keepdim=True) / left) / diagonal
        excess = excess.clamp(RANGE[0] - 1, RANGE[1] - 1)
        distance = (excess.square().sum(-1) - k * excess.sum(-1).square()) / self.channel**2
        log_det_prior = 6 * math.log(self.channel) + math.log1p(3 * self.common**2 / self.channel**2)
        log_det = log_det_prior + diagonal.log().sum(-1) + left.squeeze(-1).log()
        return excess, (distance + log_det) / 2

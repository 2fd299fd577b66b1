"""Densities of labelled poses under the posterior, and how much each teaches.

The gradient of a regression with width s grows as error / s^2: the surer the network becomes of its millimetres, the
more of each step goes to the few objects that it has just mistaken, and counting and naming hardly learn any more. So
the term of each coordinate is weighted by s^(2 beta), through which no gradient runs: Seitzer et al., "On the Pitfalls
of Heteroscedastic Uncertainty Estimation with Probabilistic Neural Networks", ICLR 2022, section 4. With beta = 0 it is
the plain density; with beta = 1 all errors teach alike, as in a regression without widths.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.distributions import BoxNormal
from air3d.posterior import Pose

EDGE = 0.01  # labels this close to the border of a box or a bin count as this far inside: the posterior ends there


def log_normal(
    normal: BoxNormal, sample: Float[Tensor, "batch axis"], beta: float = 0.0, weight: Tensor | float = 1.0
) -> Float[Tensor, " batch"]:
    """`normal.log_prob(sample, weight)`, each axis weighted once more, by its width to the 2 `beta`."""
    return normal.log_prob(sample, weight * normal.std.detach() ** (2 * beta))


def log_yaw(
    pose: Pose, rotation: Float[Tensor, " batch"], symmetry: Int[Tensor, " batch"], beta: float = 0.0
) -> Float[Tensor, " batch"]:
    """log q of the yaw (radians), turns that do not show added up: `symmetry` of them look the same, 0 for all.

    Whichever of them the posterior means answers for the label; only how much that teaches is weighted.
    """
    turns = symmetry.clamp_min(1)
    places = [rotation + turn * 2 * math.pi / turns for turn in range(int(turns.max()))]
    beyond = torch.arange(len(places), device=turns.device) >= turns[:, None]
    plain = torch.stack([log_turn(pose, place) for place in places], -1).masked_fill(beyond, -torch.inf)
    weighted = torch.stack([log_turn(pose, place, beta) for place in places], -1)
    change = plain.softmax(-1).detach() * (weighted - plain).masked_fill(beyond, 0.0)
    return (plain.logsumexp(-1) + change.sum(-1)) * (symmetry > 0)


def log_turn(pose: Pose, rotation: Float[Tensor, " batch"], beta: float = 0.0) -> Float[Tensor, " batch"]:
    """log q of one yaw, radians: of its bin, and of its place within the bin, in shares of the bin."""
    bins = pose.yaw_bin.logits.shape[-1]
    share = ((rotation + math.pi) * (bins / (2 * math.pi))) % bins
    chosen = share.long().clamp(max=bins - 1)
    within = (share - chosen).clamp(EDGE, 1 - EDGE).logit()
    return pose.yaw_bin.log_prob(chosen) + log_normal(pose.offset.at(chosen), within[:, None], beta)

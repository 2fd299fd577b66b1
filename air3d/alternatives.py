"""What might have been drawn instead: every yaw bin and every identity of one step's object.

Each alternative is painted on the canvas before it, everything else held, without gradient; what is differentiated are
their probabilities. Some estimators take the expectation over them exactly, and the pull says where they should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.distributions import Choice, toward_best
from air3d.draws import Drawn, Instead, Schedule, rows_of
from air3d.likelihood import log_likelihood
from air3d.posterior import Proposal

if TYPE_CHECKING:
    from air3d.air import Air


@dataclass
class Step:
    """Where a step stands once its object is drawn. `canvas` is without it, `likelihood` with."""

    canvas: Tensor
    pictures: Float[Tensor, "batch height width 3"]
    sight: Float[Tensor, "batch 6 height width"]
    proposal: Proposal
    draw: Drawn
    likelihood: Float[Tensor, " batch"]


def alternatives(air: Air, step: Step, samples: int, at: Schedule, sum_yaw: bool, sum_identity: bool) -> Instead:
    """What is asked for. All but the expectation over identities is for the first sample of each picture alone."""
    turned, swapped, pulls, first = None, None, [], slice(None, None, samples)
    if sum_yaw or at.pull:
        expected, pulled = turn(air, rows_of(step, first), at)
        turned = expected if sum_yaw else None
        pulls.append(pulled)
    if sum_identity or at.pull:
        expected, pulled = swap(air, step if sum_identity else rows_of(step, first), at)
        swapped = expected if sum_identity else None
        pulls.append(pulled[first] if sum_identity else pulled)
    return Instead(turned, swapped, torch.stack(pulls).sum(0) if at.pull else None)


def turn(air: Air, step: Step, at: Schedule) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """E log p(x | .., yaw) over the yaw bins of each object, and how far they are from the best (`toward_best`).

    Both are 0 for a body of revolution, which looks alike in all bins but for its facets.
    """
    nothing = torch.zeros_like(step.likelihood)
    rows = air.turns[step.draw.identity].nonzero().squeeze(-1)
    if not len(rows):
        return nothing, nothing
    step = rows_of(step, rows)
    values, choice = per_bin(air, step, at), step.draw.yaw_bin
    values = values - values.mean(1, keepdim=True)
    expected, pulled = (choice.probs * values).sum(1), toward_best(values, choice.logits)
    return nothing.index_put((rows,), expected), nothing.index_put((rows,), pulled)


@torch.no_grad()
def per_bin(air: Air, step: Step, at: Schedule) -> Float[Tensor, "batch bin"]:
    """log p(x | .., yaw) of each object in every yaw bin."""
    draw = step.draw

    def of(turned: int) -> Tensor:
        rotation = air.angle(torch.tensor(turned), draw.offset[:, turned])
        painted = air.renderer.paint(step.canvas, draw.identity, draw.position, rotation)
        return log_likelihood(air.renderer.develop(painted), step.pictures, at.sigma, at.pyramid)

    # one after the other: canvases for all of them would not stay in a cache
    return torch.stack([of(turned) for turned in range(air.yaw_bins)], 1)


def swap(air: Air, step: Step, at: Schedule) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """E F_t over the identities of each object, less the F_t of the one that was drawn; and how far from the best."""
    values, choice = per_identity(air, step, at), step.proposal.identity
    values = values - values.gather(-1, step.draw.identity[:, None])
    return (choice.probs * values).sum(-1), toward_best(values, choice.logits)


@torch.no_grad()
def per_identity(air: Air, step: Step, at: Schedule) -> Float[Tensor, "batch identity"]:
    """F_t of each object, had it been a k: log p(x | .., k) less what a k costs.

    Another identity has another distribution over poses, and gets a draw of its own from it. It would be as right
    with fresh random numbers; with those of the object that was drawn, the difference is mostly the identity's.
    """
    proposal, draw, kinds = step.proposal, step.draw, step.proposal.identity.logits.shape[-1]

    def of(shift: int) -> Tensor:
        identity = (draw.identity + shift) % kinds
        pose = air.posterior.pose(proposal, identity, step.sight)
        yaw_bin = same_quantile(draw.bin, draw.yaw_bin, pose.yaw_bin)
        other = air.drawn(proposal, identity, pose, yaw_bin, draw.noise)
        painted = air.renderer.paint(step.canvas, other.identity, other.position, other.rotation)
        return log_likelihood(air.renderer.develop(painted), step.pictures, at.sigma, at.pyramid) - other.kl

    shifted = torch.stack([step.likelihood - draw.kl, *(of(shift) for shift in range(1, kinds))], 1)
    return shifted.gather(1, (torch.arange(kinds, device=shifted.device) - draw.identity[:, None]) % kinds)


def same_quantile(drawn: Int[Tensor, " batch"], before: Choice, after: Choice) -> Int[Tensor, " batch"]:
    """A draw from `after` by the random number that gave `drawn` from `before`: the same one where the two agree."""
    upper = before.probs.cumsum(-1).gather(-1, drawn[:, None])
    number = upper - torch.rand_like(upper) * before.probs.gather(-1, drawn[:, None])
    return (number >= after.probs.cumsum(-1)[:, :-1]).sum(-1)

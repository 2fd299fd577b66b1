"""What might have been drawn instead: the sums over yaw bins and identities that some estimators take exactly.

Both paint the alternatives of one step's object on the canvas before it, everything else of it held, without gradient;
what is differentiated are their probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.distributions import Choice
from air3d.draws import Drawn, Schedule
from air3d.likelihood import log_likelihood
from air3d.posterior import Proposal

if TYPE_CHECKING:
    from air3d.air import Air


def turn(
    air: Air, canvas: Tensor, draw: Drawn, pictures: Tensor, samples: int, at: Schedule
) -> Float[Tensor, " picture"]:
    """E log p(x | .., yaw) over the yaw bins of the first sample's object, painted once in every bin; 0 for a body of
    revolution, which looks alike in all of them but for its facets.

    With `at.yaw_pull`, the cross-entropy of q(yaw) to its own optimum p(x | .., yaw), renormalised, is added: where q
    is sure of the wrong side, the expectation passes no gradient any more, and this does. Its fixed point is the same
    (the exact form of the wake phase of Bornschein & Bengio 2015, "Reweighted Wake-Sleep").
    """
    rows = samples * air.turns[draw.identity[::samples]].nonzero().squeeze(-1)
    nothing = pictures.new_zeros(len(pictures))
    if not len(rows):
        return nothing
    likelihood = per_bin(air, canvas[rows], draw, rows, pictures[rows // samples], at)
    likelihood = likelihood - likelihood.mean(1, keepdim=True)
    value = (draw.yaw_bin.probs[rows] * likelihood).sum(1)
    if at.yaw_pull:
        right = likelihood.softmax(1)
        value = value + at.yaw_pull * (right * draw.yaw_bin.logits[rows]).sum(1)  # logits are normalised already
    return nothing.index_put((rows // samples,), value)


@torch.no_grad()
def per_bin(
    air: Air, canvas: Tensor, draw: Drawn, rows: Int[Tensor, " row"], pictures: Tensor, at: Schedule
) -> Float[Tensor, "row bin"]:
    """log p(x | .., yaw) of the objects in `rows` of a draw, on their canvases, in every yaw bin."""
    identity, position, offset = draw.identity[rows], draw.position[rows], draw.offset[rows]

    def of(turned: int) -> Tensor:
        painted = air.renderer.paint(canvas, identity, position, air.angle(torch.tensor(turned), offset[:, turned]))
        return log_likelihood(air.renderer.develop(painted), pictures, at.sigma, at.pyramid)

    # one after the other: canvases for all of them would not stay in a cache
    return torch.stack([of(turned) for turned in range(air.yaw_bins)], 1)


def swap(
    air: Air,
    canvas: Tensor,
    proposal: Proposal,
    sight: Tensor,
    draw: Drawn,
    likelihood: Tensor,
    pictures: Tensor,
    at: Schedule,
) -> Float[Tensor, " batch"]:
    """E F_t over the identities of the drawn object, each painted once on the canvas before it, less its own F_t.

    Another identity has another distribution over poses, and gets a draw of its own from it. It would be as right
    with fresh random numbers; with those of the object that was drawn, the difference is mostly the identity's.
    """
    probs, expected = proposal.identity.probs, torch.zeros_like(likelihood)
    own = (likelihood - draw.kl).detach()
    for shift in range(1, probs.shape[-1]):
        with torch.no_grad():
            identity = (draw.identity + shift) % probs.shape[-1]
            pose = air.posterior.pose(proposal, identity, sight)
            yaw_bin = same_quantile(draw.bin, draw.yaw_bin, pose.yaw_bin)
            other = air.drawn(proposal, identity, pose, yaw_bin, draw.noise)
            painted = air.renderer.paint(canvas, other.identity, other.position, other.rotation)
            likelihood = log_likelihood(air.renderer.develop(painted), pictures, at.sigma, at.pyramid)
            gain = likelihood - other.kl - own
        expected = expected + probs.gather(-1, identity[:, None]).squeeze(-1) * gain
    return expected


def same_quantile(drawn: Int[Tensor, " batch"], before: Choice, after: Choice) -> Int[Tensor, " batch"]:
    """A draw from `after` by the random number that gave `drawn` from `before`: the same one where the two agree."""
    upper = before.probs.cumsum(-1).gather(-1, drawn[:, None])
    number = upper - torch.rand_like(upper) * before.probs.gather(-1, drawn[:, None])
    return (number >= after.probs.cumsum(-1)[:, :-1]).sum(-1)

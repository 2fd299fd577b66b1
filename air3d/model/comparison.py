"""Which identity is it, where, and how is it turned? Each one that may be there, where it fits the picture about best,
and how well it does then.

A picture tells identities apart if each is painted where it fits. A draw of its pose seldom is: an oval plate in a
random yaw loses to a round one by more than a hundred nats although it stands right, and a pale cup a pixel off loses
to a small dark telephone, because what is painted beside an object costs more the brighter it is. Compared by draws,
ten kinds of crockery became three (docs/method.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.model.hypotheses import Hypotheses
from air3d.model.posterior import Posterior
from air3d.model.proposal import Gains, Proposal
from air3d.model.starts import Started
from scenes.view import View

TURNED = 6
"""Identities that are painted in every yaw bin: those that explain most in their likeliest one."""

MOVED = 3
"""Identities, of those, that are moved besides."""


@dataclass
class Compared:
    """values [B, E]: what each identity explains, nats; identity [B]: the likeliest of those that were moved; place
    [B, 3]: where it explains the picture best, metres; bins [B, bin]: what it explains there in each yaw bin, nats."""

    values: Float[Tensor, "batch identity"]
    identity: Int[Tensor, " batch"]
    place: Float[Tensor, "batch 3"]
    bins: Float[Tensor, "batch bin"]


@torch.no_grad()
def compare_identities(
    posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains, sigma: float
) -> Compared:
    """log p(x | .., identity) less that without the object, nats, at a pixel noise of `sigma`: over all yaws, each as
    likely before, and at the best of nine places; less what the place costs, and weighed by the prior where identities
    are not as likely.

    Of an identity that explains less than others do even in its likeliest yaw, no other one is painted.
    """
    given = posterior, proposal, closeup, view
    tries = Started(*given, gains, sigma) if posterior.config.starts else Hypotheses(*given)
    every = torch.arange(posterior.identities, device=closeup.device).expand(len(closeup), -1)
    turning, values = every, torch.zeros_like(tries.cost)
    if posterior.identities > TURNED:
        values = tries.ranked(gains, sigma) - tries.bins.log()
        turning = values.topk(TURNED, 1).indices
    turned = tries.turned(turning, gains, sigma)
    values = values.scatter(1, turning, turned.logsumexp(-1) - tries.bins[turning].log())
    best, bin = turned.max(-1)
    moving = best.topk(min(MOVED, best.shape[1]), 1).indices
    identity = turning.gather(1, moving)
    moved = tries.moved(identity, tries.yaws_of(identity).gather(2, bin.gather(1, moving)[..., None]), gains, sigma)
    moved = torch.cat([best.gather(1, moving)[..., None], moved], -1)
    values = values.scatter_add(1, identity, moved.amax(-1) - moved[..., 0]) - tries.cost
    if proposal.identity.log_prior is not None:
        values = values + proposal.identity.log_prior
    likeliest = values.gather(1, identity).argmax(1)
    rows = torch.arange(len(values), device=values.device)
    chosen, explained = identity[rows, likeliest], moved[rows, likeliest]
    bins = tries.each_bin(chosen, explained.argmax(1), gains, sigma)
    return Compared(values, chosen, tries.mean_place(chosen, explained), bins)

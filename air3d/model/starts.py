"""Hypotheses that begin where attention fell, too.

Before q has learned where an identity stands, its middle says little: a spray bottle that lies is attended to at its
end and tried a hand's breadth beside itself, and loses to whatever fits there. Where attention fell, and in which
direction what is seen there is longest, needs no learning.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from air3d.model.distributions import EDGE
from air3d.model.hypotheses import Hypotheses
from air3d.model.posterior import Posterior
from air3d.model.proposal import Gains, Proposal
from scenes.view import View


class Started(Hypotheses):
    """Each identity begins from the best of three starts: the middle of q; and, either way round, as one would stand
    whose middle is where attention fell, lengthwise with what is seen there.

    first [B, E]: what it gains there, nats; likeliest, places and values are those of that start.
    """

    def __init__(
        self, posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains, sigma: float
    ) -> None:
        super().__init__(posterior, proposal, closeup, view)
        middle, attended = self.values["position"], attended_places(posterior, proposal, view)
        attended = torch.cat([attended, middle[..., 2:]], -1)
        along = proposal.lengthwise[:, None] - posterior.footprints.directions
        yaws = torch.stack([self.likeliest, along, along + math.pi], -1)
        yaws = torch.remainder(yaws + math.pi, 2 * math.pi) - math.pi
        places = torch.stack([middle, attended, attended], 2)
        who = torch.arange(yaws.shape[1], device=yaws.device)[:, None].expand_as(yaws).flatten(1)
        half = self.middles.shape[-1] // 2  # turned by it, some look the same: they are painted once
        new = torch.stack([self.bins > 0, self.bins > 0, half % self.bins != 0], 1).expand_as(yaws)
        tried = self.objects(who, yaws.flatten(1), position=places.flatten(1, 2), presence=new.flatten(1).float())
        gained = gains(tried, [sigma])[0].view_as(yaws).masked_fill(~new, -torch.inf)
        self.first, start = gained.max(-1)
        self.likeliest = yaws.gather(2, start[..., None])[..., 0]
        begun = places.gather(2, start[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
        self.places = self.places + (begun - middle)[:, :, None]
        self.values["position"] = begun

    def ranked(self, gains: Gains, sigma: float) -> Float[Tensor, "batch identity"]:
        return self.first

    def turned(self, identity: Int[Tensor, "batch few"], gains: Gains, sigma: float) -> Float[Tensor, "batch few bin"]:
        """What they gain in each yaw bin, the one of the start by that yaw where it is better than the middle of q,
        which it takes the place of then."""
        gained, yaws = super().turned(identity, gains, sigma), self.yaws_of(identity)
        first, yaw = (x.gather(1, identity)[..., None] for x in (self.first, self.likeliest))
        bins = yaws.shape[-1]
        bin = ((yaw + math.pi) * (bins / (2 * math.pi))).long().clamp(0, bins - 1) % self.bins[identity][..., None]
        before = gained.gather(2, bin)
        yaws = yaws.scatter(2, bin, torch.where(first > before, yaw, yaws.gather(2, bin)))
        self.middles = self.middles.scatter(1, identity[..., None].expand_as(yaws), yaws)
        return gained.scatter(2, bin, torch.maximum(first, before))


def attended_places(posterior: Posterior, proposal: Proposal, view: View) -> Float[Tensor, "batch identity 2"]:
    """Where each identity would stand whose middle hides the place that was attended to, metres."""
    rows, kinds = len(proposal.place), posterior.identities
    identity = torch.arange(kinds, device=proposal.place.device).repeat(rows)
    place = proposal.place.detach().repeat_interleave(kinds, 0)
    stands = posterior.footprints.stands(place, identity, view.repeat(kinds)).clamp(EDGE, 1 - EDGE)
    return posterior.prior.to_metres(F.pad(stands, (0, 1)))[:, :2].view(rows, kinds, 2)

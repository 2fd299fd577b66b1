"""Which identity is it, where, and how is it turned? Each one that may be there, where it fits the picture about best,
and how well it does then.

A picture tells identities apart if each is painted where it fits. A draw of its pose seldom is: an oval plate in a
random yaw loses to a round one by more than a hundred nats although it stands right, and a pale cup a pixel off loses
to a small dark telephone, because what is painted beside an object costs more the brighter it is. Compared by draws,
ten kinds of crockery became three (docs/method.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from air3d.model.attention import REACH
from air3d.model.batches import tree_map
from air3d.model.distributions import EDGE
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import Yaw
from air3d.model.policies import Gains, total
from air3d.model.posterior import Posterior, Proposal
from scenes.objects import Objects
from scenes.view import View

TURNED = 6
"""Identities that are painted in every yaw bin: those that explain most in their likeliest one."""

MOVED = 3
"""Identities, of those, that are moved besides."""

SIDEWAYS = math.sqrt(3)
"""How far they are moved, in standard deviations of where they may stand: the points of the unscented transform (Julier
& Uhlmann 1997, "A New Extension of the Kalman Filter to Nonlinear Systems")."""

HALVES = 2
"""Yaws of the likeliest in each bin: what sticks out of a cup is narrower than a bin, and falls between middles."""

NEAREST = 0.02
"""How far they are moved besides: by anything between `REACH` and that share of it, for q may be sure of a wrong
place."""


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
    tries = Hypotheses(posterior, proposal, closeup, view)
    if posterior.config.region:
        tries.started(posterior, proposal, view, gains, sigma)
    every = torch.arange(posterior.identities, device=closeup.device).expand(len(closeup), -1)
    turning, values = every, torch.zeros_like(tries.cost)
    if posterior.identities > TURNED:
        first = gains(tries.objects(every, tries.likeliest), [sigma])[0] if tries.first is None else tries.first
        values = first - tries.bins.log()
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


class Hypotheses:
    """The middle of q of each of E identities, for B rows, and where else to try it.

    likeliest [B, E], middles [B, E, bin]: yaws in the middle of q; everywhere [bin, half]: evenly spread ones; bins
    [E]: how many bins show all there is to see of a mesh with its symmetry; places [B, E, 9, 3]: the middle and eight
    others, log_area [B, E, 9]: of the table that each stands for; cost [B, E]: of the middle in the bound, but for the
    yaw.
    """

    def __init__(self, posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View) -> None:
        rows, kinds = len(closeup), posterior.identities
        identity = torch.arange(kinds, device=closeup.device).repeat(rows)
        several = tree_map(lambda tensor: tensor.repeat_interleave(kinds, 0), proposal)
        pose = posterior.pose(several, identity, closeup, view.repeat(kinds))
        yaw, place = pose.pop("rotation"), pose["position"]
        assert isinstance(yaw, Yaw) and isinstance(place, BasePoint)
        parted = partial(torch.unflatten, dim=0, sizes=(rows, kinds))
        self.values = {name: parted(q.mode()) for name, q in pose.items()}
        self.cost = parted(total([q.mode_kl() for q in pose.values()]))
        self.likeliest, (self.places, self.log_area) = parted(yaw.mode()), map(parted, places_of(place))
        self.middles = parted(yaw.alternatives(torch.zeros_like(yaw.offset.mean)))
        self.bins = shown(posterior.symmetries, yaw.bins)
        self.first: Tensor | None = None
        self.everywhere = yaw.spread(HALVES)

    def started(self, posterior: Posterior, proposal: Proposal, view: View, gains: Gains, sigma: float) -> None:
        """Begin from the best of three starts of each identity: the middle of q; and, twice, as an object of that
        identity would stand whose middle is where attention fell, lengthwise with what is seen there, either way
        round."""
        rows, kinds = self.cost.shape
        identity = torch.arange(kinds, device=self.cost.device).repeat(rows)
        place = proposal.place.detach().repeat_interleave(kinds, 0)
        stands = posterior.footprints.stands(place, identity, view.repeat(kinds)).clamp(EDGE, 1 - EDGE)
        stands = posterior.prior.to_metres(F.pad(stands, (0, 1)))[:, :2].view(rows, kinds, 2)
        middle = self.values["position"]
        stands = torch.cat([stands, middle[..., 2:]], -1)
        along = proposal.lengthwise[:, None] - posterior.footprints.directions
        yaws = torch.stack([self.likeliest, along, along + math.pi], -1)
        yaws = torch.remainder(yaws + math.pi, 2 * math.pi) - math.pi
        positions = torch.stack([middle, stands, stands], 2)
        who = identity.view(rows, kinds, 1).expand(-1, -1, 3).flatten(1)
        values = gains(self.objects(who, yaws.flatten(1), position=positions.flatten(1, 2)), [sigma])[0].view_as(yaws)
        self.first, start = values.max(-1)
        self.likeliest = yaws.gather(2, start[..., None])[..., 0]
        chosen = positions.gather(2, start[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
        self.places = self.places + (chosen - middle)[:, :, None]
        self.values["position"] = chosen

    def objects(self, identity: Int[Tensor, "batch try"], rotation: Tensor, **other: Tensor) -> Objects:
        """One object for each try; latents that are not given are in the middle."""
        rows = torch.arange(len(identity), device=identity.device)[:, None]
        values = {name: value[rows, identity] for name, value in self.values.items()}
        fields = {"presence": torch.ones_like(rotation), **values, "rotation": rotation, **other}
        return Objects(identity=identity, **fields)

    def yaws_of(self, identity: Int[Tensor, "batch few"]) -> Float[Tensor, "batch few bin"]:
        return self.middles.gather(1, identity[..., None].expand(-1, -1, self.middles.shape[-1]))

    def turned(self, identity: Int[Tensor, "batch few"], gains: Gains, sigma: float) -> Float[Tensor, "batch few bin"]:
        """What they gain in each yaw bin; -inf where a symmetric mesh has been seen already."""
        yaws = self.yaws_of(identity)
        new = torch.arange(yaws.shape[-1], device=yaws.device) < self.bins[identity][..., None]
        who = identity[..., None].expand_as(yaws).flatten(1)
        tried = self.objects(who, yaws.flatten(1), presence=new.flatten(1).float())
        values = gains(tried, [sigma])[0].view_as(yaws).masked_fill(~new, -torch.inf)
        if self.first is None:
            return values
        first, yaw = (x.gather(1, identity)[..., None] for x in (self.first, self.likeliest))
        bin = ((yaw + math.pi) * (yaws.shape[-1] / (2 * math.pi))).long().clamp(0, yaws.shape[-1] - 1)
        bin = bin % self.bins[identity][..., None]
        better = first > values.gather(2, bin)
        yaws = yaws.scatter(2, bin, torch.where(better, yaw, yaws.gather(2, bin)))
        self.middles = self.middles.scatter(1, identity[..., None].expand_as(yaws), yaws)
        return values.scatter(2, bin, torch.maximum(first, values.gather(2, bin)))

    def moved(
        self, identity: Int[Tensor, "batch few"], yaw: Float[Tensor, "batch few 1"], gains: Gains, sigma: float
    ) -> Float[Tensor, "batch few place"]:
        """What they gain in the places other than the middle, each in a yaw of its own."""
        rows = torch.arange(len(identity), device=identity.device)[:, None]
        places = self.places[rows, identity, 1:]
        who, yaws = (x.expand(places.shape[:3]).flatten(1) for x in (identity[..., None], yaw))
        return gains(self.objects(who, yaws, position=places.flatten(1, 2)), [sigma])[0].view(places.shape[:3])

    def each_bin(
        self, identity: Int[Tensor, " batch"], place: Int[Tensor, " batch"], gains: Gains, sigma: float
    ) -> Float[Tensor, "batch bin"]:
        """What an identity gains in each yaw bin, in one of its places: of several yaws there, their mean likelihood;
        0 of a body of revolution. The turns of a symmetric mesh are painted once."""
        rows, (bins, halves) = torch.arange(len(identity), device=identity.device), self.everywhere.shape
        new = torch.arange(bins, device=identity.device) < self.bins[identity, None]
        new = (new & (self.bins[identity, None] > 1))[..., None].expand(-1, -1, halves).flatten(1)
        yaws = self.everywhere.flatten().expand(len(identity), -1)
        where = self.places[rows, identity, place][:, None].expand(-1, bins * halves, -1)
        who = identity[:, None].expand_as(yaws)
        values = gains(self.objects(who, yaws, position=where, presence=new.float()), [sigma])[0]
        each = values.unflatten(1, (bins, halves)).logsumexp(-1) - math.log(halves)
        return each.gather(1, torch.arange(bins, device=each.device) % self.bins[identity, None])

    def mean_place(
        self, identity: Int[Tensor, " batch"], explained: Float[Tensor, "batch place"]
    ) -> Float[Tensor, "batch 3"]:
        """The mean of the places of an identity, weighted by what it explains in each, nats."""
        rows = torch.arange(len(identity), device=identity.device)
        weights = (explained + self.log_area[rows, identity]).softmax(-1)
        return torch.einsum("bp,bpc->bc", weights, self.places[rows, identity])


def places_of(place: BasePoint) -> tuple[Float[Tensor, "batch 9 3"], Float[Tensor, "batch 9"]]:
    """The middle; left and right of it, before and behind it, in the width of q; and four ways, turned at random, each
    by a length of its own. With the log of the area that each stands for, as a share of the table: 1 / its density."""
    mean, std = place.box.mean, place.box.std
    ways = torch.eye(3, device=mean.device)[:2].repeat(2, 1) * mean.new_tensor([1, 1, -1, -1])[:, None]
    near = (mean[:, None] + SIDEWAYS * std[:, None] * F.pad(ways, (0, 0, 1, 0))).sigmoid()
    length = REACH * NEAREST ** torch.rand(len(mean), 4, device=mean.device)
    angle = 2 * math.pi * torch.rand_like(length[:, :1]) + math.pi / 2 * torch.arange(4, device=mean.device)
    away = length[..., None] * torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)], -1)
    far = (near[:, :1] + away).clamp(EDGE, 1 - EDGE)
    width = (std * near[:, 0] * (1 - near[:, 0]))[:, :2].prod(-1, keepdim=True)
    of_q = 2 * math.pi * width * mean.new_tensor([1 / 3] + 4 * [math.exp(SIDEWAYS**2 / 2) / 6])
    of_rings = math.pi / 2 * math.log(1 / NEAREST) * length.square()
    return place.prior.to_metres(torch.cat([near, far], 1)), torch.cat([of_q, of_rings], 1).log()


def shown(folds: Int[Tensor, " identity"], bins: int) -> Int[Tensor, " identity"]:
    """How many bins of the circle show all that there is to see of a mesh with that symmetry (0: of revolution)."""
    parts = torch.where(bins % folds.clamp_min(1) == 0, bins // folds.clamp_min(1), bins)
    return torch.where(folds == 0, 1, parts)

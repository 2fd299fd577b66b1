"""Where and how each identity may stand: the middle of q, and what is tried besides."""

from __future__ import annotations

import math
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
from air3d.model.policies import total
from air3d.model.posterior import Posterior
from air3d.model.proposal import Gains, Proposal
from scenes.objects import Objects
from scenes.view import View

SIDEWAYS = math.sqrt(3)
"""How far they are moved, in standard deviations of where they may stand: the points of the unscented transform (Julier
& Uhlmann 1997, "A New Extension of the Kalman Filter to Nonlinear Systems")."""

HALVES = 2
"""Yaws of the likeliest in each bin: what sticks out of a cup is narrower than a bin, and falls between middles."""

NEAREST = 0.02
"""How far they are moved besides: by anything between `REACH` and that share of it, for q may be sure of a wrong
place."""


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
        self.everywhere = yaw.spread(HALVES)

    def ranked(self, gains: Gains, sigma: float) -> Float[Tensor, "batch identity"]:
        """What each identity gains in its likeliest yaw."""
        every = torch.arange(self.likeliest.shape[1], device=self.cost.device).expand(len(self.cost), -1)
        return gains(self.objects(every, self.likeliest), [sigma])[0]

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
        return gains(tried, [sigma])[0].view_as(yaws).masked_fill(~new, -torch.inf)

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

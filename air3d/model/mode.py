"""The likeliest object of a step of the unrolled posterior: what answers say, and what labels are asked of."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from air3d.model.distributions import EDGE, Choice, LogitNormal
from air3d.model.latents.rotation import Yaw, yaw_of
from air3d.model.policies import Decision, one_slot
from air3d.model.posterior import Posterior
from air3d.model.proposal import FORGIVING, Gains, Pose, Proposal
from scenes.objects import Objects
from scenes.view import View


class Mode:
    """The likeliest identity and, given it, the middle of every latent; painted as long as presence is likelier than
    `least`. The first `min_objects` are always there. One for each pass: it remembers which pictures have ended.

    A network that considers several places (`candidates`) never puts an object where another one stands: it would be
    there for what the first was painted wrong.

    `compare`: each identity is painted in the middle of its pose, and q of the identities is weighed by how well it
    explains the picture, at a pixel noise of `FORGIVING`; `turn`: so is q of the yaw of the likeliest.
    `identities` are then what is believed of each step's.
    """

    def __init__(self, min_objects: int = 0, least: float = 0.5, compare: bool = False, turn: bool = False) -> None:
        self.min_objects, self.least, self.compare, self.turn = min_objects, least, compare, turn
        self.identities: list[Choice] = []
        self.present: list[Tensor] = []
        self.rho: list[Tensor] = []
        self.objects: list[Objects] = []

    @torch.no_grad()
    def __call__(self, posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains) -> Decision:
        rho = proposal.presence_logit.sigmoid()
        rho = torch.ones_like(rho) if len(self.rho) < self.min_objects else rho
        believed = self.compared(posterior, proposal, closeup, view, gains) if self.compare else proposal.identity
        self.identities.append(believed)
        identity = believed.logits.argmax(-1)
        pose = posterior.pose(proposal, identity, closeup, view, answering=True)
        if posterior.config.candidates > 1:
            rho = rho * self.possible(posterior, identity, pose["position"].mode())
        present = rho > self.least
        self.present.append(self.present[-1] & present if self.present else present)
        self.rho.append(rho)
        if self.turn:
            pose = {**pose, "rotation": self.turned(posterior, identity, pose, gains, self.present[-1])}
        values = {name: family.mode() for name, family in pose.items()}
        self.objects.append(one_slot(identity, values, self.present[-1].float()))
        return Decision(self.objects[-1], pose)

    def compared(self, posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains) -> Choice:
        """q of the identities, weighed by what the picture says of each."""
        tries = []
        for k in range(posterior.identities):
            identity = torch.full_like(proposal.identity.logits[:, 0], k, dtype=torch.long)
            pose = posterior.pose(proposal, identity, closeup, view, answering=True)
            tries.append(one_slot(identity, {name: family.mode() for name, family in pose.items()}))
        logits = proposal.identity.logits + gains(Objects.join(tries), [FORGIVING])[0]
        return Choice(logits=logits, log_prior=proposal.identity.log_prior)

    def turned(self, posterior: Posterior, identity: Tensor, pose: Pose, gains: Gains, present: Tensor) -> Yaw:
        """q of the yaw of those that are `present`, weighed by what the picture says: each bin is painted in the middle
        of q and halfway to either end, for what sticks out of a cup is narrower than a bin, and the middle moves to the
        mean of the three."""
        yaw = yaw_of(pose)
        middle = yaw.offset.mean.sigmoid()
        shares = torch.stack([middle, torch.full_like(middle, 0.25), torch.full_like(middle, 0.75)], -1)
        yaws = yaw.radians(torch.arange(yaw.bins, device=middle.device)[:, None], shares).flatten(1)
        turns = ((posterior.symmetries[identity] != 0) & present)[:, None]
        one = one_slot(identity, {name: family.mode() for name, family in pose.items()})
        each = one.each(lambda _, array: array.expand(-1, yaws.shape[1], *array.shape[2:]))
        each = replace(each, rotation=yaws, presence=turns.float().expand_as(yaws))
        gained = gains(each, [FORGIVING])[0].view_as(shares)
        mean = (gained.softmax(-1) * shares).sum(-1).clamp(EDGE, 1 - EDGE).logit()
        offset = LogitNormal(torch.where(turns, mean, yaw.offset.mean), yaw.offset.std)
        return Yaw(Choice(logits=yaw.choice.logits + gained.logsumexp(-1) * turns), offset)

    def possible(self, posterior: Posterior, identity: Tensor, position: Tensor) -> Tensor:
        """Whether an object can stand there beside those that are there already."""
        others = [(each.identity[:, 0], each.position[:, 0, :2], each.presence[:, 0] < 0.5) for each in self.objects]
        apart = [posterior.footprints.apart(identity, position[:, :2], *other) | absent for *other, absent in others]
        return torch.stack(apart).all(0) if apart else torch.ones_like(identity, dtype=torch.bool)

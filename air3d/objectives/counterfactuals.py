"""What might have been drawn instead: every yaw bin and every identity of one step's object.

Each of them is painted on the canvas before the object, everything else held, without gradient; what is differentiated
are their probabilities. Nothing but the pixels that an alternative touches is looked at (`Air.gains`). Some estimators
take the expectation over them exactly, and the wake-phase term says where they should be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.model.air import Air, Place, Step
from air3d.model.batches import select_rows
from air3d.model.comparison import Compared, compare_identities
from air3d.model.distributions import Choice, wake_cross_entropy
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import yaw_of
from air3d.model.policies import Sample, sample_of
from scenes.objects import Objects

HEARD, ASKED = 0.02, 0.25
"""Probability of an object from which on it is always asked which one it would be, and share of the others that are
asked: most of those are bare table."""


@dataclass
class Counterfactuals:
    """What the alternatives of a step's object came to, where it was asked for: fields of `ElboTerms`."""

    yaw_expectation: Float[Tensor, " picture"] | None
    identity_expectation: Float[Tensor, " batch"] | None
    wake_phase: Float[Tensor, " picture"] | None
    evidence: Float[Tensor, " picture"] | None


@dataclass(frozen=True)
class Expectations:
    """Which expectations are wanted, and whether the wake-phase term is."""

    yaw: bool
    identity: bool
    wake_phase: bool


class CounterfactualEvaluator:
    """Asks the renderer what a step's picture would be like with another object in the place of the one drawn."""

    def __init__(self, air: Air, symmetries: tuple[int, ...], sigma: float, coarse: float | None = None) -> None:
        self.air, self.sigma, self.coarse = air, sigma, sigma if coarse is None else coarse
        self.turns = torch.tensor(symmetries, device=air.prior.low.device) != 0  # False for bodies of revolution

    def __call__(self, step: Step, wanted: Expectations) -> Counterfactuals:
        """All but the expectation over identities is for the first sample of each picture alone."""
        yaw, identity, evidence, wake_phase = None, None, None, None
        if wanted.yaw:
            yaw = self.yaw_expectation(step)
        if wanted.identity:
            identity = self.identity_expectation(step)
        if wanted.wake_phase:
            wake_phase, evidence = self.compared_identities(select_rows(step, step.first))
        return Counterfactuals(yaw, identity, wake_phase, evidence)

    def yaw_expectation(self, step: Step) -> Float[Tensor, " picture"]:
        """E log p(x | .., yaw) over the yaw bins of each object, for the first sample of each picture; 0 for a body of
        revolution, which looks alike in all bins but for its facets."""
        yaws = yaw_of(step.decision.pose).alternatives(drawn(step).noise["rotation"]).detach()
        step, yaws = select_rows(step, step.first), yaws[step.first]
        nothing = torch.zeros_like(step.proposal.presence_logit)
        rows = self.turns[drawn(step).choices["identity"]].nonzero().squeeze(-1)
        if not len(rows):
            return nothing
        place, objects = select_rows(step.place, rows), step.decision.objects[rows]
        values = self.per_bin(place, objects, yaws[rows])
        values = values - values.mean(1, keepdim=True)
        return nothing.index_put((rows,), (yaw_of(step.decision.pose).choice[rows].probs * values).sum(1))

    @torch.no_grad()
    def per_bin(self, place: Place, objects: Objects, yaws: Float[Tensor, "batch bin"]) -> Float[Tensor, "batch bin"]:
        """log p(x | .., yaw) of each object at each of these yaws, less that without it."""
        turned = Objects.join([replace(objects, rotation=yaw[:, None]) for yaw in yaws.T])
        return self.air.gains(place, turned, [self.sigma])[0]

    def identity_expectation(self, step: Step) -> Float[Tensor, " batch"]:
        """E F_t over the identities of each object, less the F_t of the one that was drawn."""
        choice, values = step.proposal.identity, self.per_identity(step)
        values = values - values.gather(-1, drawn(step).choices["identity"][:, None])
        return (choice.probs * values).sum(-1)

    def compared_identities(self, step: Step) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """The wake-phase term of each object, its identities compared where each fits the picture about best; and the
        evidence that any of them is there. Where an object is hardly believed in, one row in four is asked."""
        believed = step.proposal.presence_logit.sigmoid() > HEARD
        asked = (believed | (torch.rand_like(step.proposal.presence_logit) < ASKED)).nonzero()[:, 0]
        nothing = torch.zeros_like(step.proposal.presence_logit)
        if not len(asked):
            return nothing, nothing - torch.inf
        step = select_rows(step, asked)
        gains = partial(self.air.gains, step.place)
        given = self.air.posterior, step.proposal, step.closeup, step.believed
        compared = compare_identities(*given, gains, self.coarse)
        told = self.told(step, compared)
        evidence = compared.values.logsumexp(-1)
        if step.proposal.identity.log_prior is None:
            evidence = evidence - step.proposal.identity.log_even
        return nothing.index_put((asked,), told), (nothing - torch.inf).index_put((asked,), evidence)

    def told(self, step: Step, compared: Compared) -> Float[Tensor, " batch"]:
        """The cross-entropy of the identities, that of the likeliest one's yaw bins where it fits best, and how near
        its place is to there."""
        pose = self.air.posterior.pose(step.proposal, compared.identity, step.closeup, step.believed)
        place, choice = pose["position"], yaw_of(pose).choice
        assert isinstance(place, BasePoint)
        yaw = wake_cross_entropy(compared.bins, choice.logits) * self.turns[compared.identity]
        identity = wake_cross_entropy(compared.values, step.proposal.identity.logits)
        return identity + yaw + place.near(compared.place)

    @torch.no_grad()
    def per_identity(self, step: Step) -> Float[Tensor, "batch identity"]:
        """F_t - F_{t-1} of each object, had it been a k: log p(x | .., k) less that without it and less what a k costs.

        Another identity has another distribution over poses, and gets a draw of its own from it. It would be as right
        with fresh random numbers; with those of the object that was drawn, the difference is mostly the identity's.
        """
        kinds, identity = step.proposal.identity.logits.shape[-1], drawn(step).choices["identity"]
        each = [drawn(step), *(self.instead(step, (identity + k) % kinds) for k in range(1, kinds))]
        tried, cost = Objects.join([one.objects for one in each]), torch.stack([one.kl for one in each], 1)
        order = (torch.arange(kinds, device=cost.device) - identity[:, None]) % kinds
        return (self.air.gains(step.place, tried, [self.sigma])[0] - cost).gather(1, order)

    def instead(self, step: Step, identity: Int[Tensor, " batch"]) -> Sample:
        """An object of that identity in the place of the one that was drawn."""
        before = drawn(step)
        pose = self.air.posterior.pose(step.proposal, identity, step.closeup, step.believed)
        choices = {
            name: same_quantile(before.choices[name], before.pose[name].choice, family.choice)
            for name, family in pose.items()
            if family.choice is not None
        }
        return sample_of(step.proposal.identity, pose, {"identity": identity, **choices}, before.noise)


def drawn(step: Step) -> Sample:
    assert isinstance(step.decision, Sample)
    return step.decision


def same_quantile(drawn: Int[Tensor, " batch"], before: Choice | None, after: Choice) -> Int[Tensor, " batch"]:
    """A draw from `after` by the random number that gave `drawn` from `before`: the same one where the two agree."""
    assert before is not None
    upper = before.probs.cumsum(-1).gather(-1, drawn[:, None])
    number = upper - torch.rand_like(upper) * before.probs.gather(-1, drawn[:, None])
    return (number >= after.probs.cumsum(-1)[:, :-1]).sum(-1)

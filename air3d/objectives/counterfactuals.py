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
from air3d.model.comparison import compare_identities
from air3d.model.distributions import Choice, wake_cross_entropy
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import Yaw
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
        yaw, identity, evidence, wake_phase = None, None, None, []
        if wanted.yaw or wanted.wake_phase:
            expectation, cross_entropy = self.yaw_expectation(step)
            yaw = expectation if wanted.yaw else None
            wake_phase.append(cross_entropy)
        if wanted.identity:
            identity = self.identity_expectation(step)
        if wanted.wake_phase:
            cross_entropy, evidence = self.compared_identities(select_rows(step, step.first))
            wake_phase.append(cross_entropy)
        return Counterfactuals(yaw, identity, torch.stack(wake_phase).sum(0) if wanted.wake_phase else None, evidence)

    def yaw_expectation(self, step: Step) -> tuple[Float[Tensor, " picture"], Float[Tensor, " picture"]]:
        """E log p(x | .., yaw) over the yaw bins of each object, and their wake-phase cross-entropy, both for the first
        sample of each picture.

        Both are 0 for a body of revolution, which looks alike in all bins but for its facets.
        """
        yaws = yaw_of(step).alternatives(drawn(step).noise["rotation"]).detach()
        step, yaws = select_rows(step, step.first), yaws[step.first]
        nothing = torch.zeros_like(step.proposal.presence_logit)
        rows = self.turns[drawn(step).choices["identity"]].nonzero().squeeze(-1)
        if not len(rows):
            return nothing, nothing
        place, objects = select_rows(step.place, rows), step.decision.objects[rows]
        choice, (values, coarse) = yaw_of(step).choice[rows], self.per_bin(place, objects, yaws[rows])
        values = values - values.mean(1, keepdim=True)
        expected, cross_entropy = (choice.probs * values).sum(1), wake_cross_entropy(coarse, choice.logits)
        return nothing.index_put((rows,), expected), nothing.index_put((rows,), cross_entropy)

    @torch.no_grad()
    def per_bin(self, place: Place, objects: Objects, yaws: Float[Tensor, "batch bin"]) -> list[Tensor]:
        """log p(x | .., yaw) of each object at each of these yaws, less that without it."""
        turned = Objects.join([replace(objects, rotation=yaw[:, None]) for yaw in yaws.T])
        return self.air.gains(place, turned, [self.sigma, self.coarse])

    def identity_expectation(self, step: Step) -> Float[Tensor, " batch"]:
        """E F_t over the identities of each object, less the F_t of the one that was drawn."""
        choice, values = step.proposal.identity, self.per_identity(step)
        values = values - values.gather(-1, drawn(step).choices["identity"][:, None])
        return (choice.probs * values).sum(-1)

    def compared_identities(self, step: Step) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """The wake-phase cross-entropy of the identities, each where it fits the picture about best, with how near the
        place of the likeliest is to there; and the evidence that any of them is there. Where an object is hardly
        believed in, one row in four is asked."""
        believed = step.proposal.presence_logit.sigmoid() > HEARD
        asked = (believed | (torch.rand_like(step.proposal.presence_logit) < ASKED)).nonzero()[:, 0]
        nothing = torch.zeros_like(step.proposal.presence_logit)
        if not len(asked):
            return nothing, nothing - torch.inf
        step = select_rows(step, asked)
        gains = partial(self.air.gains, step.place)
        given = self.air.posterior, step.proposal, step.closeup, step.believed
        compared = compare_identities(*given, gains, self.coarse)
        cross_entropy = wake_cross_entropy(compared.values, step.proposal.identity.logits)
        place = self.air.posterior.pose(step.proposal, compared.identity, step.closeup, step.believed)["position"]
        assert isinstance(place, BasePoint)
        cross_entropy = cross_entropy + place.near(compared.place)
        evidence = compared.values.logsumexp(-1)
        if step.proposal.identity.log_prior is None:
            evidence = evidence - step.proposal.identity.log_even
        return nothing.index_put((asked,), cross_entropy), (nothing - torch.inf).index_put((asked,), evidence)

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


def yaw_of(step: Step) -> Yaw:
    yaw = step.decision.pose["rotation"]
    assert isinstance(yaw, Yaw)
    return yaw


def same_quantile(drawn: Int[Tensor, " batch"], before: Choice | None, after: Choice) -> Int[Tensor, " batch"]:
    """A draw from `after` by the random number that gave `drawn` from `before`: the same one where the two agree."""
    assert before is not None
    upper = before.probs.cumsum(-1).gather(-1, drawn[:, None])
    number = upper - torch.rand_like(upper) * before.probs.gather(-1, drawn[:, None])
    return (number >= after.probs.cumsum(-1)[:, :-1]).sum(-1)

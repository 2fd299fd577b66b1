"""How a step of the unrolled posterior decides on its object: by drawing one, or by the likeliest (`mode.Mode`).

All of `Air.unroll`'s callers differ in this alone: training draws (`sample`), answering takes the mode and stops where
presence does, and labels are asked of the mode of every step (`Mode(least=-1)`), whichever is present.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from air3d.model.distributions import Choice
from air3d.model.posterior import Posterior
from air3d.model.proposal import Gains, Pose, Proposal
from scenes.objects import Objects
from scenes.view import View


@dataclass
class Decision:
    """One object for each row of the batch, as `objects` [batch, 1], and q of its latents given its identity."""

    objects: Objects
    pose: Pose


@dataclass
class Sample(Decision):
    """An object that was drawn, and what its draw cost in the bound.

    choices: what was drawn of all that is discrete, by latent; noise: the standard normal numbers of the rest;
    log_choice: log q of the choices; kl: estimate of the divergence from the prior, nats; log_weight: log p - log q of
    exactly what was drawn, without gradient.
    """

    choices: dict[str, Int[Tensor, " batch"]]
    noise: dict[str, Float[Tensor, "batch number"]]
    log_choice: dict[str, Float[Tensor, " batch"]]
    kl: Float[Tensor, " batch"]
    log_weight: Float[Tensor, " batch"]


@runtime_checkable
class Policy(Protocol):
    def __call__(
        self, posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains
    ) -> Decision: ...


def sample(posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains) -> Sample:
    """Draw identity and pose: what is discrete by choice, the rest reparameterised."""
    identity = proposal.identity.sample()
    pose = posterior.pose(proposal, identity, closeup, view)
    choices = {name: family.choice.sample() for name, family in pose.items() if family.choice is not None}
    noise = {name: family.noise() for name, family in pose.items()}
    return sample_of(proposal.identity, pose, {"identity": identity, **choices}, noise)


def sample_of(identity: Choice, pose: Pose, choices: Mapping[str, Tensor], noise: Mapping[str, Tensor]) -> Sample:
    """The object of these choices and random numbers, and what it costs."""
    discrete = {"identity": identity, **{name: q.choice for name, q in pose.items() if q.choice is not None}}
    log_choice = {name: choice.log_prob(choices[name]) for name, choice in discrete.items()}
    drawn = {name: family.draw(choices.get(name), noise[name]) for name, family in pose.items()}
    kl = total([choice.kl() for choice in discrete.values()]) + total([value.kl for value in drawn.values()])
    with torch.no_grad():
        log_ratios = [log_choice[name] - choice.log_prior_of(choices[name]) for name, choice in discrete.items()]
        log_weight = -total(log_ratios + [value.log_ratio for value in drawn.values()])
    objects = one_slot(choices["identity"], {name: value.value for name, value in drawn.items()})
    return Sample(objects, pose, dict(choices), dict(noise), log_choice, kl, log_weight)


def one_slot(identity: Tensor, values: Mapping[str, Tensor], presence: Tensor | None = None) -> Objects:
    """One object for each row, as `Objects` of one slot."""
    presence = torch.ones_like(identity, dtype=torch.float32) if presence is None else presence
    fields = {"identity": identity, "presence": presence, **values}
    return Objects(**{name: value[:, None] for name, value in fields.items()})


def total(parts: list[Tensor]) -> Tensor:
    """Their sum."""
    return reduce(add, parts)

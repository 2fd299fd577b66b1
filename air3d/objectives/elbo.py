"""Learning without labels: the ELBO, its gradient estimated by `gradient=`, and the wake-phase term beside it.

A world that a network infers (`model/world.py`) learns of pictures that nobody painted by the bound, and of paintings
by their own worlds besides: log q of them, weighted by `SLEEP`.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from air3d.gradients import GradientConfig, estimator
from air3d.gradients.nvil import context
from air3d.model.air import Air, Step
from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, prefix_bounds, stack_steps, tilted
from air3d.objectives.counterfactuals import CounterfactualEvaluator, Counterfactuals, Expectations
from air3d.objectives.wake_phase import wake_phase
from air3d.objectives.weights import Weights
from scenes.objects import Objects
from scenes.view import View

SLEEP = 100.0
"""Nats on log q(world of a painting | its picture), at the pixel noise `Weights.coarse`."""

Observed = tuple[Counterfactuals, Tensor | None]


class Elbo:
    """Sees pictures only: whatever truth it is given must be None."""

    labelled = False

    def __init__(self, model: Air, gradient: GradientConfig, symmetries: tuple[int, ...]) -> None:
        self.model, self.gradient, self.symmetries = model, gradient, symmetries
        self.surrogate = estimator(gradient, model.posterior.config.hidden)
        # what an estimator learns for itself, a baseline: it has a rate of its own and no part in the clipping
        self.learned = self.surrogate if isinstance(self.surrogate, nn.Module) else nn.Module()
        self.learned.to(model.prior.low.device)

    def __call__(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        view: View,
        weights: Weights,
        truth: None = None,
        painting: Float[Tensor, "picture height width 3"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The negative surrogate times sigma squared: the size of its gradient, and so what clipping means, stays the
        same as sigma falls. `painting` as in `Air.unroll`."""
        assert truth is None
        prior = self.model.prior
        log_prior = tilted(prior.log_count, self.gradient.prior_odds**weights.prior_tilt)
        terms = self.terms(pictures, view, weights, painting)
        bound = self.surrogate(terms, log_prior, prior.min_objects).mean()
        if weights.wake_phase:
            bound = bound + weights.wake_phase * wake_phase(terms, log_prior, prior.min_objects).mean()
        if terms.world_log_q is not None:
            weight = SLEEP * ((weights.coarse or weights.sigma) / weights.sigma) ** 2  # of a loss in units of sigma^2
            bound = bound + weight * terms.world_log_q.mean()
        log_q = log_count_posterior(terms.presence_logit.detach(), prior.min_objects)
        return -(weights.sigma**2) * bound, {
            "train/elbo": expected_bound(log_q, prefix_bounds(terms, prior.log_count).detach()).mean().item(),
            "train/kl": terms.kl.sum(-1).mean().item(),
            **said_of_world(terms),
        }

    def terms(
        self, pictures: Float[Tensor, "picture height width 3"], view: View, weights: Weights, painting: Tensor | None
    ) -> ElboTerms:
        """The terms of the bound, with what the estimator and the wake-phase term need of every step."""
        counterfactual = CounterfactualEvaluator(self.model, self.symmetries, weights.sigma, weights.coarse)
        wanted = Expectations(
            yaw=self.gradient.sum_yaw,
            identity=self.gradient.needs("identity_expectation"),
            wake_phase=weights.wake_phase > 0,
        )

        def observe(step: Step) -> Observed:
            return counterfactual(step, wanted), context(step) if self.gradient.needs("context") else None

        samples = self.gradient.samples
        terms, observed = self.model.elbo_terms(pictures, view, samples, weights.sigma, observe, painting)
        return with_observed(terms, observed, samples)

    def validation_score(self, pictures: Tensor, view: View, truth: Objects, elbo: float) -> float:
        """The plain ELBO: no label is needed to choose the best checkpoint."""
        return elbo


def said_of_world(terms: ElboTerms) -> dict[str, float]:
    """What the world costs in the bound, and log q of the painting's; nothing where no network infers one."""
    values = {"train/world_kl": terms.world_kl, "train/world_log_q": terms.world_log_q}
    return {name: value.mean().item() for name, value in values.items() if value is not None}


def with_observed(terms: ElboTerms, observed: list[Observed], samples: int) -> ElboTerms:
    """The terms with what was observed of their steps, where anything was."""
    columns = zip(
        *((c.yaw_expectation, c.identity_expectation, c.wake_phase, c.evidence, seen) for c, seen in observed),
        strict=True,
    )
    yaw, identity, wake, evidence, contexts = (None if column[0] is None else list(column) for column in columns)
    return replace(
        terms,
        yaw_expectation=None if yaw is None else torch.stack(yaw, -1),
        identity_expectation=None if identity is None else stack_steps(identity, samples),
        wake_phase=None if wake is None else torch.stack(wake, -1),
        evidence=None if evidence is None else torch.stack(evidence, -1),
        context=None if contexts is None else stack_steps(contexts, samples).transpose(-1, -2),
    )

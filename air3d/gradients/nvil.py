"""The paper's estimator: one sample of everything discrete, and a learned baseline against its noise.

    grad ELBO = grad [ G_n ] + sum_t (reward_t - b(context_t)) grad log q(decision_t)

after Mnih & Gregor 2014, "Neural Variational Inference and Learning in Belief Networks", as Eslami et al. 2016 use it.
The baseline b is a network that sees the picture, what is still unexplained and the recurrent state, all from before
the decision, and is trained towards the reward by squared error, at its own learning rate (`baseline_learning_rate`).
Its input is detached: learning to predict must not change what the posterior looks at. Decisions and rewards are those
of `air3d.gradients.sampled`. The paper's prior that begins in favour of many objects is `gradient.prior_odds`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from air3d.gradients.sampled import Decisions, decide
from air3d.model.air import Step
from air3d.model.elbo import ElboTerms

COARSE = 8
"""The baseline sees pictures averaged to so many pixels a side."""

MEMORY = 0.9
"""How much of the running mean and variance of the rewards a step keeps."""


class Nvil(nn.Module):
    """The estimator together with its baseline network, which is no part of the posterior.

    The network predicts rewards in units of their running standard deviation, from their running mean: they shrink by
    orders of magnitude as the posterior learns. Both come from earlier steps only, so they bias nothing.

    Args:
        context: length of what the baseline may look at, one vector for each step.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, context: int, hidden: int = 128):
        super().__init__()
        self.baseline = nn.Sequential(nn.Linear(context, hidden), nn.SiLU(), nn.Linear(hidden, 2))
        nn.init.zeros_(self.baseline[-1].weight)  # pyright: ignore[reportArgumentType]
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("variance", torch.ones(2))

    def forward(
        self, terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int
    ) -> Float[Tensor, " picture"]:
        """A scalar per picture whose gradient estimates that of the ELBO, and trains the baseline as well."""
        assert terms.context is not None, "nvil needs the `context` of every step"
        decisions = decide(terms, log_prior, min_count)
        scale = self.variance.sqrt()
        baseline = self.mean + scale * self.baseline(terms.context)
        error = ((decisions.reward - baseline) / scale * decisions.taken).square()
        self.follow(decisions)
        return decisions.surrogate(baseline) - error.sum((-1, -2)).mean(-1)

    @torch.no_grad()
    def follow(self, decisions: Decisions) -> None:
        """Move the running mean and variance towards those of the rewards just seen."""
        for kind in range(2):
            rewards = decisions.reward[..., kind][decisions.taken[..., kind]]
            if len(rewards):
                variance = (rewards - self.mean[kind]).square().mean()
                self.mean[kind].lerp_(rewards.mean(), 1 - MEMORY)
                self.variance[kind].lerp_(variance.clamp_min(1e-6), 1 - MEMORY)


def context(step: Step) -> Float[Tensor, "batch feature"]:
    """What the baseline may look at before a step's decisions: picture and residual, coarsely, and the state."""
    return torch.cat([F.adaptive_avg_pool2d(step.closeup, COARSE).flatten(1), step.proposal.state], -1).detach()


def context_size(hidden: int) -> int:
    """Length of a step's `context` in a network with so many hidden units."""
    return 6 * COARSE**2 + hidden

"""The default estimator: presence is summed out exactly, choices by leave-one-out likelihood ratios.

    grad ELBO = grad [ sum_n q(n) (F_n - log q(n)) ]                      pathwise, q(n) exact
              + sum_t (R_t - b_t) grad log q(identity_t, yaw_t)           likelihood ratio

R_t is the part of the bound that comes after the choice of step t, sum_{n>=t} q(n) (F_n - log q(n)), and r_t the
sum_{n>=t} q(n). What was fixed before a choice only adds noise, so r_t F_{t-1} is subtracted, and then the mean of
the other samples of the same picture (Kool, van Hoof & Welling 2019, "Buy 4 REINFORCE samples, get a baseline for
free!").

With `gradient.sum_yaw=true` the object is also painted once in every yaw bin, everything else of it held. The
expectation r_t sum_yaw q(yaw) log p(x | z_1..t, yaw) is then differentiated exactly, and the likelihood ratio of the
yaw keeps only what later objects make of it, R_t - r_t F_t: still unbiased, less noisy, and 12 extra paints a step.
(Bodies of revolution are taken to look alike in every bin: see `counterfactuals.yaw_expectation`.)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, onwards, prefix_bounds


def surrogate(terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int) -> Float[Tensor, " picture"]:
    """A scalar per picture whose gradient estimates the gradient of the ELBO (its value does not matter)."""
    value, gains, later, reached = summed_counts(terms, log_prior, min_count)
    choice = gains * terms.log_q("rotation")
    return (value + choice.sum(-1)).mean(-1) + yaw(terms, gains, later, reached)


def yaw(terms: ElboTerms, gains: Tensor, later: Tensor, reached: Tensor) -> Float[Tensor, " picture"]:
    """The likelihood ratio of the yaw bins, or where they are summed out, their sum and the ratio of what is left."""
    if terms.yaw_expectation is None:
        return (gains * terms.log_choice["rotation"]).sum(-1).mean(-1)
    return (later * terms.log_choice["rotation"]).sum(-1).mean(-1) + (reached[:, 0] * terms.yaw_expectation).sum(-1)


def summed_counts(
    terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int
) -> tuple[Float[Tensor, "picture sample"], Tensor, Tensor, Tensor]:
    """The bound with the sum over counts exact, differentiated as it stands, and the `advantages` of the choices."""
    bounds, log_q = prefix_bounds(terms, log_prior), log_count_posterior(terms.presence_logit, min_count)
    return expected_bound(log_q, bounds), *advantages(bounds, log_q)


@torch.no_grad()
def advantages(
    bounds: Float[Tensor, "picture sample count"], log_q: Float[Tensor, "picture sample count"]
) -> tuple[Tensor, Tensor, Tensor]:
    """What multiplies grad log q of a choice of step t, and r_t, each [picture, sample, step].

    First the credit for all that comes after the choice, then that for later objects alone, where what the object
    itself makes of the picture is summed over the alternatives.
    """
    weights, log_q = log_q.exp(), log_q.masked_fill(log_q == -torch.inf, 0.0)
    after, reached = onwards(weights * (bounds - log_q)), onwards(weights)
    gains = leave_one_out(after - reached * bounds[..., :-1])
    later = leave_one_out(after - reached * bounds[..., 1:])
    return gains, later, reached


def leave_one_out(reward: Float[Tensor, "picture sample step"]) -> Float[Tensor, "picture sample step"]:
    """Each sample's reward less the mean of the others; as it is where there are no others."""
    samples = reward.shape[1]
    if samples == 1:
        return reward
    return reward - (reward.sum(1, keepdim=True) - reward) / (samples - 1)

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
(Bodies of revolution are taken to look alike in every bin: see `alternatives.turn`.)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.elbo import Trace, expected_bound, log_count_posterior, prefix_bounds


def surrogate(
    trace: Trace, log_prior: Float[Tensor, " count"], min_count: int, blend: float = 1.0
) -> Float[Tensor, " picture"]:
    """A scalar per picture whose gradient estimates the gradient of the ELBO (its value does not matter).

    `blend` < 1 is the warm phase: pose and identity see q(n) pulled towards uniform, so that an object whose presence
    was given up too early still learns where to be. At 1 this is the gradient of the plain ELBO.
    """
    value, gains, later, reached = summed_counts(trace, log_prior, min_count, blend)
    choice = gains * trace.log_identity
    return (value + choice.sum(-1)).mean(-1) + yaw(trace, gains, later, reached)


def yaw(trace: Trace, gains: Tensor, later: Tensor, reached: Tensor) -> Float[Tensor, " picture"]:
    """The likelihood ratio of the yaw bins, or where they are summed out, their sum and the ratio of what is left."""
    if trace.turned is None:
        return (gains * trace.log_yaw).sum(-1).mean(-1)
    return (later * trace.log_yaw).sum(-1).mean(-1) + (reached[:, 0] * trace.turned).sum(-1)


def summed_counts(
    trace: Trace, log_prior: Float[Tensor, " count"], min_count: int, blend: float
) -> tuple[Float[Tensor, "picture sample"], Tensor, Tensor, Tensor]:
    """What is differentiated as it stands, with the sum over counts exact, and the `advantages` of the choices."""
    bounds = prefix_bounds(trace, log_prior)
    log_q = log_count_posterior(trace.presence_logit, min_count)
    weights = count_weights(log_q.detach(), blend)
    pose, count = (weights * bounds).sum(-1), expected_bound(log_q, bounds.detach())
    return pose + count, *advantages(bounds, log_q, weights)


def count_weights(log_q: Float[Tensor, "*batch count"], blend: float) -> Float[Tensor, "*batch count"]:
    """q(n), mixed with the uniform distribution over the possible counts while blend < 1."""
    possible = (log_q > -torch.inf).to(log_q.dtype)
    uniform = possible / possible.sum(-1, keepdim=True)
    return torch.lerp(uniform, log_q.exp(), blend)


@torch.no_grad()
def advantages(
    bounds: Float[Tensor, "picture sample count"],
    log_q: Float[Tensor, "picture sample count"],
    weights: Float[Tensor, "picture sample count"],
) -> tuple[Tensor, Tensor, Tensor]:
    """What multiplies grad log q of a choice of step t, and r_t, each [picture, sample, step].

    First the credit for all that comes after the choice, then that for later objects alone, where what the object
    itself makes of the picture is summed over the alternatives.
    """
    log_q = log_q.masked_fill(log_q == -torch.inf, 0.0)
    after, reached = onwards(weights * (bounds - log_q)), onwards(weights)
    gains = leave_one_out(after - reached * bounds[..., :-1])
    later = leave_one_out(after - reached * bounds[..., 1:])
    return gains, later, reached


def onwards(terms: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch step"]:
    """sum_{n>=t} of terms, for t = 1..N."""
    return terms.flip(-1).cumsum(-1).flip(-1)[..., 1:]


def leave_one_out(reward: Float[Tensor, "picture sample step"]) -> Float[Tensor, "picture sample step"]:
    """Each sample's reward less the mean of the others; as it is where there are no others."""
    samples = reward.shape[1]
    if samples == 1:
        return reward
    return reward - (reward.sum(1, keepdim=True) - reward) / (samples - 1)

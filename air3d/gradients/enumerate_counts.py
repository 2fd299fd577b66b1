"""The default estimator: presence is summed out exactly, identity and yaw bin by leave-one-out likelihood ratios.

    grad ELBO = grad [ sum_n q(n) (F_n - log q(n)) ]                      pathwise, q(n) exact
              + sum_t (R_t - b_t) grad log q(choice_t)                    likelihood ratio

R_t is the part of the bound that comes after the choice of step t, sum_{n>=t} q(n) (F_n - log q(n)). What was fixed
before the choice only adds noise, so the bound of the prefix t-1 is subtracted, and then the mean of the other samples
of the same picture (Kool, van Hoof & Welling 2019, "Buy 4 REINFORCE samples, get a baseline for free!").
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.elbo import Trace, count_kl, expected_bound, log_count_posterior, prefix_bounds, up_to


def surrogate(
    trace: Trace, log_prior: Float[Tensor, " count"], min_count: int, blend: float = 1.0, heat: float = 0.0
) -> Float[Tensor, " picture"]:
    """A scalar per picture whose gradient estimates the gradient of the ELBO (its value does not matter).

    `blend` < 1 is the warm phase: pose and identity see q(n) pulled towards uniform, so that an object whose presence
    was given up too early still learns where to be. `heat` adds to the weight of KL(q(n) || p(n)), so that presence
    stays undecided while the likelihoods cannot be trusted. At 1 and 0 this is the gradient of the plain ELBO.
    """
    bounds = prefix_bounds(trace, log_prior)
    heated = bounds - up_to(trace.heat)
    log_q = log_count_posterior(trace.presence_logit, min_count)
    weights = count_weights(log_q.detach(), blend)
    pose = (weights * heated).sum(-1)
    count = expected_bound(log_q, bounds.detach()) - heat * count_kl(log_q, log_prior)
    choice = (advantage(heated, log_q, weights) * trace.log_choice).sum(-1)
    return (pose + count + choice).mean(-1)


def count_weights(log_q: Float[Tensor, "*batch count"], blend: float) -> Float[Tensor, "*batch count"]:
    """q(n), mixed with the uniform distribution over the possible counts while blend < 1."""
    possible = (log_q > -torch.inf).to(log_q.dtype)
    uniform = possible / possible.sum(-1, keepdim=True)
    return torch.lerp(uniform, log_q.exp(), blend)


@torch.no_grad()
def advantage(
    bounds: Float[Tensor, "picture sample count"],
    log_q: Float[Tensor, "picture sample count"],
    weights: Float[Tensor, "picture sample count"],
) -> Float[Tensor, "picture sample step"]:
    """R_t - b_t for every step; with a single sample the baseline is the prefix alone."""
    log_q = log_q.masked_fill(log_q == -torch.inf, 0.0)
    after = (weights * (bounds - log_q)).flip(-1).cumsum(-1).flip(-1)[..., 1:]
    reached = weights.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    gain = after - reached * bounds[..., :-1]
    samples = bounds.shape[1]
    if samples == 1:
        return gain
    others = (gain.sum(1, keepdim=True) - gain) / (samples - 1)
    return gain - others

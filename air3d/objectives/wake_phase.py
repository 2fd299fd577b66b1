"""The wake-phase term: it draws every choice towards what the renderer says of its alternatives.

An expectation E_q[F(k)] + H(q) over a choice k is largest at r(k) = softmax F(k), but its gradient,
q(k) (F(k) - E_q[F]), is gone where q is sure, be it of the wrong k. That of the cross-entropy sum_k r(k) log q(k),
r - q, is not, and is 0 at the same q: the wake phase of Bornschein & Bengio 2015, "Reweighted Wake-Sleep", its weights
exact. For the count all F_n are at hand. Identities are painted for it, each where it fits about best, for one sample
of each picture, and the likeliest in every yaw bin, everything else held (`air3d.objectives.counterfactuals`). A place
is drawn to where it explains the picture best of those that were tried (`air3d.model.comparison`).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.distributions import wake_cross_entropy
from air3d.model.elbo import ElboTerms, log_count_posterior, onwards, prefix_bounds, up_to


def wake_phase(terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int) -> Float[Tensor, " picture"]:
    """Cross-entropy of each choice with its best q given all else, summed with a minus sign; 0 at most.

    That of an object counts as much as the object does, be it by q, r_t, or by what would be best.
    """
    assert terms.wake_phase is not None, "the wake-phase term needs the counterfactuals of every step"
    log_q = log_count_posterior(terms.presence_logit, min_count)
    bounds = optimistic_bounds(terms, log_prior)
    count = wake_cross_entropy(bounds, log_q).mean(-1)
    best = bounds[:, 0].masked_fill(log_q[:, 0] == -torch.inf, -torch.inf).softmax(-1)
    reached = torch.maximum(onwards(log_q.detach().exp())[:, 0], onwards(best))
    return count + (reached * terms.wake_phase).sum(-1)


def optimistic_bounds(terms: ElboTerms, log_prior: Float[Tensor, " count"]) -> Float[Tensor, "picture sample count"]:
    """F_n without gradient; for the first sample, each object is worth what its best identity would be if that is more.

    Otherwise an identity that is not believed in yet is always painted as another one, which is worth less than
    nothing: its objects would be told not to be there, and what is not there is not told what it is.
    """
    bounds = prefix_bounds(terms, torch.zeros_like(log_prior)).detach()
    if terms.evidence is not None:
        gains = torch.maximum(bounds[:, 0].diff(dim=-1), terms.evidence)
        bounds = torch.cat([bounds[:, :1, :1] + up_to(gains)[:, None], bounds[:, 1:]], 1)
    return bounds + log_prior

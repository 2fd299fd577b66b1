"""The wake-phase term: it draws every choice towards what the renderer says of its alternatives.

An expectation E_q[F(k)] + H(q) over a choice k is largest at r(k) = softmax F(k), but its gradient,
q(k) (F(k) - E_q[F]), is gone where q is sure, be it of the wrong k. That of the cross-entropy sum_k r(k) log q(k),
r - q, is not, and is 0 at the same q: the wake phase of Bornschein & Bengio 2015, "Reweighted Wake-Sleep", its weights
exact. For the count all F_n are at hand. An identity and a yaw bin are painted for it, each alternative once, for one
sample of each picture (`air3d.objectives.counterfactuals`), everything else held.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from air3d.model.distributions import wake_cross_entropy
from air3d.model.elbo import ElboTerms, log_count_posterior, onwards, prefix_bounds


def wake_phase(terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int) -> Float[Tensor, " picture"]:
    """Cross-entropy of each choice with its best q given all else, summed with a minus sign; 0 at most.

    That of an object counts as much as the object does, r_t, as in the bound.
    """
    assert terms.wake_phase is not None, "the wake-phase term needs the counterfactuals of every step"
    log_q = log_count_posterior(terms.presence_logit, min_count)
    count = wake_cross_entropy(prefix_bounds(terms, log_prior).detach(), log_q).mean(-1)
    reached = onwards(log_q.detach().exp())[:, 0]
    return count + (reached * terms.wake_phase).sum(-1)

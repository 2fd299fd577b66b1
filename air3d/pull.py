"""The pull: what draws every choice towards what the renderer says of its alternatives.

An expectation E_q[F(k)] + H(q) over a choice k is largest at r(k) = softmax F(k), but its gradient,
q(k) (F(k) - E_q[F]), is gone where q is sure, be it of the wrong k. That of the cross-entropy sum_k r(k) log q(k),
r - q, is not, and is 0 at the same q: the wake phase of Bornschein & Bengio 2015, "Reweighted Wake-Sleep", its weights
exact. For the count all F_n are at hand. An identity and a yaw bin are painted for it, each alternative once, for one
sample of each picture (`air3d.alternatives`), everything else held.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from air3d.distributions import toward_best
from air3d.elbo import Trace, log_count_posterior, prefix_bounds
from air3d.gradients.enumerate_counts import onwards


def pull(trace: Trace, log_prior: Float[Tensor, " count"], min_count: int) -> Float[Tensor, " picture"]:
    """Cross-entropy of each choice with its best q given all else, summed with a minus sign; 0 at most.

    That of an object counts as much as the object does, r_t, as in the bound.
    """
    assert trace.pull is not None, "the pull needs Air.trace(.., at) with at.pull"
    log_q = log_count_posterior(trace.presence_logit, min_count)
    count = toward_best(prefix_bounds(trace, log_prior).detach(), log_q).mean(-1)
    reached = onwards(log_q.detach().exp())[:, 0]
    return count + (reached * trace.pull).sum(-1)

"""Everything discrete is sampled, presence too; the other samples of the same picture are the baseline.

    grad ELBO = grad [ G_n ] + sum_t (reward_t - b_t) grad log q(decision_t)

b_t is the mean reward of the other samples that came to the same decision (Kool, van Hoof & Welling 2019, "Buy 4
REINFORCE samples, get a baseline for free!", equation 8, decision by decision). They are drawn independently, so what
they earned says nothing about this decision, and the estimate stays unbiased. Decisions and rewards are those of
`air3d.gradients.sampled`.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from air3d.gradients.sampled import decide
from air3d.model.elbo import ElboTerms


def surrogate(terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int) -> Float[Tensor, " picture"]:
    """A scalar per picture whose gradient estimates the gradient of the ELBO (its value does not matter)."""
    decisions = decide(terms, log_prior, min_count)
    return decisions.surrogate(others(decisions.reward, decisions.taken))


def others(
    reward: Float[Tensor, "picture sample step kind"], taken: Bool[Tensor, "picture sample step kind"]
) -> Float[Tensor, "picture sample step kind"]:
    """The mean reward of the other samples that took the same decision; 0 where none of them did."""
    earned, takers = reward * taken, taken.to(reward.dtype)
    sums, numbers = earned.sum(1, keepdim=True) - earned, takers.sum(1, keepdim=True) - takers
    return sums / numbers.clamp_min(1)

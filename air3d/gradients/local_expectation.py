"""Presence is summed out exactly, and so is, one step at a time, the identity: local expectation gradients.

    grad ELBO = grad [ sum_n q(n) (F_n - log q(n)) ]                                as in enumerate_counts
              + sum_t r_t grad sum_k q(identity_t = k) F_t(k)                       exact in k, one paint for each k
              + sum_t (R_t - r_t F_t - b_t) grad log q(identity_t)                  likelihood ratio
              + the yaw                                                             as in enumerate_counts

after Titsias & Lazaro-Gredilla 2015, "Local Expectation Gradients for Black Box Variational Inference". F_t(k) is the
bound of the first t objects if the last of them is a k, the earlier ones held; a k that was not drawn gets a pose of
its own from the posterior, from the same random numbers. What is exact: the sum over the identities of what object t
itself makes of the picture and costs. What is not: what later objects make of it, R_t - r_t F_t, since they would have
been drawn differently had it been another identity; that stays a likelihood ratio, with the other samples of the same
picture as baseline (b_t). The pose is still averaged by sampling, and the gradient of a pose runs only through the
identity that was drawn.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.gradients.enumerate_counts import summed_counts, yaw
from air3d.model.elbo import ElboTerms


def surrogate(terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int) -> Float[Tensor, " picture"]:
    """A scalar per picture whose gradient estimates the gradient of the ELBO (its value does not matter)."""
    assert terms.identity_expectation is not None, "local_expectation needs the counterfactuals of the identity"
    value, gains, later, reached = summed_counts(terms, log_prior, min_count)
    choice = reached * terms.identity_expectation + later * terms.log_choice["identity"]
    if others := [name for name in terms.log_choice if name not in ("identity", "rotation")]:
        choice = choice + gains * torch.stack([terms.log_choice[name] for name in others]).sum(0)
    return (value + choice.sum(-1)).mean(-1) + yaw(terms, gains, later, reached)

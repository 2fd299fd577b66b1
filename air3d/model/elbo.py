"""Presence as a distribution over counts, and the evidence lower bound of every prefix of objects.

Sampling object t whether or not it is "present" makes the sum over counts exact:

    q(n)  = rho_1 ... rho_n (1 - rho_{n+1})
    ELBO  = E_{z_1..N ~ q} [ sum_n q(n) (log p(x | z_1..n) + log p(n) - log q(n) - sum_{t<=n} KL_t) ]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from air3d.model.policies import Sample


@dataclass
class ElboTerms:
    """What one pass of the posterior over a batch leaves for the objective. N is the number of steps.

    `log_likelihood[..., n]` belongs to the picture with the first n objects; `log_choice` is log q of the choices that
    were drawn at each step, by latent; `kl` is everything of KL_t but the presence; `log_weight` is log p(z_t) -
    log q(z_t) of what was drawn, without gradient.

    What only some estimators need is filled in by them: `yaw_expectation`, for the first sample of each picture the
    expectation of log p(x | z_1..t) over the yaw bins of object t; `identity_expectation`, the expectation of F_t over
    the identities of object t, less the F_t of the one that was drawn; `wake_phase`, for the first sample, the
    cross-entropies of identity and yaw of object t with what the renderer says of them (objectives/counterfactuals.py);
    `evidence`, besides, by how many nats an object of any identity would explain the picture better in the place of
    object t, where each fits about best; -inf where nobody asked;
    `context`, without gradient, what a baseline may know: all of it comes before anything of step t is decided.

    `world_kl`, `world_log_weight` and `world_log_q` are those of `world.Worlds`: None where no network infers a world.
    """

    log_likelihood: Float[Tensor, "picture sample count"]
    presence_logit: Float[Tensor, "picture sample step"]
    log_choice: dict[str, Tensor]
    kl: Float[Tensor, "picture sample step"]
    log_weight: Float[Tensor, "picture sample step"] | None = None
    yaw_expectation: Float[Tensor, "picture step"] | None = None
    identity_expectation: Float[Tensor, "picture sample step"] | None = None
    wake_phase: Float[Tensor, "picture step"] | None = None
    evidence: Float[Tensor, "picture step"] | None = None
    context: Float[Tensor, "picture sample step feature"] | None = None
    world_kl: Float[Tensor, " picture"] | None = None
    world_log_weight: Float[Tensor, " picture"] | None = None
    world_log_q: Float[Tensor, " picture"] | None = None

    def log_q(self, *without: str) -> Float[Tensor, "picture sample step"]:
        """log q of each step's choices, all but those of the latents named."""
        return torch.stack([value for name, value in self.log_choice.items() if name not in without]).sum(0)


def stack_terms(likelihoods: list[Tensor], presence: list[Tensor], drawn: Sequence[Sample], samples: int) -> ElboTerms:
    """Per-step lists of [picture*sample] to the [picture, sample, step] tensors of the bound."""

    def stack(values: list[Tensor]) -> Tensor:
        return stack_steps(values, samples)

    return ElboTerms(
        log_likelihood=stack(likelihoods),
        presence_logit=stack(presence),
        log_choice={name: stack([draw.log_choice[name] for draw in drawn]) for name in drawn[0].log_choice},
        kl=stack([draw.kl for draw in drawn]),
        log_weight=stack([draw.log_weight for draw in drawn]),
    )


def stack_steps(values: Sequence[Tensor], samples: int) -> Float[Tensor, "picture sample ... step"]:
    """[picture*sample, ...] of each step as one tensor."""
    return rearrange(torch.stack(list(values), -1), "(picture sample) ... -> picture sample ...", sample=samples)


def log_count_posterior(
    presence_logit: Float[Tensor, "*batch step"], min_count: int = 0
) -> Float[Tensor, "*batch count"]:
    """log q(n) for n = 0..N from the logits of rho_1..rho_N; what is left after step N falls to n = N.

    Counts below `min_count` have no mass: rho_t = 1 for t <= min_count.
    """
    forced = torch.arange(presence_logit.shape[-1], device=presence_logit.device) < min_count
    log_rho = F.logsigmoid(presence_logit).masked_fill(forced, 0.0)
    log_stop = F.logsigmoid(-presence_logit).masked_fill(forced, -torch.inf)
    reached = F.pad(log_rho.cumsum(-1), (1, 0))
    return reached + F.pad(log_stop, (0, 1))


def prefix_bounds(terms: ElboTerms, log_prior: Float[Tensor, " count"]) -> Float[Tensor, "picture sample count"]:
    """F_n = log p(x | z_1..n) + log p(n) - sum_{t<=n} KL_t - KL of the world, the bound with the count fixed to n (less
    its entropy)."""
    return less_world(terms.log_likelihood + log_prior - up_to(terms.kl), terms)


def less_world(
    bounds: Float[Tensor, "picture sample count"], terms: ElboTerms
) -> Float[Tensor, "picture sample count"]:
    """What the world costs is the same whatever stands in it."""
    return bounds if terms.world_kl is None else bounds - terms.world_kl[:, None, None]


def tilted(log_prior: Float[Tensor, " count"], odds: float) -> Float[Tensor, " count"]:
    """The count prior with each further object `odds` times as likely as it was: p(n) odds^n, normalised."""
    tilt = torch.arange(len(log_prior), dtype=log_prior.dtype, device=log_prior.device) * math.log(odds)
    return log_prior + tilt - ((log_prior + tilt).logsumexp(0) - log_prior.logsumexp(0))


def up_to(cost: Float[Tensor, "*batch step"]) -> Float[Tensor, "*batch count"]:
    """sum_{t<=n} of a cost per step, for n = 0..N."""
    return F.pad(cost.cumsum(-1), (1, 0))


def onwards(terms: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch step"]:
    """sum_{n>=t} of terms, for t = 1..N."""
    return terms.flip(-1).cumsum(-1).flip(-1)[..., 1:]


def expected_bound(
    log_q: Float[Tensor, "*batch count"], bounds: Float[Tensor, "*batch count"]
) -> Float[Tensor, "*batch"]:
    """sum_n q(n) (F_n - log q(n)), the ELBO of each sample, in nats; counts without mass add nothing."""
    possible = log_q > -torch.inf
    log_q = log_q.masked_fill(~possible, 0.0)
    terms = log_q.exp() * (bounds - log_q)
    return terms.masked_fill(~possible, 0.0).sum(-1)


def importance_bound(terms: ElboTerms, log_prior: Float[Tensor, " count"]) -> Float[Tensor, " picture"]:
    """log (1/S) sum_s sum_n p(n) p(x | z_1..n) prod_{t<=n} p(z_t) / q(z_t), in nats, from S draws of each picture.

    Inside the logarithm stands an unbiased estimate of p(x), the sum over counts exact; so this is a lower bound of
    log p(x) on average, and rises towards it with S (Burda, Grosse & Salakhutdinov 2016, "Importance Weighted
    Autoencoders", theorem 1). All draws share one world w, and p(w) / q(w) stands before the sum: still a lower bound,
    but no tighter about the world than the ELBO.
    """
    assert terms.log_weight is not None
    weights = terms.log_likelihood + log_prior + up_to(terms.log_weight)
    bound = weights.flatten(1).logsumexp(-1) - math.log(weights.shape[1])
    return bound if terms.world_log_weight is None else bound + terms.world_log_weight

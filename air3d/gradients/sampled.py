"""Presence sampled too: what `nvil` and `leave_one_out` share.

A draw is a sequence of decisions. At step t, if the objects have not stopped yet, presence decides whether there is one
more, and if so, identity and yaw bin decide which; they are one decision here, since nothing is paid between them. The
paper stops drawing when presence is 0. A trace has drawn and painted every step already, so a count sampled from its
q(n) gives the same draw, and what lies beyond the count is left unused.

With G_n = log p(x | z_1..n) - sum_{s<=n} KL_s, each decision is credited with what comes after it (Mnih & Gregor 2014,
section 2.2), and log p(x | ..) telescopes over the objects because every prefix has been painted:

    presence_t    G_n - G_{t-1} + log p(n) - log q(n | at least t - 1)
    choice_t      G_n - G_{t-1} + log p(n) - log q(n | at least t)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from air3d.model.elbo import ElboTerms, less_world, log_count_posterior, up_to


@dataclass
class Decisions:
    """What each draw decided. `kind` is 0 for presence, 1 for identity and yaw bin.

    `bound` is the part of the bound that is differentiated as it stands, nats. `reward`, which carries no gradient, and
    `log_q` count only where the decision was `taken`.
    """

    bound: Float[Tensor, "picture sample"]
    log_q: Float[Tensor, "picture sample step kind"]
    reward: Float[Tensor, "picture sample step kind"]
    taken: Bool[Tensor, "picture sample step kind"]

    def surrogate(self, baseline: Float[Tensor, "picture sample step kind"]) -> Float[Tensor, " picture"]:
        """Score function with a baseline. A baseline may know everything but the decision and what came of it."""
        advantage = (self.reward - baseline.detach()) * self.taken
        return (self.bound + (advantage * self.log_q).sum((-1, -2))).mean(-1)


def decide(terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int) -> Decisions:
    """Sample a count for each draw of the trace and credit its decisions."""
    steps = torch.arange(1, terms.kl.shape[-1] + 1, device=terms.kl.device)
    log_q = log_count_posterior(terms.presence_logit, min_count).detach()
    count = sample(log_q.exp())
    bounds = less_world(terms.log_likelihood - up_to(terms.kl), terms)
    more = count >= steps
    log_presence = F.logsigmoid(torch.where(more, terms.presence_logit, -terms.presence_logit))
    return Decisions(
        bound=bounds.gather(-1, count).squeeze(-1),
        log_q=torch.stack([log_presence, terms.log_q()], -1),
        reward=rewards(bounds.detach(), log_q, log_prior, count),
        taken=torch.stack([(count >= steps - 1) & (steps > min_count), more], -1),
    )


def sample(weights: Float[Tensor, "*batch count"]) -> Int[Tensor, "*batch 1"]:
    """The count at which the cumulative weights pass a random number."""
    return (torch.rand_like(weights[..., :1]) >= weights.cumsum(-1)[..., :-1]).sum(-1, keepdim=True)


def rewards(
    bounds: Float[Tensor, "picture sample count"],
    log_q: Float[Tensor, "picture sample count"],
    log_prior: Float[Tensor, " count"],
    count: Int[Tensor, "picture sample 1"],
) -> Float[Tensor, "picture sample step kind"]:
    """The credits of presence and of choice, by the formulas above; without meaning where nothing was decided."""
    at_least = log_q.flip(-1).logcumsumexp(-1).flip(-1)
    whole = bounds + log_prior - log_q
    presence = whole.gather(-1, count) - bounds[..., :-1] + at_least[..., :-1]
    choice = whole.gather(-1, count) - bounds[..., :-1] + at_least[..., 1:]
    return torch.stack([presence, choice], -1)

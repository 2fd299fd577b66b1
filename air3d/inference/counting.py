"""How many objects: as many as the network says are present, or as many as explain the picture best.

At each step the network says whether one more object is there, rho_t, and training has taught it to say what the bound
wants (`counting=presence`). But given the objects, what the bound wants can be computed once all prefixes are painted
(`counting=likelihood`). With

    F_n  = log p(x | z_1..n) - sum_{t<=n} KL_t                     (elbo.prefix_bounds, all counts alike beforehand)
    q(n) = exp(F_n) / sum_m exp(F_m)

sum_n q(n) (F_n - log q(n)) is as large as it can be (the variational E-step of a categorical). rho_t is a guess at
this, and a worse one on tables with more objects than were ever trained. Here z_1..N are the predicted poses, in the
middle of the posterior, not draws from it. It trusts the renderer: of pictures that others have made it does not hold.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from air3d.inference.greedy import Inference, Predictor, infer
from air3d.model.air import Air
from air3d.model.elbo import up_to
from air3d.model.policies import total
from air3d.model.proposal import Pose, Proposal
from scenes.errors import UserError, nearest
from scenes.view import View

KINDS = ("presence", "likelihood")


def check_counting(kind: str) -> None:
    """Raises UserError for what is none of `KINDS`."""
    if kind not in KINDS:
        raise UserError(f"counting={kind} is unknown; {nearest(kind, KINDS)}")


def predictor(kind: str, sigma: float) -> Predictor:
    """`infer`, or with "likelihood" the pass below; `sigma` as in the likelihood. Raises UserError for another kind."""
    check_counting(kind)
    return infer if kind == "presence" else partial(by_likelihood, sigma=sigma)


@torch.no_grad()
def by_likelihood(
    model: Air, pictures: Float[Tensor, "batch height width 3"], view: View, steps: int, *, sigma: float
) -> Inference:
    """`infer`, with the rho_t of q(n) above instead of what the network says."""
    every = infer(model, pictures, view, steps, least=-1.0)
    log_likelihoods = torch.stack([model.log_likelihood(image, pictures, sigma) for image in every.images], -1)
    costs = torch.stack([cost(*step) for step in zip(every.proposals, every.poses, strict=True)], -1)
    if every.colour_costs:
        costs = costs + torch.stack(every.colour_costs, -1)
    impossible = F.pad((every.rho == 0).cumsum(-1) > 0, (1, 0))  # one stands where another does (mode.Mode)
    bounds = (log_likelihoods - up_to(costs)).masked_fill(impossible, -torch.inf)
    log_q = count_posterior(bounds, model.prior.min_objects)
    present = torch.arange(steps, device=log_q.device) < log_q.argmax(-1, keepdim=True)
    images = list(every.images)
    for slot in range(steps):
        images[slot + 1] = torch.where(present[:, slot, None, None, None], images[slot + 1], images[slot])
    objects = replace(replace(every.objects, presence=present).masked(), presence=present)
    return replace(every, objects=objects, images=images, rho=rho_of(log_q))


def cost(proposal: Proposal, pose: Pose) -> Float[Tensor, " batch"]:
    """KL_t of an object in the middle of its pose, nats, as of a draw (`policies.sample_of`)."""
    choices = [proposal.identity, *(family.choice for family in pose.values() if family.choice is not None)]
    return total([choice.kl() for choice in choices]) + total([family.mode_kl() for family in pose.values()])


def count_posterior(bounds: Float[Tensor, "batch count"], min_count: int) -> Float[Tensor, "batch count"]:
    """log q(n) of q(n) = softmax of the bounds, none below `min_count` (or the most that there can be)."""
    counts = torch.arange(bounds.shape[-1], device=bounds.device)
    return bounds.masked_fill(counts < counts[-1].clamp(max=min_count), -torch.inf).log_softmax(-1)


def rho_of(log_q: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch step"]:
    """The probabilities of one more object, rho_t = q(n >= t) / q(n >= t - 1)."""
    at_least = log_q.flip(-1).double().logcumsumexp(-1).flip(-1)
    return (at_least[..., 1:] - at_least[..., :-1]).exp().to(log_q.dtype)

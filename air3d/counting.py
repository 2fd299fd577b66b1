"""How many objects: as many as explain the picture best.

At each step the network says whether one more object is there, rho_t, and training has taught it to say what the bound
wants. But given the objects, what the bound wants can be computed once all prefixes are painted. With

    F_n  = log p(x | z_1..n) - sum_{t<=n} KL_t                     (elbo.prefix_bounds, all counts alike beforehand)
    q(n) = exp(F_n) / sum_m exp(F_m)

sum_n q(n) (F_n - log q(n)) is as large as it can be (the variational E-step of a categorical). rho_t is a guess at
this, and a worse one on tables with more objects than were ever trained. Here z_1..N are the answered poses, in the
middle of the posterior, not draws from it. It trusts the renderer: of pictures that others have made it does not hold.
"""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.air import Air
from air3d.checkpoint import Run
from air3d.elbo import up_to
from air3d.infer import Look, Said, unroll
from air3d.likelihood import log_likelihood
from air3d.posterior import Pose, Proposal
from scenes.errors import UserError, nearest
from scenes.objects import Objects

KINDS = ("said", "explained")


def check_counting(kind: str) -> None:
    """Raises UserError for what is none of `KINDS`."""
    if kind not in KINDS:
        raise UserError(f"counting={kind} is unknown; {nearest(kind, KINDS)}")


def looking(kind: str, run: Run) -> Look:
    """`unroll`, or with "explained" the pass below at the run's last sigma. Raises UserError for another `kind`."""
    check_counting(kind)
    return unroll if kind == "said" else partial(explained, sigma=run.config.trainer.schedule.sigma)


@torch.no_grad()
def explained(
    model: Air,
    pictures: Float[Tensor, "batch height width 3"],
    max_objects: int,
    said: Said | None = None,
    *,
    sigma: float,
) -> tuple[Objects, list[Tensor], Float[Tensor, "batch step"]]:
    """`infer.unroll`, with the rho_t of q(n) above instead of what the network says; `sigma` as in the likelihood."""
    said = [] if said is None else said
    objects, canvases, _ = unroll(model, pictures, max_objects, said, least=-1.0)
    log_likelihoods = torch.stack([log_likelihood(canvas, pictures, sigma) for canvas in canvases], -1)
    costs = torch.stack([cost(model, proposal, pose) for proposal, pose in said], -1)
    log_q = count_posterior(log_likelihoods - up_to(costs), model.prior.min_objects)
    present = torch.arange(max_objects, device=log_q.device) < log_q.argmax(-1, keepdim=True)
    for slot in range(max_objects):
        canvases[slot + 1] = torch.where(present[:, slot, None, None, None], canvases[slot + 1], canvases[slot])
    identity, position, rotation = objects.identity, objects.position, objects.rotation
    return (
        Objects(identity * present, position * present[..., None], rotation * present, present),
        canvases,
        rho_of(log_q),
    )


def cost(model: Air, proposal: Proposal, pose: Pose) -> Float[Tensor, " batch"]:
    """KL_t of an object in the middle of its pose, nats, as in `Air.drawn`."""
    place = pose.box.kl(pose.box.mean, model.prior.free) + pose.offset.kl(pose.offset.mean, pose.yaw_bin.probs)
    return proposal.identity.kl() + pose.yaw_bin.kl() + place


def count_posterior(bounds: Float[Tensor, "batch count"], min_count: int) -> Float[Tensor, "batch count"]:
    """log q(n) of q(n) = softmax of the bounds, none below `min_count` (or the most that there can be)."""
    counts = torch.arange(bounds.shape[-1], device=bounds.device)
    return bounds.masked_fill(counts < counts[-1].clamp(max=min_count), -torch.inf).log_softmax(-1)


def rho_of(log_q: Float[Tensor, "batch count"]) -> Float[Tensor, "batch step"]:
    """The probabilities of one more object, rho_t = q(n >= t) / q(n >= t - 1)."""
    at_least = log_q.flip(-1).double().logcumsumexp(-1).flip(-1)
    return (at_least[..., 1:] - at_least[..., :-1]).exp().to(log_q.dtype)

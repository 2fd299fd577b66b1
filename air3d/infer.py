"""From pictures to lists of objects with a trained network: one pass, the most probable answer at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.air import Air, Schedule
from air3d.elbo import expected_bound, importance_bound, log_count_posterior, prefix_bounds
from air3d.posterior import Pose, Proposal
from renderers.convert import channels_first
from scenes.objects import Objects

Said = list[tuple[Proposal, Pose]]
Look = Callable[..., tuple[Objects, list[Tensor], Tensor]]  # what is called as `unroll` is


@dataclass
class Inference:
    """What the network makes of a batch of pictures.

    objects: the objects it believes in, most probable identity, centre of the pose, present while rho_t > 1/2.
    canvases: the picture painted so far after 0, 1, .. steps, each [batch, height, width, 3]; absent objects are
        not painted, so the last one is the reconstruction.
    rho: the probability that object t is there if the t - 1 before it are.
    """

    objects: Objects
    canvases: list[Float[Tensor, "batch height width 3"]]
    rho: Float[Tensor, "batch step"]


@torch.no_grad()
def infer(
    model: Air,
    pictures: Float[Tensor, "batch height width 3"],
    max_objects: int,
    look: Look | None = None,
) -> Inference:
    """Run the network for `max_objects` steps, however many it was trained with; `look` (counting.py): instead of
    `unroll`."""
    return Inference(*(look or unroll)(model, pictures, max_objects))


@torch.no_grad()
def unroll(
    model: Air,
    pictures: Float[Tensor, "batch height width 3"],
    max_objects: int,
    said: Said | None = None,
    least: float = 0.5,
) -> tuple[Objects, list[Tensor], Float[Tensor, "batch step"]]:
    """The greedy pass: objects, canvases and rho (see `Inference`), painted as long as rho is more than `least`. What
    each step says is appended to `said`."""
    looked = model.posterior.encoder.look(channels_first(pictures))
    canvas, state = model.renderer.blank(len(pictures)), model.posterior.start(len(pictures))
    present = torch.ones(len(pictures), dtype=torch.bool, device=pictures.device)
    canvases, steps, rhos = [model.renderer.develop(canvas)], [], []
    for step in range(max_objects):
        proposal = model.posterior.propose(model.look(looked, pictures, canvases[-1]), state)
        rho = proposal.presence_logit.sigmoid() if step >= model.prior.min_objects else pictures.new_ones(len(pictures))
        present = present & (rho > least)
        identity, pose = model.mode(proposal, model.sight(pictures, canvases[-1]))
        position, rotation = model.centre(pose)
        if said is not None:
            said.append((proposal, pose))
        canvas = model.renderer.paint(canvas, identity, position, rotation, present.float())
        canvases.append(model.renderer.develop(canvas))
        steps.append((identity * present, position * present[:, None], rotation * present, present))
        rhos.append(rho)
        state = proposal.state
    identity, position, rotation, presence = (torch.stack(column, 1) for column in zip(*steps, strict=True))
    return Objects(identity, position, rotation, presence), canvases, torch.stack(rhos, 1)


@torch.no_grad()
def bound(model: Air, pictures: Float[Tensor, "batch height width 3"], at: Schedule) -> Float[Tensor, " batch"]:
    """The ELBO of one draw per picture, with the steps the model was trained with."""
    trace = model.trace(pictures, 1, at)
    log_q = log_count_posterior(trace.presence_logit, model.prior.min_objects)
    return expected_bound(log_q, prefix_bounds(trace, model.prior.log_count)).squeeze(1)


@torch.no_grad()
def weighted_bound(
    model: Air, pictures: Float[Tensor, "batch height width 3"], at: Schedule, samples: int, at_once: int = 1000
) -> Float[Tensor, " batch"]:
    """The importance-weighted bound of `samples` draws per picture; `at_once` limits the pictures in memory."""
    parts = pictures.split(max(1, at_once // samples))
    return torch.cat([importance_bound(model.trace(part, samples, at), model.prior.log_count) for part in parts])

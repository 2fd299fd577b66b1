"""From pictures to lists of objects with a trained network: one pass, the most probable object at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.air import Air
from air3d.model.batches import interleave
from air3d.model.elbo import importance_bound
from air3d.model.mode import Mode
from air3d.model.proposal import Pose, Proposal
from scenes.objects import Objects
from scenes.view import View


@dataclass
class Inference:
    """What is made of a batch of pictures.

    objects: the objects that are believed in, most probable identity, middle of every latent, zeros where absent.
    images: the picture painted so far after 0, 1, .. steps, each [batch, height, width, 3]; absent objects are not
        painted, so the last one is the reconstruction.
    rho: the probability that object t is there if the t - 1 before it are.
    proposals, poses: what the network predicts at each step (none where there is no network).
    colour_costs: what each object's colour costs in the bound, nats, where colours are inferred.
    """

    objects: Objects
    images: list[Float[Tensor, "batch height width 3"]]
    rho: Float[Tensor, "batch step"]
    proposals: list[Proposal]
    poses: list[Pose]
    colour_costs: list[Float[Tensor, " batch"]] = field(default_factory=list)

    @property
    def reconstruction(self) -> Float[Tensor, "batch height width 3"]:
        return self.images[-1]

    def pose(self) -> Pose:
        """q of every latent of all steps as one batch: step t of picture b in row b * steps + t."""
        return interleave(self.poses)


Predictor = Callable[..., Inference]
"""(model, pictures, view, steps) to objects: `infer`, or `counting.by_likelihood`."""


@torch.no_grad()
def infer(
    model: Air, pictures: Float[Tensor, "batch height width 3"], view: View, steps: int, least: float = 0.5
) -> Inference:
    """The greedy pass: `steps` steps, however many it was trained with; objects are present, and painted, as long as
    rho is more than `least`."""
    config = model.posterior.config
    policy = Mode(model.prior.min_objects, least, config.compare_identities, config.compare_yaws)
    unrolled = list(model.unroll(pictures, view, steps, policy))
    objects = Objects.join([step.decision.objects for step in unrolled]).masked()
    return Inference(
        objects=replace(objects, presence=torch.stack(policy.present, 1)),
        images=[unrolled[0].seen, *(step.image for step in unrolled)],
        rho=torch.stack(policy.rho, 1),
        proposals=[
            replace(step.proposal, identity=believed)
            for step, believed in zip(unrolled, policy.identities, strict=True)
        ],
        poses=[step.decision.pose for step in unrolled],
        colour_costs=[step.painted.colour_cost for step in unrolled if step.painted.colour_cost is not None],
    )


@torch.no_grad()
def importance_weighted_bound(
    model: Air,
    pictures: Float[Tensor, "batch height width 3"],
    view: View,
    sigma: float,
    samples: int,
    at_once: int = 1000,
) -> Float[Tensor, " batch"]:
    """The importance-weighted bound of `samples` draws per picture; `at_once` limits the pictures in memory."""
    rows = torch.arange(len(pictures)).split(max(1, at_once // samples))
    parts = (model.elbo_terms(pictures[part], view[part], samples, sigma)[0] for part in rows)
    return torch.cat([importance_bound(terms, model.prior.log_count) for terms in parts])

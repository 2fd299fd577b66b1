"""What a network says of pictures with all it says about how sure it is, not only the likeliest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.inference.greedy import Inference, Predictor, infer
from air3d.model.air import Air
from air3d.model.batches import concatenate, tree_map
from air3d.model.proposal import Pose
from air3d.model.unexplained import BLOCK
from air3d.model.world import LEAST_NOISE
from renderers.convert import channels_first
from scenes.objects import Objects
from scenes.view import View

TOUCHED = 1e-3
"""How much of an object's colours a block must show to be its own."""


@dataclass
class Predictions:
    """The greedy pass over a batch of pictures, on the CPU.

    objects, rho: see `greedy.Inference`; identity: the probabilities of each step's identities; pose: given the
    likeliest identity, those of all steps as one, that of step t of picture b in row b * steps + t; unexplained: the
    mean square of what the reconstruction leaves, per pixel and channel; misfit: the same in units of the picture's
    noise, where that is inferred from it; left: root mean square of what it leaves of each object's own pixels
    (`left_over`), 1 where the noise is known.
    """

    objects: Objects
    rho: Float[Tensor, "batch step"]
    identity: Float[Tensor, "batch step mesh"]
    pose: Pose
    unexplained: Float[Tensor, " batch"]
    misfit: Float[Tensor, " batch"]
    left: Float[Tensor, "batch step"]

    @property
    def steps(self) -> int:
        return self.rho.shape[1]


@torch.no_grad()
def predict(
    model: Air,
    pictures: Float[Tensor, "batch height width 3"],
    view: View,
    steps: int,
    batch_size: int = 100,
    doing: str = "looking",
    predictor: Predictor = infer,
) -> Predictions:
    """Runs the network for `steps` steps, `batch_size` pictures at a time; a bar (on a terminal) says what it does.
    `predictor` is how objects are counted (`counting.predictor`)."""
    batches, parts = [], torch.arange(len(pictures)).split(batch_size)
    for rows in tqdm(parts, desc=doing, unit="batch", disable=None, leave=False):
        found = predictor(model, pictures[rows], view[rows], steps)
        identity = torch.stack([proposal.identity.probs for proposal in found.proposals], 1)
        unexplained = (found.reconstruction - pictures[rows]).square().flatten(1).mean(1)
        misfit = unexplained / model.world.noise_level(pictures[rows]).square()
        known = model.world.states.noise != "inferred"
        left = torch.ones_like(found.rho) if known else left_over(found, pictures[rows])
        batches.append(Predictions(found.objects, found.rho, identity, found.pose(), unexplained, misfit, left))
    return tree_map(lambda tensor: tensor.cpu(), concatenate(batches))


def left_over(found: Inference, pictures: Float[Tensor, "batch height width 3"]) -> Float[Tensor, "batch step"]:
    """Root mean square of what is left of the pictures where each object was painted, colours in [0, 1]; at least
    `LEAST_NOISE`, and of the whole picture where none was.

    Differences are averaged over blocks first: noise cancels, and what a renderer gets wrong does not.
    """
    square = blocks(pictures - found.reconstruction).square().mean(1)
    left = []
    for before, after in pairwise(found.images):
        own = (blocks((after - before).abs()).sum(1) > TOUCHED).float()
        own = torch.where(own.sum((1, 2), keepdim=True) > 0, own, torch.ones_like(own))
        left.append((square * own).sum((1, 2)) / own.sum((1, 2)))
    return torch.stack(left, 1).sqrt().clamp_min(LEAST_NOISE)


def blocks(images: Float[Tensor, "batch height width 3"]) -> Float[Tensor, "batch 3 row column"]:
    """Means over blocks of pixels."""
    return F.avg_pool2d(channels_first(images), BLOCK)

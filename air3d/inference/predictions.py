"""What a network says of pictures with all it says about how sure it is, not only the likeliest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.inference.greedy import Predictor, infer
from air3d.model.air import Air
from air3d.model.batches import concatenate, tree_map
from air3d.model.posterior import Pose
from scenes.objects import Objects
from scenes.view import View


@dataclass
class Predictions:
    """The greedy pass over a batch of pictures, on the CPU.

    objects, rho: see `greedy.Inference`; identity: the probabilities of each step's identities; pose: given the
    likeliest identity, those of all steps as one, that of step t of picture b in row b * steps + t; unexplained: the
    mean square of what the reconstruction leaves, per pixel and channel; misfit: the same in units of the picture's
    noise, where that is inferred from it.
    """

    objects: Objects
    rho: Float[Tensor, "batch step"]
    identity: Float[Tensor, "batch step mesh"]
    pose: Pose
    unexplained: Float[Tensor, " batch"]
    misfit: Float[Tensor, " batch"]

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
        batches.append(Predictions(found.objects, found.rho, identity, found.pose(), unexplained, misfit))
    return tree_map(lambda tensor: tensor.cpu(), concatenate(batches))

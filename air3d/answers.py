"""What a network says of pictures with all it says about how sure it is, not only the likeliest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.air import Air
from air3d.distributions import BoxNormal, Choice
from air3d.infer import Look, Said, unroll
from air3d.posterior import Pose
from scenes.objects import Objects


@dataclass
class Answers:
    """The greedy pass over a batch of pictures, on the CPU.

    objects, rho: see `infer.Inference`; identity: the probabilities of each step's identities; pose: given the
    likeliest identity, those of all steps as one, that of step t of picture b in row b * steps + t; unexplained:
    the mean square of what the reconstruction leaves, per pixel and channel.
    """

    objects: Objects
    rho: Float[Tensor, "batch step"]
    identity: Float[Tensor, "batch step mesh"]
    pose: Pose
    unexplained: Float[Tensor, " batch"]

    @property
    def steps(self) -> int:
        return self.rho.shape[1]


@torch.no_grad()
def answers(
    model: Air,
    pictures: Float[Tensor, "batch height width 3"],
    steps: int,
    batch_size: int = 100,
    doing: str = "looking",
    look: Look = unroll,
) -> Answers:
    """Runs the network for `steps` steps, `batch_size` pictures at a time; a bar (on a terminal) says what it does.
    `look` is how objects are counted (`counting.looking`)."""
    rows, parts = [], pictures.split(batch_size)
    for part in tqdm(parts, desc=doing, unit="batch", disable=None, leave=False):
        said: Said = []
        objects, canvases, rho = look(model, part, steps, said)
        fields = ((p.box.mean, p.box.std, p.yaw_bin.logits, p.offset.mean, p.offset.std) for _, p in said)
        joined = (torch.stack(column, 1).flatten(0, 1) for column in zip(*fields, strict=True))
        identity = torch.stack([proposal.identity.probs for proposal, _ in said], 1)
        found = objects.identity, objects.position, objects.rotation, objects.presence
        unexplained = (canvases[-1] - part).square().flatten(1).mean(1)
        rows.append((*found, rho, identity, unexplained, *joined))
    *found, rho, identity, unexplained, mean, std, logits, within_mean, within_std = (
        torch.cat(column).cpu() for column in zip(*rows, strict=True)
    )
    pose = Pose(BoxNormal(mean, std), Choice(logits=logits), BoxNormal(within_mean, within_std))
    return Answers(Objects(*found), rho, identity, pose, unexplained)

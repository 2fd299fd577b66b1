"""Where a search may begin without a network: every identity at every place of the table, in every yaw.

Only the pixels that an object touches are looked at (`Air.gains`), so that tens of thousands of poses are compared in
seconds. What is compared coarsely is not where an object is: it is near enough for a descent to find it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from air3d.model.air import Air, Place
from air3d.model.batches import concatenate
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh
from scenes.objects import Objects

PITCH = 0.5
"""Distance of neighbouring places at most, as a share of how far from its base point a mesh reaches: a descent finds
home from half of it."""

YAWS = 12
"""Poses that are tried are turned by a twelfth of a circle each."""

AT_ONCE = 8192
"""Poses that are painted at once."""

COARSE = 0.2
"""Pixel noise by which they are compared, at the least: they are all a little off."""


class Grid:
    """Places and yaws at which each identity of a catalogue is tried. places: [x, y, 3] of each identity, metres; yaws:
    [yaw] of each, those that show all there is to see of it."""

    def __init__(self, catalogue: Catalogue, low: Float[Tensor, "3"], high: Float[Tensor, "3"]) -> None:
        self.places = [places_of(low, high, PITCH * reach(mesh)) for mesh in catalogue.meshes]
        self.yaws = [yaws_of(fold).to(low) for fold in catalogue.symmetries]

    def poses(self, identity: int) -> Objects:
        """All poses of an identity, [x * y * yaw] objects of one picture."""
        places, yaws = self.places[identity].flatten(0, 1), self.yaws[identity]
        position, rotation = places.repeat_interleave(len(yaws), 0)[None], yaws.repeat(len(places))[None]
        return Objects(torch.full_like(rotation, identity).long(), position, rotation, torch.ones_like(rotation))


@torch.no_grad()
def scanned(model: Air, grid: Grid, place: Place, sigma: float, most: int) -> Objects:
    """Of each identity the `most` best poses that explain the picture better than their neighbours on the grid do; rows
    of one object. `place`: the canvas that they are painted onto, of one picture."""
    found = []
    for identity, (places, yaws) in enumerate(zip(grid.places, grid.yaws, strict=True)):
        poses = grid.poses(identity)
        parts = torch.arange(poses.slots, device=places.device).split(AT_ONCE)
        gained = [model.gains(place, chosen(poses, part), [max(sigma, COARSE)])[0][0] for part in parts]
        explained = torch.cat(gained).view(*places.shape[:2], len(yaws))
        best = summits(explained).flatten().topk(min(most, explained.numel()))
        rows = best.indices[best.values > -torch.inf]
        found.append(chosen(poses, rows).each(lambda _, array: array.flatten(0, 1)[:, None]))
    return concatenate(found)


def chosen(poses: Objects, which: Tensor) -> Objects:
    return poses.each(lambda _, array: array[:, which])


def summits(explained: Float[Tensor, "x y yaw"]) -> Float[Tensor, "x y yaw"]:
    """The same where a place explains more than the eight around it, in its yaws that explain more than the next to
    either side; -inf elsewhere. What lies on the slope of a bright object is none of its own."""
    best = explained.amax(-1)
    peak = best >= F.max_pool2d(best[None], 3, 1, 1)[0]
    beside = torch.maximum(explained.roll(1, -1), explained.roll(-1, -1))
    return explained.masked_fill(~(peak[..., None] & (explained >= beside)), -torch.inf)


def reach(mesh: Mesh) -> float:
    """How far from its base point a mesh reaches, metres: something between its shorter and its longer side."""
    return math.sqrt(max(mesh.inner_radius, mesh.radius / 4) * mesh.radius)


def places_of(low: Float[Tensor, "3"], high: Float[Tensor, "3"], spacing: float) -> Float[Tensor, "x y 3"]:
    """Places of the box of base points, at its middle height and no more than `spacing` apart along x and y."""
    x, y = (middles(float(a), float(b), spacing) for a, b in zip(low[:2], high[:2], strict=True))
    x, y = torch.meshgrid(x, y, indexing="ij")
    return torch.stack([x, y, torch.full_like(x, float(low[2] + high[2]) / 2)], -1).to(low)


def middles(low: float, high: float, spacing: float) -> Float[Tensor, " step"]:
    """The middles of equal parts of an interval, none longer than `spacing`."""
    parts = max(1, math.ceil((high - low) / spacing))
    return low + (high - low) * (torch.arange(parts) + 0.5) / parts


def yaws_of(fold: int) -> Float[Tensor, " yaw"]:
    """The yaws that show all there is to see of a mesh with that symmetry (0: of revolution)."""
    number = 1 if fold == 0 else math.ceil(YAWS / fold)
    return torch.arange(number) * (2 * math.pi / (max(fold, 1) * number)) - math.pi

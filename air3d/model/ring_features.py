"""A second, sharper look at one place: what stands around it, ring by ring, to read how the object there is turned.

The picture is sampled at full resolution on rings about the object's axis, through the camera. A turn of the object
then is, but for perspective, hiding and shading, a shift along the rings, and the same weights read every yaw bin.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from air3d.model.distributions import Choice, LogitNormal
from renderers.projection import once, rows, times
from scenes.catalogue import Catalogue
from scenes.view import View

HEIGHTS, FINE = (0.5, 1.0), (0.25, 0.5, 0.75, 1.0)
"""Of the rings, as shares of a mesh's height: what sticks out to the side, a label, and what the lid shows."""

RADII = 10
"""Rings at each height."""

REACH = 1.1
"""Radius of the largest ring, as a share of a mesh's."""

PER_BIN = 4
"""Places along a ring for each yaw bin."""


class RingSampler(nn.Module):
    """Where the rings about an object are in its picture. They are as large and as high as its mesh."""

    around: Tensor

    def __init__(self, catalogue: Catalogue, angles: int, heights: tuple[float, ...] = HEIGHTS):
        super().__init__()
        yaw = yaws(angles)
        levels = [[share * float(mesh.hull[:, 2].max()) for share in heights] for mesh in catalogue.meshes]
        each = zip(catalogue.meshes, levels, strict=True)
        around = torch.stack([rings_of(mesh.radius, of_mesh, yaw) for mesh, of_mesh in each])
        self.register_buffer("around", torch.as_tensor(around, dtype=torch.float32), persistent=False)

    def grid(
        self, identity: Int[Tensor, " batch"], position: Float[Tensor, "batch 3"], view: View
    ) -> Float[Tensor, "batch ring angle 2"]:
        """Where the rings about base points `position` (metres) lie in the picture, in the units of grid_sample:
        (x, y) from -1 at the left and upper border to 1 at the right and lower one."""
        around = (self.around[identity] + position[:, None, None]).flatten(1, 2)
        rotation, translation, scale, shift = once(view, ("rings", around.dtype), lambda: through(view, around.dtype))
        seen = (times(around, rotation) + translation[:, None]).unflatten(1, self.around.shape[1:3])
        return seen[..., :2] * scale / seen[..., 2:].clamp_min(1e-3) + shift

    def forward(
        self, images: Float[Tensor, "picture channel height width"], identity: Tensor, position: Tensor, view: View
    ) -> Float[Tensor, "batch channel ring angle"]:
        """Of one place in each picture or of several, which then stand one after the other."""
        grid = rearrange(
            self.grid(identity, position, view),
            "(picture place) ring angle xy -> picture (place ring) angle xy",
            picture=len(images),
        )
        seen = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        places = len(identity) // max(len(images), 1)
        return rearrange(seen, "picture channel (place ring) angle -> (picture place) channel ring angle", place=places)


def through(view: View, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What leads through the cameras: R and T, and in the units of grid_sample the factor on x / z and y / z and what
    is added."""
    rotation, translation = (rows(x, 1) for x in (view.camera_rotation, view.camera_translation))
    sides = view.intrinsics.new_tensor([view.width, view.height])
    focal, centre = view.intrinsics[:, None, None].split(2, -1)
    numbers = rotation, translation, -2 * focal / sides, (2 * centre + 1) / sides - 1
    return tuple(x.to(dtype) for x in numbers)  # type: ignore[return-value]


def yaws(angles: int) -> Float[Tensor, " angle"]:
    """The middles of equal parts of (-pi, pi], radians."""
    return (torch.arange(angles) + 0.5) * (2 * math.pi / angles) - math.pi


def rings_of(radius: float, heights: list[float], yaw: Float[Tensor, " angle"]) -> Float[Tensor, "ring angle 3"]:
    """The places of all rings about a mesh of that radius at these heights, metres, from the base point."""
    radii = (torch.arange(RADII) + 0.5) * (REACH * radius / RADII)
    flat = radii[:, None, None] * torch.stack([yaw.cos(), yaw.sin()], -1)
    return torch.cat([F.pad(flat, (0, 1), value=height) for height in heights])


class ByIdentity(nn.Module):
    """Features scaled and shifted as an identity asks for (FiLM; Perez et al., "FiLM: Visual Reasoning with a General
    Conditioning Layer", AAAI 2018): a handle is not read as a label is."""

    def __init__(self, identities: int, features: int):
        super().__init__()
        self.change = nn.Embedding(identities, 2 * features)
        nn.init.normal_(self.change.weight, std=0.3)

    def forward(
        self, features: Float[Tensor, "batch feature angle"], identity: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch feature angle"]:
        scale, shift = self.change(identity)[..., None].chunk(2, 1)
        return features * (1 + scale) + shift


class RingFeatures(nn.Module):
    """From the rings in picture and residual to features of every yaw bin, `features` of them.

    `fine`: at twice as many heights, with twice the features, and told the identity (`PosteriorConfig.fine_yaw`).
    """

    code: Tensor

    def __init__(self, catalogue: Catalogue, yaw_bins: int, channels: int, fine: bool = False):
        super().__init__()
        angles, heights, channels = PER_BIN * yaw_bins, FINE if fine else HEIGHTS, channels * (1 + fine)
        self.rings = RingSampler(catalogue, angles, heights)
        yaw = yaws(angles)
        self.register_buffer("code", torch.stack([yaw.cos(), yaw.sin()]), persistent=False)
        self.first = circular(6 * RADII * len(heights) + 2, channels, 5, padding=2)
        self.second = circular(channels, 2 * channels, 2 * PER_BIN, padding=PER_BIN // 2, stride=PER_BIN)
        sizes = [channels, 2 * channels] if fine else []
        self.told = nn.ModuleList([ByIdentity(len(catalogue), size) for size in sizes])
        self.activation = nn.SiLU()
        self.features = 2 * channels

    def forward(
        self,
        closeup: Float[Tensor, "picture 6 height width"],
        identity: Int[Tensor, " batch"],
        position: Float[Tensor, "batch 3"],
        view: View,
    ) -> Float[Tensor, "batch feature bin"]:
        """`view`: one row for each place; `closeup`: for each picture (`RingSampler`)."""
        seen = self.rings(closeup, identity, position, view)
        contrast = instance_normalise(rearrange(seen, "batch channel ring angle -> batch (channel ring) angle"))
        read = torch.cat([contrast, self.code.expand(len(contrast), -1, -1)], 1)
        for number, layer in enumerate((self.first, self.second)):
            read = layer(read)
            read = self.activation(self.told[number](read, identity) if self.told else read)
        return read


class YawHead(nn.Module):
    """The yaw bin, and the place within each of them: the same weights at every bin, which sees its neighbours."""

    def __init__(self, features: int, inputs: int, initial_std: float):
        super().__init__()
        self.known = nn.Linear(inputs, features)
        self.between = circular(features, features, 3, padding=1)
        self.activation = nn.SiLU()
        self.last = nn.Conv1d(features, 3, 1)
        with torch.no_grad():
            self.last.weight.mul_(0.1)
            assert self.last.bias is not None
            self.last.bias.copy_(torch.tensor([0.0, 0.0, math.log(initial_std)]))

    def forward(
        self, rings: Float[Tensor, "batch feature bin"], attended: Float[Tensor, "batch input"]
    ) -> tuple[Choice, LogitNormal]:
        mixed = self.activation(self.between(rings) + self.known(attended)[..., None])
        logits, mean, log_std = self.last(mixed).unbind(1)
        return Choice(logits=logits), LogitNormal(mean, log_std.clamp(-6, 1.5).exp())


def instance_normalise(rings: Float[Tensor, "batch ring angle"]) -> Float[Tensor, "batch ring angle"]:
    """What changes along each ring, at one scale for all of them: what does not change says nothing about the yaw."""
    contrast = rings - rings.mean(-1, keepdim=True)
    return contrast / (contrast.square().mean((1, 2), keepdim=True) + 0.05**2).sqrt()


def circular(inputs: int, outputs: int, kernel: int, **options: int) -> nn.Conv1d:
    """A convolution along a circle."""
    return nn.Conv1d(inputs, outputs, kernel, padding_mode="circular", **options)  # type: ignore[arg-type]

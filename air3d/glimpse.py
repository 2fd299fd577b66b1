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

from air3d.distributions import BoxNormal, Choice
from scenes.camera import Camera
from scenes.catalogue import Catalogue

HEIGHTS = (0.5, 1.0)
"""Of the rings, as shares of a mesh's height: what sticks out to the side, and what the lid shows."""

RADII = 10
"""Rings at each height."""

REACH = 1.1
"""Radius of the largest ring, as a share of a mesh's."""

PER_BIN = 4
"""Places along a ring for each yaw bin."""


class Rings(nn.Module):
    """Where the rings about an object are in the picture. They are as large and as high as its mesh."""

    around: Tensor
    rotation: Tensor
    translation: Tensor
    scale: Tensor

    def __init__(self, catalogue: Catalogue, camera: Camera, angles: int):
        super().__init__()
        yaw = yaws(angles)
        around = torch.stack([rings_of(mesh.radius, mesh.hull[:, 2].max(), yaw) for mesh in catalogue.meshes])
        short = min(camera.height, camera.width)
        buffers = {
            "around": around,
            "rotation": camera.rotation,
            "translation": camera.translation,
            "scale": [-camera.scale * short / side for side in (camera.width, camera.height)],
        }
        for name, value in buffers.items():
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32), persistent=False)

    def grid(
        self, identity: Int[Tensor, " batch"], position: Float[Tensor, "batch 3"]
    ) -> Float[Tensor, "batch ring angle 2"]:
        """Where the rings about base points `position` (metres) lie in the picture, in the units of grid_sample:
        (x, y) from -1 at the left and upper border to 1 at the right and lower one."""
        view = (self.around[identity] + position[:, None, None]) @ self.rotation + self.translation
        return view[..., :2] * self.scale / view[..., 2:].clamp_min(1e-3)

    def forward(
        self, images: Float[Tensor, "batch channel height width"], identity: Tensor, position: Tensor
    ) -> Float[Tensor, "batch channel ring angle"]:
        grid = self.grid(identity, position)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def yaws(angles: int) -> Float[Tensor, " angle"]:
    """The middles of equal parts of (-pi, pi], radians."""
    return (torch.arange(angles) + 0.5) * (2 * math.pi / angles) - math.pi


def rings_of(radius: float, height: float, yaw: Float[Tensor, " angle"]) -> Float[Tensor, "ring angle 3"]:
    """The places of all rings about a mesh of that radius and height, metres, from the base point."""
    radii = (torch.arange(RADII) + 0.5) * (REACH * radius / RADII)
    flat = radii[:, None, None] * torch.stack([yaw.cos(), yaw.sin()], -1)
    return torch.cat([F.pad(flat, (0, 1), value=share * float(height)) for share in HEIGHTS])


class Glimpse(nn.Module):
    """From the rings in picture and residual to features of every yaw bin, `features` of them."""

    code: Tensor

    def __init__(self, catalogue: Catalogue, camera: Camera, yaw_bins: int, channels: int):
        super().__init__()
        angles = PER_BIN * yaw_bins
        self.rings = Rings(catalogue, camera, angles)
        yaw = yaws(angles)
        self.register_buffer("code", torch.stack([yaw.cos(), yaw.sin()]), persistent=False)
        self.first = circular(6 * RADII * len(HEIGHTS) + 2, channels, 5, padding=2)
        self.second = circular(channels, 2 * channels, 2 * PER_BIN, padding=PER_BIN // 2, stride=PER_BIN)
        self.activation = nn.SiLU()
        self.features = 2 * channels

    def forward(
        self,
        sight: Float[Tensor, "batch 6 height width"],
        identity: Int[Tensor, " batch"],
        position: Float[Tensor, "batch 3"],
    ) -> Float[Tensor, "batch feature bin"]:
        seen = self.rings(sight, identity, position)
        contrast = contrasted(rearrange(seen, "batch channel ring angle -> batch (channel ring) angle"))
        contrast = torch.cat([contrast, self.code.expand(len(contrast), -1, -1)], 1)
        return self.activation(self.second(self.activation(self.first(contrast))))


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
        self, closer: Float[Tensor, "batch feature bin"], known: Float[Tensor, "batch input"]
    ) -> tuple[Choice, BoxNormal]:
        mixed = self.activation(self.between(closer) + self.known(known)[..., None])
        logits, mean, log_std = self.last(mixed).unbind(1)
        return Choice(logits=logits), BoxNormal(mean, log_std.clamp(-6, 1.5).exp())


def contrasted(rings: Float[Tensor, "batch ring angle"]) -> Float[Tensor, "batch ring angle"]:
    """What changes along each ring, at one scale for all of them: what does not change says nothing about the yaw."""
    contrast = rings - rings.mean(-1, keepdim=True)
    return contrast / (contrast.square().mean((1, 2), keepdim=True) + 0.05**2).sqrt()


def circular(inputs: int, outputs: int, kernel: int, **options: int) -> nn.Conv1d:
    """A convolution along a circle."""
    return nn.Conv1d(inputs, outputs, kernel, padding_mode="circular", **options)  # type: ignore[arg-type]

"""Where the picture is read for a closer look: on rings about an object's axis, through the camera."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from renderers.projection import once, rows, times
from renderers.streaming.launch import launch
from scenes.catalogue import Catalogue
from scenes.view import View

HEIGHTS, FINE = (0.5, 1.0), (0.25, 0.5, 0.75, 1.0)
"""Of the rings, as shares of a mesh's height: what sticks out to the side, a label, and what the lid shows."""

RADII = 10
"""Rings at each height."""

REACH = 1.1
"""Radius of the largest ring, as a share of a mesh's."""


class RingSampler(nn.Module):
    """Where the rings about an object are in its picture. They are as large and as high as its mesh."""

    around: Tensor

    def __init__(self, catalogue: Catalogue, angles: int, heights: tuple[float, ...] = HEIGHTS):
        super().__init__()
        yaw = yaws(angles)
        levels = [[share * float(mesh.hull[:, 2].max()) for share in heights] for mesh in catalogue.meshes]
        each = zip(catalogue.meshes, levels, strict=True)
        around = torch.stack([rings_of(mesh.radius, of_mesh, yaw) for mesh, of_mesh in each]).float()
        around = around.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # as `contrast` reads it, ring by ring
        self.register_buffer("around", around, persistent=False)

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

    def contrast(
        self,
        images: Float[Tensor, "picture channel height width"],
        identity: Int[Tensor, " batch"],
        position: Float[Tensor, "batch 3"],
        view: View,
        code: Float[Tensor, "2 angle"],
    ) -> Float[Tensor, "batch feature angle"]:
        """What changes along each ring, and the code of each angle; one kernel on the CPU, where no gradient is wanted:
        the pictures would be streamed through memory ten times otherwise."""
        numbers = once(view, ("rings", self.around.dtype), lambda: through(view, self.around.dtype))
        inputs = position, images, self.around.permute(0, 2, 3, 1), *numbers, code
        if any(x.is_cuda or x.requires_grad or x.dtype != torch.float32 for x in inputs):
            seen = instance_normalise(self(images, identity, position, view).flatten(1, 2))
            return torch.cat([seen, code.expand(len(seen), -1, -1)], 1)
        features = images.shape[1] * self.around.shape[1] + len(code)
        read = images.new_empty(len(identity), self.around.shape[2], features)
        launch("rings_forward", *(x.contiguous() for x in (identity, *inputs)), read)
        return read.transpose(1, 2)


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


def instance_normalise(rings: Float[Tensor, "batch ring angle"]) -> Float[Tensor, "batch ring angle"]:
    """What changes along each ring, at one scale for all of them: what does not change says nothing about the yaw."""
    contrast = rings - rings.mean(-1, keepdim=True)
    return contrast / (contrast.square().mean((1, 2), keepdim=True) + 0.05**2).sqrt()

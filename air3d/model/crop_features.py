"""A glimpse of the picture around a place: what stands there, read at full resolution (Mnih et al. 2014, "Recurrent
Models of Visual Attention").

Attention averages its cells: it knows colours and what is left there, and little of a shape. In a light that is not
known a dark white plate and a grey pan are one colour, and what tells them apart is a handle.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from air3d.model.rings import through
from renderers.projection import once, times
from scenes.view import View

SIDE = 24
"""Samples along a side."""


class CropFeatures(nn.Module):
    """A square of the picture, facing the camera, that reaches `radius` metres from a point on the table: features of
    it, [batch, `features`]."""

    offsets: Tensor

    def __init__(self, radius: float, channels: int, features: int):
        super().__init__()
        steps = radius * ((torch.arange(SIDE) + 0.5) * (2 / SIDE) - 1)
        across, down = torch.meshgrid(steps, steps, indexing="xy")
        self.register_buffer("offsets", torch.stack([across, down], -1), persistent=False)
        self.first = nn.Conv2d(9, channels // 2, 4, stride=2, padding=1)
        self.second = nn.Conv2d(channels // 2, channels, 4, stride=2, padding=1)
        self.last = nn.Linear(channels * (SIDE // 4) ** 2, features)
        self.activation = nn.SiLU()

    def forward(
        self, closeup: Float[Tensor, "batch 6 height width"], position: Float[Tensor, "batch 3"], view: View
    ) -> Float[Tensor, "batch feature"]:
        """`closeup`: the picture and what the canvas lacks of it; `position`: of the point, metres."""
        seen = F.grid_sample(closeup, self.grid(position, view), padding_mode="border", align_corners=False)
        lacking = seen[:, 3:]
        contrast = lacking / (lacking.square().mean((1, 2, 3), keepdim=True) + 0.05**2).sqrt()
        features = self.activation(self.first(torch.cat([seen, contrast], 1)))
        return self.activation(self.last(self.activation(self.second(features)).flatten(1)))

    def grid(self, position: Float[Tensor, "batch 3"], view: View) -> Float[Tensor, "batch row column 2"]:
        """Where the square lies in the picture, in the units of grid_sample."""
        dtype = self.offsets.dtype
        rotation, translation, scale, shift = once(view, ("rings", dtype), lambda: through(view, dtype))
        middle = times(position[:, None], rotation) + translation[:, None]
        seen = middle[:, None, :, :2] - self.offsets  # to the left is +x of a view, up is +y
        return seen * scale / middle[:, None, :, 2:].clamp_min(1e-3) + shift

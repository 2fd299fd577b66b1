"""What the posterior looks with: a small convolutional network and spatial attention that knows the camera."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from air3d.model.unexplained import STRIDE, Unexplained
from renderers.projection import once
from scenes.view import View, shared


class Encoder(nn.Module):
    """Picture, canvas and what is still unexplained between them, to a map of features at a quarter of the side.

    The last seven channels are plain: colours of the picture, what the canvas lacks of them, and how much is
    `unexplained` (`air3d.model.unexplained`).

    The first convolution is linear, so its share that sees only the picture is computed once per picture
    (`stem`) and reused by every sample and every step.
    """

    def __init__(self, width: int, channels: int, unexplained: Unexplained):
        super().__init__()
        self.picture = convolution(3, width, 4, stride=2)
        self.canvas = convolution(6, width, 4, stride=2, bias=False)
        self.down = convolution(width, channels, 4, stride=2)
        self.body = nn.ModuleList(convolution(channels, channels, 3) for _ in range(2))
        self.activation = nn.SiLU()
        self.channels, self.unexplained = channels + 7, unexplained

    def stem(
        self, picture: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch stem half_height half_width"]:
        return self.picture(picture)

    def forward(
        self,
        stem: Float[Tensor, "batch stem half_height half_width"],
        picture: Float[Tensor, "batch 3 height width"],
        canvas: Float[Tensor, "batch 3 height width"],
        table: Float[Tensor, "#batch 3 #height #width"],
    ) -> Float[Tensor, "batch channel row column"]:
        residual = (picture - canvas).abs()
        features = self.activation(stem + self.canvas(torch.cat([canvas, residual], 1)))
        features = self.activation(self.down(features))
        for layer in self.body:
            features = features + self.activation(layer(features))
        plain = F.avg_pool2d(torch.cat([picture, picture - canvas], 1), STRIDE)
        return torch.cat([features, plain, self.unexplained(picture, canvas, table)], 1)


def convolution(inputs: int, outputs: int, kernel: int, **options: int) -> nn.Conv2d:
    """The border repeats itself: padded with zeros it would stand out, and be looked at when there is nothing else."""
    return nn.Conv2d(inputs, outputs, kernel, padding=1, padding_mode="replicate", **options)  # type: ignore[arg-type]


def table_points(view: View, height: float = 0.0) -> Float[Tensor, "#batch cell 2"]:
    """The point (x, y), metres, of the plane z = `height` that each cell of the feature map looks at; one row where all
    pictures share a camera.

    Cells that look at or above the horizon get the point of the plane far ahead of the camera.
    """
    return once(view, ("table points", height), lambda: _table_points(view, height))


def _table_points(view: View, height: float) -> Float[Tensor, "#batch cell 2"]:
    cameras = view.intrinsics, view.camera_rotation, view.camera_translation
    one = all(map(shared, cameras))
    intrinsics, rotation, translation = (x[0] if one else x for x in cameras)
    eye = -(rotation @ translation[..., None])[..., 0].float()
    rays = cell_rays(intrinsics.float(), view.height, view.width) @ rotation.float().mT
    distance = (height - eye[..., None, 2]) / rays[..., 2].clamp_max(-1e-2)
    points = eye[..., None, :2] + distance[..., None] * rays[..., :2]
    return points[None] if one else points


def cell_rays(intrinsics: Float[Tensor, "*batch 4"], height: int, width: int) -> Float[Tensor, "*batch cell 3"]:
    """The direction that the middle of each cell looks in, view axes, of length 1 along the view axis."""
    rows, columns = ((torch.arange(side // STRIDE, device=intrinsics.device) + 0.5) * STRIDE - 0.5
                     for side in (height, width))  # fmt: skip
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    pixels = torch.stack([column.flatten(), row.flatten()], -1)
    return F.pad((intrinsics[..., None, 2:] - pixels) / intrinsics[..., None, :2], (0, 1), value=1.0)

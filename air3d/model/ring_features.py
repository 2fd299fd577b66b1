"""A second, sharper look at one place: what stands around it, ring by ring, to read how the object there is turned.

The picture is sampled at full resolution on rings about the object's axis, through the camera. A turn of the object
then is, but for perspective, hiding and shading, a shift along the rings, and the same weights read every yaw bin.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from air3d.model.distributions import Choice, LogitNormal
from air3d.model.rings import FINE, HEIGHTS, RADII, RingSampler, yaws
from scenes.catalogue import Catalogue
from scenes.view import View

PER_BIN = 4
"""Places along a ring for each yaw bin."""


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
        self.first = Circular(6 * RADII * len(heights) + 2, channels, 5, beyond=2)
        self.second = Circular(channels, 2 * channels, 2 * PER_BIN, PER_BIN // 2, PER_BIN)
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
        read = self.rings.contrast(closeup, identity, position, view, self.code)
        for number, layer in enumerate((self.first, self.second)):
            read = layer(read)
            read = self.activation(self.told[number](read, identity) if self.told else read)
        return read


class YawHead(nn.Module):
    """The yaw bin, and the place within each of them: the same weights at every bin, which sees its neighbours."""

    def __init__(self, features: int, inputs: int, initial_std: float):
        super().__init__()
        self.known = nn.Linear(inputs, features)
        self.between = Circular(features, features, 3, beyond=1)
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


class Circular(nn.Conv1d):
    """A convolution along a circle. Features lie side by side in memory, as the CPU's convolutions like them best."""

    def __init__(self, inputs: int, outputs: int, kernel: int, beyond: int, stride: int = 1):
        super().__init__(inputs, outputs, kernel, stride)
        self.beyond = beyond

    def forward(self, features: Float[Tensor, "batch feature angle"]) -> Float[Tensor, "batch output place"]:
        there = features.transpose(1, 2)
        closed = torch.cat([there[:, -self.beyond :], there, there[:, : self.beyond]], 1)
        weight = self.weight[:, :, None].contiguous(memory_format=torch.channels_last)
        return F.conv2d(closed[:, None].movedim(-1, 1), weight, self.bias, (1, self.stride[0]))[:, :, 0]

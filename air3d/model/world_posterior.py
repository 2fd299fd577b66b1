"""q(world | picture) of what step 0 infers with a network: the light, the camera. A diagonal Gaussian on the numbers of
`world_numbers`, of which each is a standard normal beforehand.

It reads the picture, the empty table (in closed form) and their difference, coarsely, in two ways.

    what lies beside what    cross-correlations of learned maps: a shadow, or the lit side of an object, is displaced
                             from what throws it by where the light comes from, wherever that stands in the picture
    what it looks like where convolutional features, averaged over the picture with weights by how much a place differs
                             from the table: the camera's height and tilt show in how objects look, and where

Light's direction is read from the first within a hundred steps; the second alone needs thousands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from air3d.model.world_numbers import Numbers
from renderers.convert import channels_first

SIDE = 32
"""Pictures are averaged to about so many pixels on their shorter side."""

PAIRS, REACH = 8, 5
"""Pairs of maps that are correlated, and how far, in those pixels."""

SEEN, WIDTH, HIDDEN = 12, 48, 128
"""Channels of what is read, of the features, and hidden units."""

LEAST, MOST = -4.0, 0.5
"""Where the logarithm of a standard deviation stays."""

NOISE, BLACK = 0.02, 0.05
"""Colours: a difference from the table that is as good as none, and a table on which no shadow shows."""


@dataclass
class Gaussian:
    """Independent normal numbers."""

    mean: Float[Tensor, "picture number"]
    std: Float[Tensor, "picture number"]

    def sample(self) -> Float[Tensor, "picture number"]:
        """Reparameterised."""
        return self.mean + self.std * torch.randn_like(self.mean)

    def kl(self) -> Float[Tensor, " picture"]:
        """To the standard normal, nats."""
        return ((self.mean.square() + self.std.square() - 1) / 2 - self.std.log()).sum(-1)

    def log_prob(self, numbers: Float[Tensor, "picture number"]) -> Float[Tensor, " picture"]:
        square = ((numbers - self.mean) / self.std).square()
        return -(square / 2 + self.std.log() + math.log(2 * math.pi) / 2).sum(-1)

    def log_ratio(self, numbers: Float[Tensor, "picture number"]) -> Float[Tensor, " picture"]:
        """log p - log q of these numbers."""
        prior = Gaussian(torch.zeros_like(self.mean), torch.ones_like(self.std))
        return prior.log_prob(numbers) - self.log_prob(numbers)


class WorldPosterior(nn.Module):
    """The network. `parts`: what it infers, by name."""

    def __init__(self, parts: Mapping[str, Numbers]) -> None:
        super().__init__()
        self.parts, pairs = dict(parts), PAIRS * (2 * REACH + 1) ** 2
        self.maps = nn.Sequential(nn.Conv2d(SEEN, 16, 1), nn.SiLU(), same(16, 2 * PAIRS), nn.Tanh())
        self.features = nn.Sequential(
            same(SEEN + 2, WIDTH // 2), nn.SiLU(), same(WIDTH // 2, WIDTH, 2), nn.SiLU(),
            same(WIDTH, WIDTH), nn.SiLU(), same(WIDTH, WIDTH, 2), nn.SiLU(),
        )  # fmt: skip
        self.normal = nn.LayerNorm(pairs)
        numbers = sum(part.size for part in parts.values())
        self.hidden, self.read = nn.Linear(pairs + 3 * WIDTH, HIDDEN), nn.Linear(HIDDEN, 2 * numbers)
        with torch.no_grad():  # nearly the prior
            self.read.weight.mul_(0.1)
            self.read.bias.zero_()

    def forward(
        self, pictures: Float[Tensor, "picture height width 3"], table: Float[Tensor, "picture height width 3"]
    ) -> dict[str, Gaussian]:
        """q of each part's numbers."""
        seen = compared(channels_first(pictures), channels_first(table))
        beside = self.normal(correlations(*centred(self.maps(seen)).chunk(2, 1)).flatten(1))
        known = torch.cat([beside, self.pooled(seen)], -1)
        mean, log_std = self.read(F.silu(self.hidden(known))).chunk(2, -1)
        sizes, std = [part.size for part in self.parts.values()], log_std.clamp(LEAST, MOST).exp()
        each = zip(self.parts, mean.split(sizes, -1), std.split(sizes, -1), strict=True)
        return {name: Gaussian(*pair) for name, *pair in each}

    def pooled(self, seen: Float[Tensor, "picture channel row column"]) -> Float[Tensor, "picture feature"]:
        """Mean and largest of the features, and the mean weighted towards what differs from the table."""
        features = self.features(torch.cat([seen, coordinates(seen)], 1))
        different = F.adaptive_avg_pool2d(seen[:, 6:9], features.shape[-2:]).square().sum(1, keepdim=True) + NOISE
        weights = different / different.sum((2, 3), keepdim=True)
        return torch.cat([(features * weights).sum((2, 3)), features.mean((2, 3)), features.amax((2, 3))], -1)


def same(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, padding_mode="replicate")


def compared(
    picture: Float[Tensor, "picture 3 height width"], table: Float[Tensor, "picture 3 height width"]
) -> Float[Tensor, "picture 12 row column"]:
    """Both, coarsely; their difference in units of its own size, and as a share of the table's colour."""
    times = max(1, min(picture.shape[-2:]) // SIDE)
    seen, bare = F.avg_pool2d(picture, times), F.avg_pool2d(table, times)
    lacking = seen - bare
    unit = (lacking.square().mean((1, 2, 3), keepdim=True) + NOISE**2).sqrt()
    return torch.cat([2 * seen - 1, 2 * bare - 1, lacking / unit, (lacking / (bare + BLACK)).clamp(-2, 2)], 1)


def centred(maps: Float[Tensor, "picture map row column"]) -> Float[Tensor, "picture map row column"]:
    return maps - maps.mean((2, 3), keepdim=True)


def correlations(
    first: Float[Tensor, "picture map row column"], second: Float[Tensor, "picture map row column"]
) -> Float[Tensor, "picture map down right"]:
    """sum_p first(p) second(p + d) of each pair, for every displacement d up to `REACH` pixels, by Fourier transforms;
    what lies outside a picture is 0. In units of the root of a picture's pixels."""
    height, width = first.shape[-2:]
    size = (height + 2 * REACH, width + 2 * REACH)
    products = torch.fft.rfft2(first, size).conj() * torch.fft.rfft2(second, size)
    whole = torch.fft.irfft2(products, size).roll((REACH, REACH), (-2, -1))
    return whole[..., : 2 * REACH + 1, : 2 * REACH + 1] / math.sqrt(height * width)


def coordinates(like: Float[Tensor, "picture channel row column"]) -> Float[Tensor, "picture 2 row column"]:
    """Of each pixel, from -1 to 1."""
    rows, columns = (torch.linspace(-1, 1, side, device=like.device) for side in like.shape[-2:])
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy")).expand(len(like), -1, -1, -1)

"""q(world | picture) of what step 0 infers with a network: the light, the camera. A diagonal Gaussian on the numbers of
`world_numbers`, of which each is a standard normal beforehand.

It reads the picture, the empty table (in closed form) and their difference. Light shows on objects and in their
shadows, the camera's height and tilt in how objects look; the bare table says next to nothing of either. So the means
over the picture are weighted by how much a place differs from the table.
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

STRIDE = 8
"""Pixels on a side of what the features are averaged over."""

WIDTH, HIDDEN = 48, 128

LEAST, MOST = -4.0, 0.5
"""Where the logarithm of a standard deviation stays."""

BARE = 0.01
"""Weight of the bare table, against the square of a difference in colour."""


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
        self.parts = dict(parts)
        self.features = nn.Sequential(
            *block(11, WIDTH // 2, 4, 2), *block(WIDTH // 2, WIDTH, 4, 2), *block(WIDTH, WIDTH, 4, 2),
            *block(WIDTH, WIDTH, 3, 1),
        )  # fmt: skip
        self.read = nn.Sequential(
            nn.LayerNorm(3 * WIDTH), nn.Linear(3 * WIDTH, HIDDEN), nn.SiLU(),
            nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 2 * sum(part.size for part in parts.values())),
        )  # fmt: skip
        with torch.no_grad():  # nearly the prior
            self.read[-1].weight.mul_(0.1)  # pyright: ignore[reportCallIssue]
            self.read[-1].bias.zero_()  # pyright: ignore[reportCallIssue]

    def forward(
        self, pictures: Float[Tensor, "picture height width 3"], table: Float[Tensor, "picture height width 3"]
    ) -> dict[str, Gaussian]:
        """q of each part's numbers."""
        seen, bare = channels_first(pictures), channels_first(table)
        features = self.features(torch.cat([seen, bare, seen - bare, coordinates(seen)], 1))
        weights = differing(seen - bare, features.shape[-2:])
        means = (features * weights).sum((2, 3)), features.mean((2, 3)), features.amax((2, 3))
        mean, log_std = self.read(torch.cat(means, -1)).chunk(2, -1)
        sizes, std = [part.size for part in self.parts.values()], log_std.clamp(LEAST, MOST).exp()
        each = zip(self.parts, mean.split(sizes, -1), std.split(sizes, -1), strict=True)
        return {name: Gaussian(*pair) for name, *pair in each}


def block(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=1, padding_mode="replicate"), nn.SiLU()


def coordinates(like: Float[Tensor, "picture channel height width"]) -> Float[Tensor, "picture 2 height width"]:
    """Of each pixel, from -1 to 1: what a picture says of a camera depends on where it says it."""
    rows, columns = (torch.linspace(-1, 1, side, device=like.device) for side in like.shape[-2:])
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy")).expand(len(like), -1, -1, -1)


def differing(
    difference: Float[Tensor, "picture 3 height width"], size: tuple[int, int]
) -> Float[Tensor, "picture 1 row column"]:
    """Weights that sum to 1, by how far each place's mean colour is from the table's: noise cancels in it."""
    square = F.adaptive_avg_pool2d(difference, size).square().sum(1, keepdim=True) + BARE**2
    return square / square.sum((2, 3), keepdim=True)

"""The table behind the objects, and the sensor's noise, in closed form from one picture.

A table's colour changes slowly from one side of the picture to the other, objects do not. Each channel is a quadratic
in the pixel's place, fitted to all pixels by iteratively reweighted least squares: with Cauchy's weights
w = 1 / (1 + e^2 / c^2) of the squared error e^2, mean of the three channels, a pixel far from the fit hardly counts,
and a third of the pixels may show something else (Holland & Welsch 1977, "Robust regression using iteratively
reweighted least-squares"). c follows the median error, so nothing has to be known about the noise; and the median of
what is no object, at the end, says how strong the noise is.

It is a point estimate: six numbers a channel from thousands of pixels leave next to no doubt, and none enters the
bound. A texture is no part of it. It counts as noise.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

ROUNDS = 12
COARSE = 3
"""Rounds of the fit, and how many of them are more tolerant: the first fit is far off where objects stand."""

SCALE = 2.2
"""c^2 as a multiple of the median of e^2: about 2.4 standard deviations of Gaussian noise, mean of three channels."""

TO_DEVIATION = 1.12
"""A standard deviation as a multiple of the root of the median of e^2, the mean square of three Gaussian channels."""

WITHIN = 6.0
"""Pixels whose e^2 is more than so many medians are no table: in Gaussian noise that is one in 400."""

ENOUGH = 32
"""Blocks along a side that a quadratic is fitted to: larger pictures are averaged over 2 x 2, 3 x 3, .. pixels first.
Every second pixel alone would take a texture of fine lines for the table, and knows less in noise."""

RIDGE = 1e-3
LEAST = 1e-6
"""What keeps the fit a number: added to the normal equations, and least squared error of a picture of one colour."""


@torch.no_grad()
def empty_table(
    pictures: Float[Tensor, "batch height width 3"],
) -> tuple[Float[Tensor, "batch height width 3"], Float[Tensor, " batch"]]:
    """What each picture would show without its objects, in [0, 1], and the standard deviation of its noise."""
    sides = pictures.shape[1:3]
    powers, block = quadratic(*sides).to(pictures), max(1, min(sides) // ENOUGH)
    table = powers @ fit(averaged(powers.view(1, *sides, -1), block)[0], averaged(pictures, block))
    pixels = pictures.flatten(1, 2)
    noise = TO_DEVIATION * bare_median((pixels - table).square().mean(-1)).sqrt()
    return table.view_as(pictures).clamp(0, 1), noise


def averaged(pixels: Float[Tensor, "batch height width channel"], block: int) -> Float[Tensor, "batch pixel channel"]:
    """The means of whole blocks of pixels; of a quadratic's terms, too, those of its values."""
    channels = pixels.permute(0, 3, 1, 2)
    return (channels if block == 1 else F.avg_pool2d(channels, block)).flatten(2).mT


def fit(powers: Float[Tensor, "pixel 6"], pixels: Float[Tensor, "batch pixel 3"]) -> Float[Tensor, "batch 6 3"]:
    """The quadratic's coefficients, from reweighted least squares."""
    products = (powers[:, :, None] * powers[:, None]).flatten(1)
    table = pixels.median(1, keepdim=True).values.expand_as(pixels)
    for index in range(ROUNDS):
        error = (pixels - table).square().mean(-1)
        scale = SCALE * error.median(1, keepdim=True).values.clamp_min(LEAST) * (4 if index < COARSE else 1)
        weights = 1 / (1 + error / scale)
        normal = (weights @ products).unflatten(1, (6, 6)) + RIDGE * torch.eye(6).to(pixels)
        fitted = torch.linalg.solve(normal, powers.mT @ (weights[..., None] * pixels))
        table = powers @ fitted
    return fitted


def bare_median(error: Float[Tensor, "batch pixel"]) -> Float[Tensor, " batch"]:
    """The median of the pixels that show the table: objects raise that of all, by a third if they cover a third."""
    far = error > WITHIN * error.median(1, keepdim=True).values
    return error.masked_fill(far, torch.nan).nanmedian(1).values


@lru_cache
def quadratic(height: int, width: int) -> Float[Tensor, "pixel 6"]:
    """1, x, y, x^2, xy, y^2 of each pixel, x and y from -1 to 1."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -1).flatten(0, 1)

"""p(x | z): a Gaussian pixel likelihood, and one in which every pixel may be an outlier."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def log_likelihood(
    image: Float[Tensor, "batch height width 3"], picture: Float[Tensor, "batch height width 3"], sigma: float
) -> Float[Tensor, " batch"]:
    """log Normal(picture; image, sigma) summed over pixels and channels, in nats."""
    difference = image - picture
    pixels = difference[0].numel()
    return -squared(difference) / (2 * sigma**2) - pixels * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


def log_likelihood_with_outliers(
    image: Float[Tensor, "batch height width 3"],
    picture: Float[Tensor, "batch height width 3"],
    sigma: float,
    share: float,
) -> Float[Tensor, " batch"]:
    """The same where every pixel may be an outlier: log [(1 - share) Normal(x; image, sigma) + share Uniform(x; 0, 1)],
    summed over pixels, in nats.

    A shadow, a highlight or a foreign thing costs log(1 / share) - 3 log(sigma sqrt(2 pi)) nats a pixel at most,
    however far it is from what was painted (a contaminated normal: Tukey 1960, "A survey of sampling from contaminated
    distributions").
    """
    error = (image - picture).square().sum(-1).flatten(1)
    peak = math.log1p(-share) - 3 * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    normal = peak - error / (2 * sigma**2)
    return math.log(share) * error.shape[1] + F.softplus(normal - math.log(share)).sum(1)


def gain(
    before: Float[Tensor, "*pixel"], after: Float[Tensor, "*pixel"], sigma: float, share: float
) -> Float[Tensor, "*pixel"]:
    """By how many nats the likelihood of each pixel with that `share` of outliers (0: the plain one) rises where its
    squared error, summed over channels, goes from `before` to `after`."""
    if not share:
        return (before - after) / (2 * sigma**2)
    peak = math.log1p(-share) - 3 * (math.log(sigma) + 0.5 * math.log(2 * math.pi)) - math.log(share)
    explained = (F.softplus(peak - error / (2 * sigma**2)) for error in (after, before))
    return torch.sub(*explained)


def squared(difference: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    """The sum of squares of each row, without a copy of all of them in memory: pictures are large."""
    flat = difference.flatten(1)
    return torch.linalg.vecdot(flat, flat)

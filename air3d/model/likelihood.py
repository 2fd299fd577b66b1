"""p(x | z): a Gaussian pixel likelihood, and on demand coarse copies of it for a posterior that knows nothing yet.

The plain pixel likelihood is a plateau: an object that does not overlap its picture yet gets no pull towards it, and
costs least where it is smallest. Average-pooled copies of both pictures overlap long before the pictures do, so their
squared errors carry the pull. Level l pools l times (kernel 4, stride 2) and weighs 16**l, which makes up for what
averaging takes from the error. The pyramid fades to nothing, so that what is finally maximised is the plain likelihood.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

LEVELS = 4
GROWTH = 16.0


def log_likelihood(
    image: Float[Tensor, "batch height width 3"],
    picture: Float[Tensor, "batch height width 3"],
    sigma: float,
    pyramid: float = 0.0,
) -> Float[Tensor, " batch"]:
    """log Normal(picture; image, sigma) summed over pixels and channels, in nats.

    With `pyramid` in (0, 1] the squared errors of the coarser levels are added with that weight: a tempered
    training signal, no longer a normalised density.
    """
    difference = image - picture
    error = squared(difference)
    if pyramid > 0:
        error = error + pyramid * pyramid_error(difference)
    pixels = difference[0].numel()
    return -error / (2 * sigma**2) - pixels * (math.log(sigma) + 0.5 * math.log(2 * math.pi))


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


def pyramid_error(difference: Float[Tensor, "batch height width 3"]) -> Float[Tensor, " batch"]:
    """sum_l GROWTH**l * squared error of the difference pooled l times; pooling is linear, so the difference suffices.

    The padding lets every pixel enter as many windows as any other: without it the border would count for less, and
    objects would flee there.
    """
    level = difference.permute(0, 3, 1, 2).contiguous()
    total = torch.zeros(len(difference), dtype=difference.dtype, device=difference.device)
    for index in range(1, LEVELS + 1):
        level = F.avg_pool2d(level, 4, 2, padding=2)
        total = total + GROWTH**index * squared(level)
    return total

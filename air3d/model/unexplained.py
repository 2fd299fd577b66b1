"""Where something is still to be found: what the canvas lacks of a picture, from 0 to 1, for each cell of the map."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

STRIDE = 4
"""Side of a cell, in pixels."""

NOTICEABLE = 0.1
"""How different a colour must be, mean of the three channels in [0, 1], to be more than noise."""

BLOCK = 2
LEAST, DEVIATIONS = 0.03, 2.5
"""In noise: pixels are averaged in blocks of that side, and a block must differ by that much, and by that many times
what half of the bare table's blocks differ by."""

Unexplained = Callable[..., Tensor]


def in_colours(
    picture: Float[Tensor, "batch 3 height width"],
    canvas: Float[Tensor, "batch 3 height width"],
    table: Float[Tensor, "#batch 3 #height #width"],
) -> Float[Tensor, "batch 1 row column"]:
    """How surely something is there that the canvas lacks: the picture is noticeably far from the canvas and from the
    bare `table`.

    Bare table that was painted over is nothing that is still to be found. What counts is how much of an object is seen,
    not how bright it is or what it stands in front of: the end of a handle that was painted the wrong way round is less
    than a mug.
    """
    error = torch.minimum((picture - canvas).abs().mean(1, True), (picture - table).abs().mean(1, True))
    return F.avg_pool2d(1 - (-0.5 * (error / NOTICEABLE).square()).exp(), STRIDE)


def in_noise(
    picture: Float[Tensor, "batch 3 height width"],
    canvas: Float[Tensor, "batch 3 height width"],
    table: Float[Tensor, "#batch 3 #height #width"],
) -> Float[Tensor, "batch 1 row column"]:
    """The same in units of the picture's own noise, for a `table` that was inferred from the picture.

    Signed differences are averaged over blocks first: noise and fine textures cancel, an object does not. The unit is
    the median over all blocks of how far they are from the table: noise, and as much of a texture as the blocks leave.
    """
    lacking, bare = (F.avg_pool2d(picture - other, BLOCK).abs().mean(1, True) for other in (canvas, table))
    unit = bare.flatten(1).median(1).values[:, None, None, None]
    noticeable = (LEAST**2 + (DEVIATIONS * unit).square()).sqrt()
    return F.avg_pool2d(1 - (-0.5 * (torch.minimum(lacking, bare) / noticeable).square()).exp(), STRIDE // BLOCK)

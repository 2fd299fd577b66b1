"""What a picture would be like with another object in it: the pixels that each of several objects would change.

Who compares alternatives needs no whole pictures. An object touches a few hundred pixels; everywhere else the picture
with it is the picture without it, and any sum over pixels differs by the touched ones alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass
class Touched:
    """Of each alternative the pixels that it changes, in no order that means anything, and behind them zeros.

    before: the squared error of the picture without it, summed over channels; lacking: the picture less the image with
    it; front: by how much that image changes if the object's colours are doubled (as in `recolour.Last`).
    """

    before: Float[Tensor, "*batch pixel"]
    lacking: Float[Tensor, "*batch pixel 3"]
    front: Float[Tensor, "*batch pixel 3"]

    @staticmethod
    def stack(each: list[Touched]) -> Touched:
        """Alternatives of as many pixels as one batch."""
        return Touched(*(torch.stack(column, 1) for column in zip(*((x.before, x.lacking, x.front) for x in each),
                                                                   strict=True)))  # fmt: skip

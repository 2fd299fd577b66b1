"""What a picture would be like with another object in it: the pixels that each of several objects would change.

Who compares alternatives needs no whole pictures. An object touches a few hundred pixels; everywhere else the picture
with it is the picture without it, and any sum over pixels differs by the touched ones alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class Touched:
    """Of each alternative the pixels that it may change, alternative after alternative.

    before [pixel]: the squared error of the picture without it, summed over channels; lacking [pixel, 3]: the picture
    less the image with it; front [pixel, 3]: by how much that image changes if the object's colours are doubled (as in
    `recolour.Last`); zeros where nothing changes after all. count [batch, alternative]: the pixels of each.
    """

    before: Float[Tensor, " pixel"]
    lacking: Float[Tensor, "pixel 3"]
    front: Float[Tensor, "pixel 3"]
    count: Int[Tensor, "batch alternative"]

    def summed(self, values: Float[Tensor, "pixel ..."]) -> Float[Tensor, "batch alternative ..."]:
        """Over the pixels of each alternative."""
        sums = torch.segment_reduce(values, "sum", lengths=self.count.flatten(), unsafe=True)
        return sums.unflatten(0, self.count.shape)

    def spread(self, values: Float[Tensor, "batch alternative ..."]) -> Float[Tensor, "pixel ..."]:
        """To each pixel what belongs to its alternative."""
        return values.flatten(0, 1).repeat_interleave(self.count.flatten(), 0, output_size=len(self.before))

    @staticmethod
    def whole(before: Tensor, lacking: Sequence[Tensor], front: Sequence[Tensor]) -> Touched:
        """Of whole pictures: before [batch, height, width], and for each alternative [batch, height, width, 3]."""
        pixels, shape = before[0].numel(), (len(before), len(lacking))
        count = torch.full(shape, pixels, device=before.device)
        errors = before.flatten(1)[:, None].expand(-1, len(lacking), -1)
        left, changed = (torch.stack(list(each), 1).reshape(-1, 3) for each in (lacking, front))
        return Touched(errors.flatten(), left, changed, count)

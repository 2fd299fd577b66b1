"""From what a renderer paints to what a camera's sensor delivers: noise, and the range that it can say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from scenes.generators import Part, generator
from scenes.view import View


def photograph(
    images: Float[Tensor, "batch height width 3"],
    view: View,
    seeds: Sequence[tuple[int, int]],
    bits: int | None = None,
) -> Float[Tensor, "batch height width 3"]:
    """Pictures in [0, 1] with Gaussian noise of the standard deviation that `view` (tensors) gives each.

    seeds: data-set seed and index of each picture, whose noise is its own, alone or in any batch; bits: what the sensor
    rounds to, 8 being 255 steps; None rounds nothing. Without noise a picture in [0, 1] stays bit for bit as it is.
    Raises ValueError unless there are as many views and seeds as images.
    """
    if not len(images) == len(view) == len(seeds):
        raise ValueError(f"{len(images)} images, {len(view)} views, {len(seeds)} seeds: there must be as many of each")
    if len(seeds) and bool((view.noise > 0).any()):
        images = images + view.noise.to(images)[:, None, None, None] * grains(seeds, images)
    images = images.clamp(0, 1)
    steps = None if bits is None else 2**bits - 1
    return images if steps is None else (images * steps).round() / steps


def grains(seeds: Sequence[tuple[int, int]], like: Tensor) -> Float[Tensor, "batch height width 3"]:
    """Standard normal numbers, from a generator of each picture's own; the same on every device."""
    shape = like.shape[1:]
    drawn = [generator(*seed, Part.SENSOR).standard_normal(shape, np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(drawn)).to(like)

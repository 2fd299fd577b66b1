"""From what a renderer paints to what a camera delivers: its lens, its noise, its tone curve and its file."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from renderers.convert import channels_first, to_bytes, to_floats
from scenes.generators import Part, generator
from scenes.view import View

WIDEST = 3.0
"""Standard deviations at which a blur's kernel is cut off."""


def photograph(
    images: Float[Tensor, "batch height width 3"],
    view: View,
    seeds: Sequence[tuple[int, int]],
    bits: int | None = None,
) -> Float[Tensor, "batch height width 3"]:
    """Pictures in [0, 1] with the blur, noise, tone and JPEG compression that `view` (tensors) gives each.

    seeds: data-set seed and index of each picture, whose noise is its own, alone or in any batch; bits: what the sensor
    rounds to, 8 being 255 steps; None rounds nothing. A picture in [0, 1] of which the view says nothing stays bit for
    bit as it is. Raises ValueError unless there are as many views and seeds as images.
    """
    if not len(images) == len(view) == len(seeds):
        raise ValueError(f"{len(images)} images, {len(view)} views, {len(seeds)} seeds: there must be as many of each")
    if len(seeds) == 0:
        return images
    if bool((view.blur > 0).any()):
        images = blurred(images, view.blur.to(images))
    if bool((view.tone != 1).any()):
        images = images.clamp(0, 1) ** view.tone.to(images)[:, None, None, None]
    if bool((view.noise > 0).any()):
        images = images + view.noise.to(images)[:, None, None, None] * grains(seeds, images)
    images = compressed(images.clamp(0, 1), view.jpeg.tolist())
    steps = None if bits is None else 2**bits - 1
    return images if steps is None else (images * steps).round() / steps


def grains(seeds: Sequence[tuple[int, int]], like: Tensor) -> Float[Tensor, "batch height width 3"]:
    """Standard normal numbers, from a generator of each picture's own; the same on every device."""
    shape = like.shape[1:]
    drawn = [generator(*seed, Part.SENSOR).standard_normal(shape, np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(drawn)).to(like)


def blurred(
    images: Float[Tensor, "batch height width 3"], deviation: Float[Tensor, " batch"]
) -> Float[Tensor, "batch height width 3"]:
    """Each picture under a Gaussian of its own width, in pixels, cut off where it would be if it were alone; its border
    goes on outside."""
    own = (WIDEST * deviation).ceil()[:, None]
    reach = int(own.max())
    offsets = torch.arange(-reach, reach + 1, device=images.device).to(images)
    kernel = (-0.5 * (offsets / deviation.clamp_min(1e-3)[:, None]).square()).exp() * (offsets.abs() <= own)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None]
    planes = channels_first(images).reshape(1, -1, *images.shape[1:3])
    planes = F.pad(planes, (reach,) * 4, mode="replicate")
    planes = F.conv2d(planes, kernel[..., None], groups=len(kernel))
    planes = F.conv2d(planes, kernel[:, :, None], groups=len(kernel))
    return planes.reshape(len(images), 3, *images.shape[1:3]).permute(0, 2, 3, 1).contiguous()


def compressed(
    images: Float[Tensor, "batch height width 3"], quality: Sequence[float]
) -> Float[Tensor, "batch height width 3"]:
    """Each picture as it comes out of a JPEG file of that quality; as it is where that is 0."""
    rows = [row for row, each in enumerate(quality) if each > 0]
    if rows:
        images = images.clone()
        files = [jpeg(picture, round(quality[row])) for row, picture in zip(rows, to_bytes(images[rows]), strict=True)]
        images[rows] = to_floats(np.stack(files)).to(images)
    return images


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    with io.BytesIO() as stored:
        Image.fromarray(picture).save(stored, "JPEG", quality=quality)
        return np.asarray(Image.open(stored).convert("RGB"))

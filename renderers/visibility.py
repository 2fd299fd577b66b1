"""How many pixels of a picture each object owns."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from renderers.base import Renderer
from renderers.canvas import DEPTH, LOG_CLEAR, WEIGHT
from scenes.objects import Objects


@torch.no_grad()
def owned_pixels(renderer: Renderer, objects: Objects) -> Bool[Tensor, "batch object height width"]:
    """Which pixels show which object (tensors): those it covers by more than half, where no other one weighs more.

    Each object is painted alone; its weight in the blend is ``S exp(m / gamma)``, compared as a logarithm.
    """
    renderer = getattr(renderer, "layers", renderer)  # a black box has no layers to compare: see FiniteDifference
    weights = []
    for slot in range(objects.slots):
        layer = renderer.paint(
            renderer.blank(len(objects)), objects.identity[:, slot], objects.position[:, slot],
            objects.rotation[:, slot], objects.presence[:, slot],
        )  # fmt: skip
        weight = layer[..., WEIGHT].log() + layer[..., DEPTH] / renderer.settings.gamma
        covered = -torch.expm1(layer[..., LOG_CLEAR]) > 0.5
        weights.append(torch.where(covered, weight, -torch.inf))
    stacked = torch.stack(weights, 1)
    return (stacked == stacked.amax(1, keepdim=True)) & stacked.isfinite()


def visible_pixels(renderer: Renderer, objects: Objects) -> Int[Tensor, "batch object"]:
    """Number of pixels that show each object; 0 where it is hidden or absent."""
    return owned_pixels(renderer, objects).sum((2, 3))

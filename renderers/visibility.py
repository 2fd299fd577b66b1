"""How much of each object a picture shows: its pixels, and whether they tell how it is turned."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from renderers.base import Renderer
from renderers.canvas import DEPTH, LOG_CLEAR, WEIGHT, blank
from scenes.objects import Objects
from scenes.view import View

TURN, TELLING, CHANGE = math.radians(30), 8, 0.3
"""What counts as seeing a turn: radians, pixels, and how much one of a pixel's colours changes. Less than 0.3 is what
the facets of a plate or a bowl do."""


@torch.no_grad()
def owned_pixels(renderer: Renderer, objects: Objects, view: View) -> Bool[Tensor, "batch object height width"]:
    """Which pixels show which object (tensors): those it covers by more than half, where no other one weighs more.

    Each object is painted alone, without antialiasing; its weight in the blend is ``S exp(m / gamma)``, compared as a
    logarithm.
    """
    renderer = getattr(renderer, "layers", renderer)  # a black box has no layers to compare: see FiniteDifference
    weights, canvas = [], blank(len(objects), view.height, view.width, renderer.vertices)  # one fragment, one owner
    for slot in range(objects.slots):
        layer = renderer.paint(canvas, objects.slot(slot), view)
        weight = layer[..., WEIGHT].log() + layer[..., DEPTH] / renderer.settings.gamma
        covered = -torch.expm1(layer[..., LOG_CLEAR]) > 0.5
        weights.append(torch.where(covered, weight, -torch.inf))
    stacked = torch.stack(weights, 1)
    return (stacked == stacked.amax(1, keepdim=True)) & stacked.isfinite()


def visible_pixels(renderer: Renderer, objects: Objects, view: View) -> Int[Tensor, "batch object"]:
    """Number of pixels that show each object; 0 where it is hidden or absent."""
    return owned_pixels(renderer, objects, view).sum((2, 3))


@torch.no_grad()
def rotation_visible(renderer: Renderer, objects: Objects, view: View) -> Bool[Tensor, "batch object"]:
    """Whether a turn of the object would be seen (tensors): by `TURN` to either side, it changes the colour of
    `TELLING` pixels or more by `CHANGE`. False for absent objects, bodies of revolution and a mug whose handle is
    hidden, be it by the mug itself."""
    renderer = getattr(renderer, "layers", renderer)  # a black box would take long over so many pictures
    picture = renderer.render(objects, view)

    def changed(slot: int, turn: float) -> Bool[Tensor, " batch"]:
        rotation = objects.rotation.clone()
        rotation[:, slot] += turn
        difference = (renderer.render(replace(objects, rotation=rotation), view) - picture).abs().amax(-1)
        return (difference >= CHANGE).sum((1, 2)) >= TELLING

    shown = [changed(slot, -TURN) & changed(slot, TURN) for slot in range(objects.slots)]
    return torch.stack(shown, 1) & (objects.presence > 0.5)

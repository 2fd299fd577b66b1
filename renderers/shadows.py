"""The shadows that objects throw onto the table: where a lamp is hidden, the table shows the ambient part of its light.

A mesh's shadow is the mesh itself, pressed flat onto the table along the light: the corner (x, y, z) falls on
``(x, y) - z (l_x, l_y) / l_z``. That map is linear, so it is put before the camera's rotation, and the renderer paints
shadows as it paints objects, handles and all. A lamp is no point: the shadow is the mean over directions in a cone.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from renderers.base import Renderer, empty_table, fitting
from renderers.canvas import LOG_CLEAR, averaged
from scenes.objects import Objects
from scenes.view import View

LOW = 0.2
"""The least slope of the light: from lower still, shadows leave the picture."""

RING = 4
"""Directions in which a lamp's border is looked at."""


@torch.no_grad()
def shadowed(renderer: Renderer, objects: Objects, view: View) -> View:
    """The same view (tensors), its table darkened by the shadows of the objects; itself where no lamp throws any.

    Only the table is darker: objects throw no shadow onto each other, nor onto themselves.
    """
    if not bool((view.lamp > 0).any()):
        return view
    view = fitting(view, len(objects))
    light = view.light.float()
    direct = view.diffuse.float() * light[:, 2].clamp_min(0)
    dark = (direct / (view.ambient.float() + direct).clamp_min(1e-6))[:, None, None, None]
    masks = [hidden(renderer, objects, view, way) for way in lamp(light, view.lamp.float())]
    dark = dark * (view.lamp > 0)[:, None, None, None]
    background = empty_table(view) * (1 - dark * torch.stack(masks).mean(0))
    return replace(view, background=background)


def hidden(
    renderer: Renderer, objects: Objects, view: View, light: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch height width 1"]:
    """How much of each pixel's table the objects hide from a light in that direction, from 0 to 1."""
    pressed = torch.eye(3, dtype=torch.float64, device=light.device).repeat(len(light), 1, 1)
    pressed[:, 2, :2] = -(light[:, :2] / light[:, 2:].clamp_min(LOW)).double()
    pressed[:, 2, 2] = 0
    moved = view.camera_translation.clone(memory_format=torch.contiguous_format)  # a row each, as the rotations are
    flat = replace(view, camera_rotation=pressed @ view.camera_rotation, camera_translation=moved)
    canvas = renderer.paint(renderer.blank(flat), objects, flat)
    return averaged(-torch.expm1(canvas[..., LOG_CLEAR, None]), renderer.settings.antialias)


def lamp(light: Float[Tensor, "batch 3"], radius: Float[Tensor, " batch"]) -> list[Float[Tensor, "batch 3"]]:
    """Directions to points of a round lamp: its middle, and `RING` on its border."""
    up = torch.tensor([0.0, 0.0, 1.0], device=light.device).expand_as(light)
    across = torch.nn.functional.normalize(torch.linalg.cross(light, up + 1e-3), dim=-1)
    along = torch.linalg.cross(light, across)
    angles = torch.arange(RING, device=light.device) * (2 * torch.pi / RING)
    sides = (angle.cos() * across + angle.sin() * along for angle in angles)
    return [light, *(light + radius[:, None] * side for side in sides)]

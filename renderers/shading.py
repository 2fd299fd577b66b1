"""Colours of corners: ambient plus one directional Lambert light. In torch, once, for every backend."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from renderers.projection import rows
from scenes.view import View


def towards_light(yaw: Float[Tensor, "batch 3 3"], light: Float[Tensor, "row 3"]) -> Float[Tensor, "batch 3"]:
    """The direction towards the light in each object's own axes; ``light`` a row for each object, or one for all.

    The light is turned into the object's axes instead of every normal into the world's: ``(n Rz) . l = n . (Rz l)``.
    """
    return yaw @ light[0] if len(light) == 1 else (yaw @ light[..., None])[..., 0]


def surfaces(view: View, tint: Float[Tensor, "batch slot 3"] | None, slots: int) -> Float[Tensor, "object 5"]:
    """Of every object: factors on red, green and blue (its tint times the light's gain), ambient and diffuse."""
    count = len(view) * slots
    gain, ambient, diffuse = (rows(field, slots) for field in (view.gain, view.ambient, view.diffuse))
    factor = gain if tint is None else tint.flatten(0, 1) * gain
    parts = factor, ambient[:, None], diffuse[:, None]
    return torch.cat([part.expand(count, -1) for part in parts], 1)


def shade(
    albedo: Float[Tensor, "batch vertex 3"],
    normals: Float[Tensor, "batch vertex 3"],
    towards: Float[Tensor, "batch 3"],
    surface: Float[Tensor, "batch 5"],
) -> Float[Tensor, "batch vertex 3"]:
    """``albedo factor (ambient + diffuse max(0, n . l))``, with ``l`` the unit vector towards the light."""
    lambert = torch.bmm(normals, towards[..., None]).relu()
    factor, ambient, diffuse = surface[:, None].split([3, 1, 1], -1)
    return albedo * factor * (ambient + diffuse * lambert)

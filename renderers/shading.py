"""Colours of corners: ambient plus one directional Lambert light. In torch, once, for every backend."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from renderers.projection import yaw_matrix


def shade(
    albedo: Float[Tensor, "batch vertex 3"],
    normals: Float[Tensor, "batch vertex 3"],
    rotation: Float[Tensor, "batch"],
    light: Float[Tensor, "3"],
    ambient: float,
    diffuse: float,
) -> Float[Tensor, "batch vertex 3"]:
    """``albedo (ambient + diffuse max(0, n . l))``, with ``l`` the unit vector towards the light in world axes.

    The light is turned into the object's axes instead of every normal into the world's: ``(n Rz) . l = n . (Rz l)``.
    """
    towards = yaw_matrix(rotation) @ light
    lambert = torch.bmm(normals, towards[..., None]).relu()
    return albedo * torch.add(lambert.new_full((), ambient), lambert, alpha=diffuse)

"""From an object's own axes to the screen. Row vectors, PyTorch3D's axes: +X left, +Y up, +Z into the scene."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def yaw_matrix(rotation: Float[Tensor, "batch"]) -> Float[Tensor, "batch 3 3"]:
    """``R`` with ``v_world = v_object @ R``: a turn by ``rotation`` radians about +Z, counter-clockwise from above."""
    cos, sin = rotation.cos(), rotation.sin()
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    return torch.stack([cos, sin, zero, -sin, cos, zero, zero, zero, one], -1).unflatten(-1, (3, 3))


def to_view(
    vertices: Float[Tensor, "batch vertex 3"],
    position: Float[Tensor, "batch 3"],
    rotation: Float[Tensor, "batch"],
    camera_rotation: Float[Tensor, "3 3"],
    camera_translation: Float[Tensor, "3"],
) -> Float[Tensor, "batch vertex 3"]:
    """Object axes to view axes, metres: ``(v @ Rz + position) @ R + T``, as one product a vertex."""
    turn = yaw_matrix(rotation) @ camera_rotation
    shift = position @ camera_rotation + camera_translation
    return torch.baddbmm(shift[:, None], vertices, turn)


def to_ndc(view: Float[Tensor, "batch vertex 3"], scale: float) -> Float[Tensor, "batch vertex 3"]:
    """View axes to ``(x_ndc, y_ndc, z_view)``. ``scale`` (see ``Camera``): the picture's shorter side spans [-1, 1]."""
    depth = view[..., 2:]
    return torch.cat([view[..., :2] * (scale / depth), depth], -1)


def pixel_centres(height: int, width: int, like: Tensor) -> tuple[Float[Tensor, "width"], Float[Tensor, "height"]]:
    """NDC x of every column and y of every row: column 0 is at the left (+x), row 0 at the top (+y)."""
    short = min(height, width)
    x = (width - 1 - 2 * torch.arange(width, dtype=like.dtype, device=like.device)) / short
    y = (height - 1 - 2 * torch.arange(height, dtype=like.dtype, device=like.device)) / short
    return x, y

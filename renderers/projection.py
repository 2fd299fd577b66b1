"""From an object's own axes to the screen. Row vectors, PyTorch3D's axes: +X left, +Y up, +Z into the scene.

Numbers of the camera come as one row where all objects share it, and as a row for each object otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from scenes.arrays import shared
from scenes.view import ARRAYS, View

Derived = TypeVar("Derived")


def yaw_matrix(rotation: Float[Tensor, "batch"]) -> Float[Tensor, "batch 3 3"]:
    """``R`` with ``v_world = v_object @ R``: a turn by ``rotation`` radians about +Z, counter-clockwise from above."""
    cos, sin = rotation.cos(), rotation.sin()
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    return torch.stack([cos, sin, zero, -sin, cos, zero, zero, zero, one], -1).unflatten(-1, (3, 3))


def once(view: View, key: tuple, compute: Callable[[], Derived]) -> Derived:
    """What ``compute`` makes of the numbers of a view, computed once for all that is painted under it.

    A training step paints some fifty times under one view. Where a number of the view wants a gradient, every paint
    has a graph of its own, and nothing is kept.
    """
    if any(getattr(view, name).requires_grad for name in ARRAYS):
        return compute()
    if key not in view.derived:
        view.derived[key] = compute()
    return view.derived[key]


def rows(field: Float[Tensor, "picture *rest"], slots: int) -> Float[Tensor, "row *rest"]:
    """A view's field for each of ``slots`` objects a picture, or one row where all pictures share it.

    One row is not only cheaper: a product with one matrix has other last bits than one with many equal ones.
    """
    return field[:1] if shared(field) else field.repeat_interleave(slots, 0)


def times(
    vectors: Float[Tensor, "batch *vector 3"], matrix: Float[Tensor, "row 3 3"]
) -> Float[Tensor, "batch *vector 3"]:
    """Row vectors times the matrix of each row, or times the only one."""
    if len(matrix) == 1:
        return vectors @ matrix[0]
    return vectors @ matrix if vectors.dim() == 3 else (vectors[:, None] @ matrix)[:, 0]


def to_view(
    yaw: Float[Tensor, "batch 3 3"],
    position: Float[Tensor, "batch 3"],
    size: Float[Tensor, "batch"] | None,
    camera_rotation: Float[Tensor, "row 3 3"],
    camera_translation: Float[Tensor, "row 3"],
) -> tuple[Float[Tensor, "batch 3 3"], Float[Tensor, "batch 3"]]:
    """From object axes to view axes, metres: ``v @ turn + shift`` is ``(size v @ Rz + position) @ R + T``."""
    turn = times(yaw, camera_rotation)
    shift = times(position, camera_rotation) + camera_translation
    return turn if size is None else turn * size[:, None, None], shift


def lenses(view: View) -> Float[Tensor, "picture 4"]:
    """Each camera's f_x, f_y, o_x, o_y in NDC: ``x_ndc = f_x x/z + o_x``; the picture's shorter side spans [-1, 1].

    One row where all pictures share it, see ``rows``.
    """
    short = min(view.height, view.width)
    fx, fy, cx, cy = (view.intrinsics[:1] if shared(view.intrinsics) else view.intrinsics).unbind(1)
    offsets = (view.width - 1 - 2 * cx) / short, (view.height - 1 - 2 * cy) / short
    return torch.stack([2 * fx / short, 2 * fy / short, *offsets], 1)


def to_ndc(view: Float[Tensor, "batch vertex 3"], lens: Float[Tensor, "row 4"]) -> Float[Tensor, "batch vertex 3"]:
    """View axes to ``(x_ndc, y_ndc, z_view)``; ``lens`` as from ``lenses``."""
    depth = view[..., 2:]
    return torch.cat([view[..., :2] * (lens[:, None, :2] / depth) + lens[:, None, 2:], depth], -1)


def pixel_centres(height: int, width: int, like: Tensor) -> tuple[Float[Tensor, "width"], Float[Tensor, "height"]]:
    """NDC x of every column and y of every row: column 0 is at the left (+x), row 0 at the top (+y)."""
    short = min(height, width)
    x = (width - 1 - 2 * torch.arange(width, dtype=like.dtype, device=like.device)) / short
    y = (height - 1 - 2 * torch.arange(height, dtype=like.dtype, device=like.device)) / short
    return x, y

"""The one place where arrays change kind: numpy and torch, channels last and first, bytes and floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from scenes.arrays import numpy_of, shared, spread
from scenes.objects import Objects
from scenes.view import CAMERA, View

Described = TypeVar("Described", Objects, View)


def to_torch(described: Described, device: torch.device | str | None = None) -> Described:
    """The same objects or views as tensors; floats become float32, ``identity`` int64. What a view's
    pictures share stays shared, and cameras stay in float64: where one stands is computed from R and T, and would not
    be what it was."""
    if isinstance(described, View):
        exact = {
            name: _once(lambda array: _tensor(array, device, exact=True))(getattr(described, name)) for name in CAMERA
        }
        return replace(described.each(_once(lambda array: _tensor(array, device))), **exact)
    return described.each(
        lambda about, array: _tensor(array, device).long() if about.metadata["integer"] else _tensor(array, device)
    )


def to_numpy(described: Described) -> Described:
    """The same objects or views as numpy arrays, without gradient."""
    if isinstance(described, View):
        return described.each(_once(numpy_of))
    return described.each(lambda _, array: numpy_of(array))


def channels_first(images: Float[Tensor, "batch height width 3"]) -> Float[Tensor, "batch 3 height width"]:
    """Pictures as networks want them."""
    return images.permute(0, 3, 1, 2)


def to_bytes(images: Float[Tensor, "*batch height width 3"]) -> UInt8[np.ndarray, "*batch height width 3"]:
    """[0, 1] floats to 0..255, rounded to the nearest; values outside are clipped."""
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def to_floats(images: UInt8[np.ndarray, "*batch height width 3"]) -> Float[Tensor, "*batch height width 3"]:
    """0..255 to float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) / 255


def _tensor(array: Any, device: torch.device | str | None, exact: bool = False) -> Tensor:
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        array = array.copy()
    tensor = torch.as_tensor(array, device=device)
    return tensor.float() if tensor.is_floating_point() and not exact else tensor


def _once(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``change`` for arrays whose rows may be shared: one row is changed, and shared again."""
    return lambda array: spread(change(array[:1]), len(array)) if len(array) and shared(array) else change(array)

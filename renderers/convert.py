"""The one place where arrays change kind: numpy and torch, channels last and first, bytes and floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from scenes.objects import Objects


def to_torch(objects: Objects, device: torch.device | str | None = None) -> Objects:
    """The same objects as tensors; float arrays become float32, ``identity`` int64."""
    return _each(objects, lambda array: _tensor(array, device))


def to_numpy(objects: Objects) -> Objects:
    """The same objects as numpy arrays, without gradient."""
    return _each(objects, _array)


def channels_first(images: Float[Tensor, "batch height width 3"]) -> Float[Tensor, "batch 3 height width"]:
    """Pictures as networks want them."""
    return images.permute(0, 3, 1, 2)


def channels_last(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch height width 3"]:
    """Pictures as everybody else wants them."""
    return images.permute(0, 2, 3, 1)


def to_bytes(images: Float[Tensor, "*batch height width 3"]) -> UInt8[np.ndarray, "*batch height width 3"]:
    """[0, 1] floats to 0..255, rounded to the nearest; values outside are clipped."""
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def to_floats(images: UInt8[np.ndarray, "*batch height width 3"]) -> Float[Tensor, "*batch height width 3"]:
    """0..255 to float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) / 255


def _tensor(array: Any, device: torch.device | str | None) -> Tensor:
    tensor = torch.as_tensor(array, device=device)
    return tensor.float() if tensor.is_floating_point() else tensor


def _array(array: Any) -> np.ndarray:
    return array.detach().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)


def _each(objects: Objects, change: Callable[[Any], Any]) -> Objects:
    return replace(objects, **{field.name: change(getattr(objects, field.name)) for field in fields(objects)})

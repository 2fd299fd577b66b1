"""A canvas that is a list of what was painted: the fields of `Objects` in columns, and which want a gradient."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scenes.objects import Objects

FIELDS = fields(Objects)
CONTINUOUS = tuple(about.name for about in FIELDS if not about.metadata["integer"] and about.name != "presence")

_ends = np.cumsum([math.prod(about.metadata["sizes"]) for about in FIELDS]).tolist()
COLUMNS = {about.name: slice(start, end) for about, start, end in zip(FIELDS, [0, *_ends], _ends, strict=False)}
PRESENCE = COLUMNS["presence"].start
WANTED = {name: _ends[-1] + number for number, name in enumerate(CONTINUOUS)}
"""Column that tells whether a gradient is wanted for that field."""

NUMBERS = _ends[-1] + len(WANTED)


def listed(
    objects: Objects, painted: Bool[Tensor, "batch object"], like: Tensor
) -> Float[Tensor, "batch object number"]:
    """Objects as rows of a canvas with the dtype of ``like``; differentiable. Those not painted are neutral."""
    columns = []
    for about in FIELDS:
        values = painted if about.name == "presence" else objects.given(about)
        flat = values.to(like.dtype).reshape(*painted.shape, -1)
        columns.append(torch.where(painted[..., None], flat, about.metadata["neutral"]))
    arrays = [getattr(objects, name) for name in CONTINUOUS]
    wanted = [array is not None and array.requires_grad for array in arrays]
    flags = painted[..., None] & torch.tensor(wanted, device=painted.device)
    return torch.cat([*columns, flags.to(like.dtype)], -1)


def described(numbers: Float[np.ndarray, "batch object number"]) -> Objects:
    """Rows of a canvas as a black box is told: integers int64, metres and radians float64, presence bool.

    Tint and size are None where every object has its own.
    """
    arrays = {}
    for about in FIELDS:
        values = numbers[..., COLUMNS[about.name]].reshape(*numbers.shape[:2], *about.metadata["sizes"])
        arrays[about.name] = values.astype(np.int64) if about.metadata["integer"] else values.copy()
        if about.default is None and not about.metadata["integer"] and (values == about.metadata["neutral"]).all():
            arrays[about.name] = None
    yaw = arrays["rotation"]
    arrays["rotation"] = np.where(np.abs(yaw) > np.pi, np.pi - (np.pi - yaw) % (2 * np.pi), yaw)  # also after a step
    arrays["presence"] = arrays["presence"] > 0.5
    return Objects(**arrays)

"""What numpy arrays and torch tensors have in common, so that descriptions of scenes can hold either without torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

Array = Any  # numpy array or torch tensor


def library(array: Array) -> Any:
    """numpy or torch, whichever the array belongs to."""
    return import_module(type(array).__module__.split(".")[0])


def numpy_of(array: Array) -> np.ndarray:
    """The numbers of either kind of array, without gradient."""
    return array.detach().cpu().numpy() if hasattr(array, "detach") else np.asarray(array)


def filled(like: Array, shape: Sequence[int], value: float) -> Array:
    """An array of one value, of the kind, dtype and device of `like`."""
    return library(like).full(tuple(shape), value, dtype=like.dtype, device=like.device)


def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array:
    return library(arrays[0]).concatenate(list(arrays), axis)


def shared(array: Array) -> bool:
    """Whether all rows are one and the same: a single row, or one that is repeated without copies (stride 0)."""
    if array.shape[0] == 1:
        return True
    return (array.stride(0) if hasattr(array, "stride") else array.strides[0]) == 0


def spread(array: Array, rows: int) -> Array:
    """The first row, `rows` times without copies."""
    return library(array).broadcast_to(array[:1], (rows, *array.shape[1:]))


def repeated(array: Array, samples: int) -> Array:
    """Each row `samples` times in a row; without copies where rows are shared."""
    rows, *rest = array.shape
    if rows and shared(array):
        return spread(array, rows * samples)
    return library(array).broadcast_to(array[:, None], (rows, samples, *rest)).reshape(rows * samples, *rest)


def rows_chosen(index: Any, rows: int) -> int:
    """How many of `rows` rows a slice, an index array or a mask chooses."""
    if isinstance(index, slice):
        return len(range(*index.indices(rows)))
    index = numpy_of(index) if hasattr(index, "detach") else np.asarray(index, dtype=None if len(index) else int)
    return int(index.sum()) if index.dtype == bool else len(index)

"""Pictures as people have them: names of files, PIL images, arrays and tensors, one or many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scenes.errors import UserError
from scenes.photographs import Behind, Photograph, read_photograph

CHANNELS = (1, 3, 4)


def photograph_of(given: Any, height: int, width: int, behind: Behind) -> Photograph:
    """One picture as a network of that size sees it; `behind`: see `read_photograph`. UserError, saying which picture,
    for what is none."""
    name = str(given) if isinstance(given, (str, os.PathLike)) else "the picture"
    try:
        return read_photograph(opened(given), height, width, behind)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error


def opened(given: Any) -> Path | Image.Image:
    """What Pillow can go on with."""
    if isinstance(given, (str, os.PathLike)):
        if not Path(given).is_file():
            raise UserError("there is no such file")
        return Path(given)
    if isinstance(given, Image.Image):
        return given
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    if not isinstance(given, np.ndarray):
        raise UserError(f"{type(given).__name__} is no picture: give a file's name, a PIL image, an array or a tensor")
    return Image.fromarray(bytes_of(channels_last(given)))


def channels_last(array: np.ndarray) -> np.ndarray:
    """[height, width, channel] of an array in this order, or with channels first as in torch, or of one channel."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3 and array.shape[2] not in CHANNELS and array.shape[0] in CHANNELS:
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in CHANNELS or not array.size:
        shape = " x ".join(map(str, array.shape))
        raise UserError(f"an array of {shape} is no picture: give height x width x 3, or 3 x height x width")
    return array


def bytes_of(array: np.ndarray) -> np.ndarray:
    """8 bits a channel, of 8 or 16 bits or of floating-point colours in 0..1."""
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise UserError("floating-point colours must lie between 0 and 1; for 0 to 255 give bytes (uint8)")
        array = (255 * array).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise UserError(f"numbers of type {array.dtype}: give uint8, uint16, or floating-point numbers in 0..1")
    return np.ascontiguousarray(array[..., 0] if array.shape[2] == 1 else array)


def listed(given: Any) -> tuple[list[Any], bool]:
    """The pictures as a list, and whether it was one alone. An array or tensor of four dimensions is many."""
    if isinstance(given, (str, os.PathLike, Image.Image)):
        return [given], True
    if hasattr(given, "ndim"):
        return (list(given), False) if given.ndim == 4 else ([given], True)
    if isinstance(given, (list, tuple)):
        return list(given), False
    return [given], True

"""Views of pictures that a network sees in a frame: the same worlds, cropped and brought to its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from scenes.errors import UserError
from scenes.photographs import Frame, fitted
from scenes.view import View


def framed(view: View, frames: Sequence[Frame], height: int, width: int) -> View:
    """The views (numpy) of pictures, each as its frame shows it at height x width; those that are so already, as they
    are. UserError for a picture of another size than its camera's."""
    if wrong := [frame for frame in frames if (frame.height, frame.width) != (view.height, view.width)]:
        found, said = f"{wrong[0].width} x {wrong[0].height}", f"{view.width} x {view.height}"
        raise UserError(f"a picture is {found} pixels, its camera says {said}")
    if (view.height, view.width) == (height, width):
        return view
    lenses = np.stack([frame.inward(lens) for frame, lens in zip(frames, view.intrinsics, strict=True)])
    background = view.background
    if background.ndim == 4:
        tables = (Image.fromarray((255 * table).round().astype(np.uint8)) for table in background)
        background = np.stack([fitted(table, height, width)[0] / 255.0 for table in tables])
    return replace(view, intrinsics=lenses, background=background, height=height, width=width)


def whole(view: View, frame: Frame) -> View:
    """The view of a picture (a batch of one, numpy) as it is, beyond its frame, before a black table."""
    bare = np.zeros((len(view), 3), np.asarray(view.intrinsics).dtype)
    lens = frame.outward(view.intrinsics).astype(bare.dtype)
    return replace(view, intrinsics=lens, background=bare, height=frame.height, width=frame.width)

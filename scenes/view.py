"""`View`: the part of each picture's world that is no object: its camera, light and background.

Fields that are the same for all pictures are one row repeated without copies (see `scenes.arrays.shared`), and stay so
through indexing, `repeat` and conversion: pictures that share a camera cost one matrix product instead of many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from scenes.arrays import Array, concatenate, library, numpy_of, repeated, rows_chosen, shared, spread
from scenes.camera import Camera
from scenes.errors import UserError

__all__ = ["AMBIENT", "DIFFUSE", "LIGHT", "View", "shared"]

LIGHT, AMBIENT, DIFFUSE = (0.5, -0.4, 0.8), 0.55, 0.45


@dataclass
class View:
    """The worlds of B pictures of one size. Fields are numpy arrays or torch tensors.

    intrinsics: [B, 4] fx, fy, cx, cy in pixels, as in `Camera`.
    camera_rotation, camera_translation: [B, 3, 3] and [B, 3] metres, x_view = x_world @ R + T, as in `Camera`.
    light: [B, 3] unit vector towards the light, world axes.
    ambient, diffuse: [B]; a surface shows its colour times (ambient + diffuse max(0, n . light)) times `gain`.
    gain: [B, 3] of the light in red, green and blue: on objects, not on the background, which is as seen.
    background: [B, 3] a colour, or [B, H, W, 3] a picture of the empty table; in [0, 1].
    noise: [B] standard deviation of the sensor's noise; renderers paint none.
    blur: [B] of the lens, the standard deviation of a Gaussian in pixels; tone: [B] the power to which the sensor takes
        each brightness, 1 for none; jpeg: [B] the quality of the file, 0 for none. Renderers paint none of it
        (`renderers.sensor`).
    lamp: [B] radius of the lamp, as the tangent of the angle at which the table sees it; the larger, the softer are the
        shadows on the table (`renderers.shadows`). With 0 there are none.
    height, width: in pixels.
    derived: what a renderer has computed of these numbers and may want again; never handed on.
    """

    intrinsics: Array
    camera_rotation: Array
    camera_translation: Array
    light: Array
    ambient: Array
    diffuse: Array
    gain: Array
    background: Array
    noise: Array
    blur: Array
    tone: Array
    jpeg: Array
    lamp: Array
    height: int
    width: int
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def of(
        camera: Camera,
        light: Sequence[float] = LIGHT,
        ambient: float = AMBIENT,
        diffuse: float = DIFFUSE,
        gain: float | Sequence[float] = 1.0,
        background: Sequence[float] | np.ndarray = (0.0, 0.0, 0.0),
        noise: float = 0.0,
        blur: float = 0.0,
        tone: float = 1.0,
        jpeg: float = 0.0,
        lamp: float = 0.0,
        batch: int = 1,
    ) -> View:
        """The same world (numpy) for `batch` pictures. `light` may have any length; `background` [3] or [H, W, 3].

        Raises UserError for a light without direction and a background of another size than the camera's pictures.
        """
        length = float(np.sqrt(np.square(light).sum()))
        if len(light) != 3 or not 0 < length < np.inf:
            raise UserError(f"the light {list(light)} must be a direction of three finite numbers, not all 0")
        background = np.asarray(background, float)
        if background.shape not in ((3,), (camera.height, camera.width, 3)):
            size = f"{camera.height} x {camera.width}"
            raise UserError(f"a background must be a colour or a picture of {size} pixels, not {background.shape}")
        values = {"intrinsics": camera.intrinsics, "camera_rotation": camera.rotation,
                  "camera_translation": camera.translation, "light": np.divide(light, length), "ambient": ambient,
                  "diffuse": diffuse, "gain": np.broadcast_to(gain, 3), "background": background,
                  "noise": noise, "blur": blur, "tone": tone, "jpeg": jpeg, "lamp": lamp}  # fmt: skip
        arrays = {name: spread(np.asarray(value, float)[None], batch) for name, value in values.items()}
        return View(**arrays, height=camera.height, width=camera.width)

    def __len__(self) -> int:
        return self.intrinsics.shape[0]

    def __getitem__(self, index: Any) -> View:
        """Choose pictures: a slice, an index array or a mask over the batch. An integer keeps a batch of one."""
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"picture {index} of a batch of {len(self)}")
            index = slice(index % len(self), index % len(self) + 1)
        rows = rows_chosen(index, len(self))
        return self.each(lambda array: spread(array, rows) if len(self) and shared(array) else array[index])

    def repeat(self, samples: int) -> View:
        """Each picture's world `samples` times in a row."""
        return self.each(lambda array: repeated(array, samples))

    def each(self, change: Any) -> View:
        """`change(array)` in the place of every array."""
        arrays = {name: change(getattr(self, name)) for name in ARRAYS}
        return View(**arrays, height=self.height, width=self.width)

    def behind(self, other: View) -> View:
        """The same worlds behind the cameras of another view of as many pictures."""
        return replace(self, **{name: getattr(other, name) for name in CAMERA}, height=other.height, width=other.width)

    def camera(self, row: int) -> Camera:
        """The camera of one picture."""
        fields_of_row = self.intrinsics[row], self.camera_rotation[row], self.camera_translation[row]
        intrinsics, rotation, translation = map(numpy_of, fields_of_row)
        return Camera(intrinsics, rotation, translation, self.height, self.width)

    @staticmethod
    def stack(views: Sequence[View]) -> View:
        """Join batches of one size of picture (all numpy or all torch) into one.

        A field stays shared where each part shares the same one. Raises ValueError for none and for several sizes.
        """
        sizes = {(view.height, view.width) for view in views}
        if len(sizes) != 1:
            raise ValueError(f"views of one size of picture can be stacked, not of {sorted(sizes)}")
        fields_of = {name: [getattr(view, name) for view in views] for name in ARRAYS}
        return View(
            **{name: _stacked(parts) for name, parts in fields_of.items()}, **dict(zip(SIZE, *sizes, strict=True))
        )


SIZE = ("height", "width")
CAMERA = ("intrinsics", "camera_rotation", "camera_translation")
ARRAYS = tuple(field.name for field in fields(View) if field.name not in (*SIZE, "derived"))


def _stacked(parts: list[Array]) -> Array:
    rows = sum(part.shape[0] for part in parts)
    if all(_same(part, parts[0]) for part in parts):
        return spread(parts[0], rows)
    if len({part.ndim for part in parts}) > 1:  # colours and pictures: a colour is a picture of one colour
        height, width = next(part.shape[1:3] for part in parts if part.ndim == 4)
        parts = [part if part.ndim == 4 else _as_picture(part, height, width) for part in parts]
    return concatenate(parts)


def _same(part: Array, first: Array) -> bool:
    """Whether two fields share one row; of tensors only where they are the same one, for their gradients' sake."""
    if part is first:
        return shared(part)
    alike = isinstance(part, np.ndarray) and part.shape[1:] == first.shape[1:] and shared(part) and shared(first)
    return bool(alike and len(part) and len(first) and np.array_equal(part[0], first[0]))


def _as_picture(colours: Array, height: int, width: int) -> Array:
    return library(colours).broadcast_to(colours[:, None, None], (colours.shape[0], height, width, 3))

"""Black boxes for tests: one whose gradient is known, and one that counts what it is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from renderers.black_boxes import BlackBox
from scenes.objects import Objects
from scenes.view import View

WORLD = ("intrinsics", "camera_rotation", "camera_translation", "light", "ambient", "diffuse", "gain")
PIXELS = 100  # by which intrinsics are divided, so that all numbers are about 1


class Wave:
    """Every number in the picture is a sine of the objects' numbers or the view's: smooth, and no two pixels alike."""

    def __call__(self, objects: Objects, view: View) -> np.ndarray:
        tensors = objects.each(lambda _, array: torch.as_tensor(array))
        return self.closed_form(tensors, view.each(lambda array: torch.as_tensor(array.copy()))).numpy()

    def closed_form(self, objects: Objects, view: View) -> Tensor:
        """A half, and a tenth each of: the sum over the objects of sin(w . (x, y, z, yaw, tint, size) + identity); of
        sin(v . world); of sin(background), its channels mixed. w and v are different in every pixel."""
        size = view.height * view.width * 3
        pose = [objects.position, objects.rotation[..., None]]
        if objects.tint is not None:
            pose.append(objects.tint)
        if objects.size is not None:
            pose.append(objects.size[..., None])
        numbers = torch.cat(pose, -1).double()
        frequency = waves(size, 8)[:, : numbers.shape[-1]]
        frequency[:, 3] = frequency[:, 3].round()  # a whole turn changes nothing
        ripples = (numbers @ frequency.T + objects.identity[..., None]).sin() * objects.presence[..., None]
        fields = [getattr(view, name).double() / (PIXELS if name == "intrinsics" else 1) for name in WORLD]
        world = torch.cat([field.reshape(len(view), -1) for field in fields], 1)
        there = objects.presence.double().amax(1) if objects.slots else torch.zeros(len(view))
        swell = (world @ waves(size, world.shape[1]).T).sin() * there[:, None]
        light = (ripples.sum(1) + swell).view(-1, view.height, view.width, 3)
        table = view.background.double() if view.background.dim() == 4 else view.background.double()[:, None, None]
        mixed = table @ torch.tensor([[1.0, 0.3, 0.0], [0.0, 1.0, -0.2], [0.5, 0.0, 1.0]], dtype=torch.float64)
        return 0.5 + (light + mixed.sin()) / 10


def waves(rows: int, columns: int) -> Tensor:
    return (2 + (0.7 * torch.arange(rows * columns, dtype=torch.float64)).cos()).view(rows, columns)


def counted(function: BlackBox) -> tuple[Callable[[Objects, View], np.ndarray], list[int]]:
    """The same function, and the list of how many pictures each call asked for."""
    calls: list[int] = []

    def call(objects: Objects, view: View) -> np.ndarray:
        calls.append(len(objects))
        return function(objects, view)

    return call, calls


__all__ = ["WORLD", "Wave", "counted"]

"""Black boxes for tests: one whose gradient is known, and one that counts what it is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from renderers.black_boxes import BlackBox
from scenes.camera import Camera
from scenes.objects import Objects


class Wave:
    """Every number in the picture is a sine of the poses: smooth, and no two pixels alike."""

    def __call__(self, objects: Objects, camera: Camera) -> np.ndarray:
        tensors = Objects(*(torch.as_tensor(array) for array in vars(objects).values()))
        return self.closed_form(tensors, camera.height, camera.width).numpy()

    def closed_form(self, objects: Objects, height: int, width: int) -> Tensor:
        """0.5 + sum over objects of sin(w . (x, y, z, yaw) + identity) / 10, with w different in every pixel."""
        numbers = torch.arange(height * width * 3 * 4, dtype=torch.float64)
        frequency = (2 + (0.7 * numbers).cos()).view(-1, 4)
        frequency[:, 3] = frequency[:, 3].round()  # a whole turn changes nothing
        pose = torch.cat([objects.position, objects.rotation[..., None]], -1).double()
        waves = (pose @ frequency.T + objects.identity[..., None]).sin() * objects.presence[..., None]
        return (0.5 + waves.sum(1) / 10).view(-1, height, width, 3)


def counted(function: BlackBox) -> tuple[Callable[[Objects, Camera], np.ndarray], list[int]]:
    """The same function, and the list of how many pictures each call asked for."""
    calls: list[int] = []

    def call(objects: Objects, camera: Camera) -> np.ndarray:
        calls.append(len(objects))
        return function(objects, camera)

    return call, calls


__all__ = ["Wave", "counted"]

"""A picture's light and camera as plain numbers, of which a Gaussian can be said, and back.

All numbers are in units of what scenes vary by (`scene.vary`), from the middle of that: before a picture is seen, each
is a standard normal. Both ways are differentiable; cameras are in float64, as everywhere.

    light     l_x / l_z, l_y / l_z, log ambient, log diffuse
    camera    a rotation vector (radians, in the camera's own axes) and a shift (metres, in the world's), both from the
              configured camera: the `turn` and `shift` of scenes/worlds.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from scenes.errors import UserError
from scenes.variation import Variation
from scenes.view import View

SLOPE, SHADE = 0.4, 0.2
"""Standard deviations where a scene says none: of l_x / l_z and l_y / l_z; of the logarithms of the light's parts."""

TURN, SHIFT = math.radians(1.0), 0.01
"""The same of each number of the camera, radians and metres."""

LOWEST = math.radians(10)
FAINTEST = 0.02
"""Elevation and part of a light below which all are alike: slope and logarithm stay numbers."""


@runtime_checkable
class Numbers(Protocol):
    """One part of a world as `size` numbers."""

    size: int

    def fields(self, numbers: Float[Tensor, "batch number"]) -> dict[str, Tensor]:
        """The fields of `View` that they mean."""
        ...

    def of(self, view: View) -> Float[Tensor, "batch number"]:
        """The numbers of a view's pictures."""
        ...


@dataclass(frozen=True)
class LightNumbers:
    """`middle` and `spread` of each number, before they are made standard."""

    middle: tuple[float, ...]
    spread: tuple[float, ...]
    size = 4

    @staticmethod
    def about(configured: View, ranges: Variation) -> LightNumbers:
        """For scenes whose light varies by `ranges`, or is near the configured one. UserError for one from below."""
        direction = np.asarray(configured.light[0], float)
        if ranges.elevation is None and direction[2] < math.sin(LOWEST):
            raise UserError(
                f"scene.light is too low, {math.degrees(math.asin(direction[2])):.0f} degrees above the table: "
                f"scene.view.light=inferred needs {math.degrees(LOWEST):.0f} or more, or scene.vary.elevation"
            )
        slope = direction[:2] / direction[2] if ranges.elevation is None else np.zeros(2)
        aside = SLOPE if ranges.elevation is None else slope_spread(*map(math.radians, ranges.elevation))
        pairs = [(ranges.ambient, configured.ambient[0]), (ranges.diffuse, configured.diffuse[0])]
        parts = [logarithm(limits, float(own)) for limits, own in pairs]
        middle, spread = (tuple(part[index] for part in parts) for index in range(2))
        return LightNumbers((*slope.tolist(), *middle), (aside, aside, *spread))

    def fields(self, numbers: Float[Tensor, "batch 4"]) -> dict[str, Tensor]:
        slope, ambient, diffuse = scaled(numbers, self.middle, self.spread).split([2, 1, 1], -1)
        light = F.normalize(F.pad(slope, (0, 1), value=1.0), dim=-1)
        return {"light": light, "ambient": ambient.exp().squeeze(-1), "diffuse": diffuse.exp().squeeze(-1)}

    def of(self, view: View) -> Float[Tensor, "batch 4"]:
        slope = view.light[:, :2] / view.light[:, 2:].clamp_min(math.sin(LOWEST))
        parts = torch.stack([view.ambient, view.diffuse], -1).clamp_min(FAINTEST).log()
        return standard(torch.cat([slope, parts], -1), self.middle, self.spread)


@dataclass(frozen=True, eq=False)
class CameraNumbers:
    """`rotation` [3, 3] and `place` [3] of the configured camera, and the `spread` of each number."""

    rotation: Float[np.ndarray, "3 3"]
    place: Float[np.ndarray, "3"]
    spread: tuple[float, ...]
    size = 6

    @staticmethod
    def about(configured: View, ranges: Variation) -> CameraNumbers:
        """An angle that is uniform up to `turn`, about any axis, has a third of that as standard deviation along each;
        so has a shift."""
        turn, shift = math.radians(ranges.turn) / 3 or TURN, ranges.shift / 3 or SHIFT
        camera = configured.camera(0)
        return CameraNumbers(camera.rotation, camera.position, (turn,) * 3 + (shift,) * 3)

    def fields(self, numbers: Float[Tensor, "batch 6"]) -> dict[str, Tensor]:
        turn, shift = scaled(numbers.double(), (0.0,) * 6, self.spread).split(3, -1)
        rotation = turn.new_tensor(self.rotation) @ rotation_matrix(turn)
        place = turn.new_tensor(self.place) + shift
        return {"camera_rotation": rotation, "camera_translation": -(place[:, None] @ rotation)[:, 0]}

    def of(self, view: View) -> Float[Tensor, "batch 6"]:
        rotation, translation = view.camera_rotation.double(), view.camera_translation.double()
        turn = rotation_vector(rotation.new_tensor(self.rotation).mT @ rotation)
        shift = -(rotation @ translation[..., None])[..., 0] - rotation.new_tensor(self.place)
        return standard(torch.cat([turn, shift], -1), (0.0,) * 6, self.spread).float()


def scaled(numbers: Tensor, middle: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    return numbers.new_tensor(middle) + numbers * numbers.new_tensor(spread)


def standard(values: Tensor, middle: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    return (values - values.new_tensor(middle)) / values.new_tensor(spread)


def slope_spread(low: float, high: float) -> float:
    """Standard deviation of l_x / l_z for an elevation that is uniform between two angles, from any side."""
    low, high = max(low, LOWEST), max(high, LOWEST)
    if high - low < 1e-6:
        square = 1 / math.tan(low) ** 2
    else:  # the mean of 1 / tan^2
        square = (1 / math.tan(low) - 1 / math.tan(high)) / (high - low) - 1
    return max(math.sqrt(square / 2), FAINTEST)


def logarithm(limits: tuple[float, float] | None, own: float) -> tuple[float, float]:
    """Middle and standard deviation of the logarithm of what is uniform between limits, or about its own value."""
    if limits is None:
        return math.log(max(own, FAINTEST)), SHADE
    logarithms = np.log(np.linspace(*limits, 1001).clip(FAINTEST))
    return float(logarithms.mean()), max(float(logarithms.std()), FAINTEST)


def rotation_matrix(vector: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3 3"]:
    """The matrix (of column vectors) that turns by the vector's length, radians, about it."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    return torch.linalg.matrix_exp(rows.unflatten(-1, (3, 3)))


def rotation_vector(matrix: Float[Tensor, "batch 3 3"]) -> Float[Tensor, "batch 3"]:
    """The inverse of `rotation_matrix`, for turns below half a circle."""
    skew = (matrix - matrix.mT) / 2
    vector = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], -1)
    sine, cosine = vector.norm(dim=-1), (matrix.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return vector * (torch.atan2(sine, cosine) / sine.clamp_min(1e-12)).where(sine > 1e-9, 1.0)[:, None]

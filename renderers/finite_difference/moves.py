"""How far, and along which directions, each field of objects and views is moved to either side.

Numbers that are free are moved one by one. A camera's rotation stays a rotation, it is turned about each of its axes,
and the light stays a unit vector: a black box need not know what else would mean. Their gradients are those along such
moves, which are the only ones that can be made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from renderers.base import RendererConfig

COLOUR_STEP = 0.02  # of tints, gains and the light's parts: pictures change in proportion to them
DIRECTIONS = {
    "position": 3, "rotation": 1, "tint": 3, "size": 1, "intrinsics": 4, "camera_rotation": 3,
    "camera_translation": 3, "light": 2, "ambient": 1, "diffuse": 1, "gain": 3, "background": 3,
}  # fmt: skip
"""Fields that get a gradient, and along how many directions."""

LIMITS = {name: (0.0, np.inf) for name in ("tint", "ambient", "diffuse", "gain")} | {"background": (0.0, 1.0)}


@dataclass(frozen=True)
class Move:
    """The values of a field, one row for each picture, moved along one direction.

    ahead, behind: [P, *shape]; apart: their distance, [P], or [P, H, W] where each pixel is a number of its own; along:
    [P, *shape], what a slope of 1 says about the gradient.
    """

    ahead: np.ndarray
    behind: np.ndarray
    apart: np.ndarray
    along: np.ndarray


def move(name: str, values: Float[np.ndarray, "picture *shape"], direction: int, settings: RendererConfig) -> Move:
    """The values of the field ``name``, moved along one of its DIRECTIONS."""
    if name == "camera_rotation":
        return _turned(values, direction, 2 * settings.position_step)  # half a metre from the origin: position_step
    if name == "light":
        return _tilted(values, direction, settings.rotation_step)
    numbers = values if values.ndim > 1 else values[:, None]
    low, high = LIMITS.get(name, (-np.inf, np.inf))
    step = step_of(name, numbers, direction, settings)
    ahead, behind, along = numbers.copy(), numbers.copy(), np.zeros_like(numbers)
    now = numbers[..., direction]
    ahead[..., direction] = np.minimum(now + step, np.maximum(now, high))  # one that lies outside may come back
    behind[..., direction] = np.maximum(now - step, np.minimum(now, low))
    along[..., direction] = 1
    apart = (ahead - behind)[..., direction]
    return Move(ahead.reshape(values.shape), behind.reshape(values.shape), apart, along.reshape(values.shape))


def step_of(
    name: str, numbers: Float[np.ndarray, "picture *number"], direction: int, settings: RendererConfig
) -> Float[np.ndarray, "picture"] | float:
    """To either side. Those in pixels, and of sizes, move the picture about as far as ``position_step`` does."""
    if name == "intrinsics":  # a metre away, position_step shifts by so many pixels; focal lengths act on x/z < 1/2
        return settings.position_step * numbers[:, direction % 2] * (4 if direction < 2 else 1)
    if name == "size":
        return 10 * settings.position_step * numbers[:, 0]  # objects are some 10 cm large
    if name in ("position", "camera_translation"):
        return settings.position_step
    return settings.rotation_step if name == "rotation" else COLOUR_STEP


def _turned(rotation: Float[np.ndarray, "picture 3 3"], axis: int, angle: float) -> Move:
    """``R E`` with a turn E about one of the view's axes; the three generators are orthogonal, of length sqrt 2."""
    generator = np.cross(np.eye(3)[axis], np.eye(3))
    ahead, behind = (rotation @ _turn(generator, sign * angle) for sign in (1, -1))
    return Move(ahead, behind, np.full(len(rotation), 2 * angle), rotation @ generator / 2)


def _turn(generator: Float[np.ndarray, "3 3"], angle: float) -> Float[np.ndarray, "3 3"]:
    return np.eye(3) + np.sin(angle) * generator + (1 - np.cos(angle)) * generator @ generator  # Rodrigues


def _tilted(light: Float[np.ndarray, "picture 3"], direction: int, angle: float) -> Move:
    """Of the same length, towards one of two directions across it."""
    length = np.linalg.norm(light, axis=1, keepdims=True)
    across = np.cross(light, np.eye(3)[np.abs(light).argmin(1)])
    across = across if direction == 0 else np.cross(light, across)
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    ahead, behind = (np.cos(angle) * light + sign * np.sin(angle) * length * across for sign in (1, -1))
    return Move(ahead, behind, np.full(len(light), 2 * angle), across / length)

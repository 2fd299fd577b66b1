"""Where the picture is taken from. Conventions as in PyTorch3D, so that pictures can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scenes.errors import UserError

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks from `position` to `target` (metres), upright with respect to +Z.

    field_of_view: vertical, in degrees. View axes: +X left, +Y up, +Z into the scene; `x_view = x_world @ R + T`.
    """

    position: Vector
    target: Vector
    field_of_view: float
    height: int
    width: int
    znear: float = 0.1
    zfar: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.field_of_view < 180:
            raise UserError(f"field_of_view is {self.field_of_view}: it must lie between 0 and 180 degrees")
        if self.height < 1 or self.width < 1:
            raise UserError(f"a picture of {self.height} x {self.width} pixels is empty: both must be at least 1")
        if not 0 < self.znear < self.zfar:
            raise UserError(f"znear {self.znear} and zfar {self.zfar} must be positive and znear the smaller one")
        if np.allclose(self.position[:2], self.target[:2]):
            raise UserError("the camera looks straight up or down: move camera_position sideways of camera_target")

    def close_to(self, other: Camera) -> bool:
        """Whether both stand and look alike, but for rounding; pictures may differ in size."""
        names = ("position", "target", "field_of_view")
        return all(np.allclose(getattr(self, name), getattr(other, name)) for name in names)

    @cached_property
    def rotation(self) -> np.ndarray:
        """R [3, 3]: its columns are the view axes in world coordinates."""
        forward = np.subtract(self.target, self.position)
        forward = forward / np.linalg.norm(forward)
        left = np.cross([0.0, 0.0, 1.0], forward)
        left = left / np.linalg.norm(left)
        return np.stack([left, np.cross(forward, left), forward], 1)

    @cached_property
    def translation(self) -> np.ndarray:
        """T [3]."""
        return -np.asarray(self.position, float) @ self.rotation

    @cached_property
    def scale(self) -> float:
        """NDC units per unit of x/z or y/z: the shorter side of the picture spans [-1, 1]."""
        return self.height / min(self.height, self.width) / float(np.tan(np.radians(self.field_of_view) / 2))

    @cached_property
    def extent(self) -> np.ndarray:
        """Largest |x|, |y| in NDC that is still in the picture, [2]."""
        return np.array([self.width, self.height]) / min(self.height, self.width)

    def project(self, points: np.ndarray | Sequence[float]) -> np.ndarray:
        """World points [..., 3] -> (x_ndc, y_ndc, z_view) [..., 3]: +X left, +Y up, depth in metres."""
        view = np.asarray(points) @ self.rotation + self.translation
        return np.concatenate([view[..., :2] * (self.scale / view[..., 2:]), view[..., 2:]], -1)

    def to_pixels(self, ndc: np.ndarray) -> np.ndarray:
        """NDC [..., 2 or 3] -> (column, row) [..., 2]; whole numbers are pixel centres, (0, 0) is the top left one."""
        size = np.array([self.width, self.height])
        return (size - min(self.height, self.width) * ndc[..., :2] - 1) / 2

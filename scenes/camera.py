"""Where a picture is taken from. Conventions as in PyTorch3D, so that pictures can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scenes.errors import UserError

Vector = tuple[float, float, float]
NEAR, FAR = 0.1, 10.0  # metres along the view axis between which depth is told apart; nothing may come nearer
ROUNDING = 1e-4  # of a rotation that went through float32


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera without distortion. View axes: +X left, +Y up, +Z into the scene.

    intrinsics: [4] fx, fy, cx, cy in pixels: column = cx - fx x/z, row = cy - fy y/z; whole numbers are pixel centres
        and (0, 0) is the one at the top left.
    rotation, translation: R [3, 3] and T [3] (metres) with x_view = x_world @ R + T; R's columns are the view axes.
    height, width: of its pictures, in pixels.

    Raises UserError for what is no camera.
    """

    intrinsics: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    height: int
    width: int

    def __post_init__(self) -> None:
        for name, shape in (("intrinsics", (4,)), ("rotation", (3, 3)), ("translation", (3,))):
            value = np.asarray(getattr(self, name), float)
            if value.shape != shape or not np.isfinite(value).all():
                raise UserError(f"a camera's {name} must be {' x '.join(map(str, shape))} finite numbers")
            object.__setattr__(self, name, value)
        if not (self.intrinsics[:2] > 0).all():
            raise UserError(f"the focal lengths {self.intrinsics[:2].tolist()} must both be above 0 pixels")
        upright = np.allclose(self.rotation @ self.rotation.T, np.eye(3), atol=ROUNDING)
        if not upright or np.linalg.det(self.rotation) < 0:
            raise UserError("a camera's rotation must be orthogonal with determinant +1: it is a rotation matrix")
        if self.height < 1 or self.width < 1:
            raise UserError(f"a picture of {self.height} x {self.width} pixels is empty: both must be at least 1")

    @staticmethod
    def look_at(position: Vector, target: Vector, field_of_view: float, height: int, width: int) -> Camera:
        """A camera that looks from `position` to `target` (metres), upright with respect to +Z.

        field_of_view: vertical, in degrees; the view axis passes through the middle of the picture.
        """
        if not 0 < field_of_view < 180:
            raise UserError(f"field_of_view is {field_of_view}: it must lie between 0 and 180 degrees")
        if np.allclose(position[:2], target[:2]):
            raise UserError("the camera looks straight up or down: move camera_position sideways of camera_target")
        forward = np.subtract(target, position)
        forward = forward / np.linalg.norm(forward)
        left = np.cross([0.0, 0.0, 1.0], forward)
        left = left / np.linalg.norm(left)
        rotation = np.stack([left, np.cross(forward, left), forward], 1)
        focal = height / float(np.tan(np.radians(field_of_view) / 2)) / 2
        intrinsics = np.array([focal, focal, (width - 1) / 2, (height - 1) / 2])
        return Camera(intrinsics, rotation, -np.asarray(position, float) @ rotation, height, width)

    def resized(self, height: int, width: int) -> Camera:
        """The same camera for its pictures averaged (or stretched) to another size; they show the same."""
        ratio = np.array([width / self.width, height / self.height] * 2)
        shift = np.array([0.0, 0.0, 0.5, 0.5])  # whole numbers are pixel centres: the corner of the picture is at -0.5
        return Camera((self.intrinsics + shift) * ratio - shift, self.rotation, self.translation, height, width)

    def close_to(self, other: Camera) -> bool:
        """Whether both stand and look alike, but for rounding; pictures may differ in size."""
        poses = ((each.rotation, each.translation, each.relative) for each in (self, other))
        return all(np.allclose(mine, theirs, atol=1e-6) for mine, theirs in zip(*poses, strict=True))

    @cached_property
    def relative(self) -> np.ndarray:
        """The intrinsics in units of the picture's height, from its middle, [4]."""
        fx, fy, cx, cy = self.intrinsics
        return np.array([fx, fy, cx - (self.width - 1) / 2, cy - (self.height - 1) / 2]) / self.height

    @cached_property
    def position(self) -> np.ndarray:
        """Where it stands in the world, [3] metres."""
        return -self.rotation @ self.translation

    @cached_property
    def lens(self) -> np.ndarray:
        """[4] with x_ndc = lens[0] x/z + lens[2] and y_ndc = lens[1] y/z + lens[3]; the shorter side spans [-1, 1]."""
        size = np.array([self.width, self.height])
        return np.concatenate([2 * self.intrinsics[:2], size - 1 - 2 * self.intrinsics[2:]]) / size.min()

    @cached_property
    def extent(self) -> np.ndarray:
        """Largest |x|, |y| in NDC that is still in the picture, [2]."""
        return np.array([self.width, self.height]) / min(self.height, self.width)

    def project(self, points: np.ndarray | Sequence[float]) -> np.ndarray:
        """World points [..., 3] -> (x_ndc, y_ndc, z_view) [..., 3]: +X left, +Y up, depth in metres."""
        view = np.asarray(points) @ self.rotation + self.translation
        ndc = view[..., :2] * (self.lens[:2] / view[..., 2:]) + self.lens[2:]
        return np.concatenate([ndc, view[..., 2:]], -1)

    def to_pixels(self, ndc: np.ndarray) -> np.ndarray:
        """NDC [..., 2 or 3] -> (column, row) [..., 2]; whole numbers are pixel centres, (0, 0) is the top left one."""
        size = np.array([self.width, self.height])
        return (size - size.min() * ndc[..., :2] - 1) / 2

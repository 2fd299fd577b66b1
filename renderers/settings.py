"""The settings of a renderer, the same for every backend."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scenes.errors import UserError

AT_64 = 1e-5
"""``sigma`` where the shorter side has 64 pixels: right for triangles of about two pixels; 1e-4 shows seams."""


@dataclass  # not frozen: OmegaConf makes frozen ones read-only before it can fill them
class RendererConfig:
    """Every choice about how things are painted. ``sigma`` and ``blur_radius`` are squared NDC lengths."""

    name: str = "auto"
    sigma: float | None = None  # softness of silhouettes; default: as many pixels at any side as `AT_64` is at 64
    gamma: float = 1e-4  # softness of depth, in units of FAR - NEAR (scenes/camera.py)
    blur_radius: float | None = None  # where a triangle's influence ends; default: where p falls to 1e-4
    cull_backfaces: bool = True  # the catalogue's meshes are closed
    antialias: int = 1  # a pixel is the mean of so many times so many; 1 is off
    faces_per_pixel: int = 100  # pytorch3d only: the nearest triangles a pixel keeps, the others are lost
    black_box: str = "streaming"  # finite_difference only: what paints
    position_step: float = 2e-3  # finite_difference only: metres to either side
    rotation_step: float = 2e-2  # finite_difference only: radians to either side

    def __post_init__(self) -> None:
        if not ((self.sigma is None or self.sigma > 0) and self.gamma > 0):
            raise UserError(f"renderer.sigma={self.sigma} and renderer.gamma={self.gamma} must both be above 0")
        if self.blur_radius is not None and self.blur_radius < 0:
            raise UserError(f"renderer.blur_radius={self.blur_radius} is a squared length: 0 or more, or null")
        if not 1 <= self.antialias <= 8:
            raise UserError(f"renderer.antialias={self.antialias} must be a whole number from 1 (off) to 8")
        for name in ("faces_per_pixel", "position_step", "rotation_step"):
            if not getattr(self, name) > 0:
                raise UserError(f"renderer.{name}={getattr(self, name)} must be above 0")

    def at(self, height: int, width: int) -> RendererConfig:
        """These settings for pictures of that size."""
        sigma = AT_64 * (64 / min(height, width)) ** 2 if self.sigma is None else self.sigma
        return replace(self, sigma=sigma)

    @property
    def soft(self) -> float:
        """``sigma``, once it is known for which pictures (``at``)."""
        if self.sigma is None:
            raise ValueError("renderer settings without sigma: ask for them at a picture's size")
        return self.sigma

    @property
    def blur(self) -> float:
        """Squared NDC distance beyond which a triangle does not touch a pixel."""
        return math.log(1e4 - 1) * self.soft if self.blur_radius is None else self.blur_radius

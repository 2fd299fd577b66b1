"""Table tops with a texture: grain, clouds, stains, checks, as the camera of a picture sees them.

Patterns are functions of a point on the table in metres, so they shrink with distance and turn with the camera. What
is finer than a pixel is damped as the mean over a pixel would be, so that 64 pixels show no moire.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from scenes.camera import Camera

Pattern = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
HORIZON = -0.05  # of a ray's slope: what looks up or nearly along the table sees it this far away


def two_colours(
    colour: Float[np.ndarray, "3"], most: float, camera: Camera, rng: np.random.Generator
) -> Float[np.ndarray, "height width 3"]:
    """The table's own colour [H, W, 3] in [0, 1]: between `colour` and another, `most` lighter or darker at most."""
    way = rng.choice([-1.0, 1.0]) * rng.uniform(0, most) * rng.uniform(0.6, 1.0, 3)  # nearly grey: dyes are rare
    other, points = np.clip(colour + way, 0, 1), table_points(camera)
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    share = pattern(turned(points, rng.uniform(-np.pi, np.pi)), pixel_size(points), rng)
    return colour + share[..., None] * (other - colour)


def table_points(camera: Camera) -> Float[np.ndarray, "height width 2"]:
    """Where on the table top, in metres, the ray through each pixel's centre ends."""
    fx, fy, cx, cy = camera.intrinsics
    down, across = np.indices((camera.height, camera.width))
    rays = np.stack([(cx - across) / fx, (cy - down) / fy, np.ones(down.shape)], -1) @ camera.rotation.T
    slope = np.minimum(rays[..., 2:], HORIZON)
    return camera.position[:2] - rays[..., :2] * (camera.position[2] / slope)


def pixel_size(points: Float[np.ndarray, "height width 2"]) -> float:
    """Metres of table that a pixel in the middle of the picture covers, along a row."""
    row, column = points.shape[0] // 2, points.shape[1] // 2
    return float(np.linalg.norm(points[row, column] - points[row, column - 1]))


def turned(points: Float[np.ndarray, "height width 2"], angle: float) -> Float[np.ndarray, "height width 2"]:
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def plain(points: np.ndarray, pixel: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    return np.zeros(points.shape[:2])


def grain(points: np.ndarray, pixel: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """Wood: lines along x that wander slowly, every 2 to 15 cm, fine ones on coarse ones."""
    x, y = points[..., 0], points[..., 1]
    wandering = rng.uniform(0, 0.03) * np.sin(2 * np.pi * (x / rng.uniform(0.3, 1.5) + rng.uniform()))
    lines = np.zeros(x.shape)
    for wavelength in np.geomspace(0.15, 0.02, 4) * rng.uniform(0.8, 1.25, 4):
        lines += rng.normal() * np.sinc(pixel / wavelength) * wave(y + wandering + 0.02 * x, wavelength, rng)
    return between_extremes(lines)


def clouds(points: np.ndarray, pixel: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """Stone or a worn top: waves of 10 to 50 cm in all directions."""
    field = np.zeros(points.shape[:2])
    for wavelength in np.geomspace(0.5, 0.1, 6):
        angle = rng.uniform(-np.pi, np.pi)
        field += wavelength**0.5 * wave(points @ [np.cos(angle), np.sin(angle)], wavelength, rng)
    return between_extremes(field)


def stains(points: np.ndarray, pixel: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """Round spots of 1 to 8 cm radius, filled or as the ring that a cup leaves, some fainter than others."""
    share = np.zeros(points.shape[:2])
    for _ in range(rng.integers(2, 9)):
        distance = np.linalg.norm(points - rng.uniform(-0.4, 0.4, 2), axis=-1)
        radius, soft = rng.uniform(0.01, 0.08), pixel * rng.uniform(0.5, 1.5)
        spot = np.clip((radius - distance) / soft + 0.5, 0, 1)
        if rng.random() < 0.5:
            spot = spot * np.clip((distance - 0.8 * radius) / soft + 0.5, 0, 1)
        share = np.maximum(share, rng.uniform(0.3, 1) * spot)
    return share


def checks(points: np.ndarray, pixel: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """A tablecloth or tiles of 3 to 15 cm: checks, stripes, or both woven into each other."""
    period = rng.uniform(0.06, 0.3)
    first, second = (squares(points[..., axis], period, pixel, rng) for axis in (0, 1))
    kind = rng.integers(3)
    return first if kind == 0 else (first + second) / 2 if kind == 1 else first * second + (1 - first) * (1 - second)


PATTERNS: tuple[Pattern, ...] = (plain, grain, clouds, stains, checks)


def wave(along: np.ndarray, wavelength: float, rng: np.random.Generator) -> np.ndarray:
    return np.sin(2 * np.pi * (along / wavelength + rng.uniform()))


def squares(along: np.ndarray, period: float, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """0 and 1 in turn, each half a period long, with edges as soft as one pixel makes them."""
    steep = period / (np.pi * pixel)
    return (1 + np.clip(steep * wave(along, period, rng), -1, 1)) / 2


def between_extremes(field: np.ndarray) -> np.ndarray:
    """A field about 0 as shares from 0 to 1, 0 in the middle becoming a half."""
    return 0.5 + 0.5 * field / max(np.abs(field).max(), 1e-9)

"""Flat foreign things on a table, and where it ends: papers, print, keys, cables, the floor beyond an edge.

They are no objects of any catalogue, and what learns from such tables has to explain them as nothing: the distractors
of domain randomisation (Tremblay et al. 2018, "Training Deep Networks with Synthetic Data", section 3). As patterns of
the table they are seen in the right perspective, and cost one picture's arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from scenes.camera import Camera
from scenes.tables import pixel_size, squares, table_points, turned

Share = Float[np.ndarray, "height width"]
Thing = Callable[[np.ndarray, float, np.random.Generator], tuple[Share, np.ndarray]]

SPREAD = 0.3
"""Metres from the middle of the table within which a thing lies."""


def cluttered(
    own: Float[np.ndarray, "*#size 3"], most: int, camera: Camera, rng: np.random.Generator
) -> Float[np.ndarray, "height width 3"]:
    """The table's own colours with 0 to `most` things on it, [H, W, 3] in [0, 1]."""
    points = table_points(camera)
    pixel = pixel_size(points)
    own = np.broadcast_to(own, (*points.shape[:2], 3))
    for _ in range(rng.integers(0, most + 1)):
        thing = THINGS[rng.integers(len(THINGS))]
        there = turned(points - rng.uniform(-SPREAD, SPREAD, 2), rng.uniform(-np.pi, np.pi))
        share, colour = thing(there, pixel, rng)
        own = own + share[..., None] * (colour - own)
    return own


def paper(points: np.ndarray, pixel: float, rng: np.random.Generator) -> tuple[Share, np.ndarray]:
    """A sheet, a card or a box of 2 to 25 cm in any colour, blank or with lines of print."""
    share, colour = rectangle(points, rng.uniform(0.02, 0.25, 2), pixel), colour_of(rng)
    if rng.random() < 0.5:
        return share, colour
    lines = squares(points[..., 0], rng.uniform(0.01, 0.04), pixel, rng)[..., None]
    return share, colour + rng.uniform(0.2, 0.8) * lines * (colour_of(rng) - colour)


def keys(points: np.ndarray, pixel: float, rng: np.random.Generator) -> tuple[Share, np.ndarray]:
    """A keyboard, a grid or a sieve: squares of 1 to 4 cm on a board of another colour."""
    share, period = rectangle(points, rng.uniform(0.08, 0.4, 2), pixel), rng.uniform(0.01, 0.04)
    raised = squares(points[..., 0], period, pixel, rng) * squares(points[..., 1], period, pixel, rng)
    board = colour_of(rng)
    return share, board + raised[..., None] * (colour_of(rng) - board)


def cable(points: np.ndarray, pixel: float, rng: np.random.Generator) -> tuple[Share, np.ndarray]:
    """A cable, a pen or a strip, 3 to 20 mm wide, straight or in bows."""
    bow = rng.uniform(0, 0.1) * np.sin(2 * np.pi * points[..., 0] / rng.uniform(0.15, 1.0))
    half = np.array([rng.uniform(0.05, 0.5), rng.uniform(0.0015, 0.01)])
    return rectangle(np.stack([points[..., 0], points[..., 1] + bow], -1), 2 * half, pixel), colour_of(rng)


def floor(points: np.ndarray, pixel: float, rng: np.random.Generator) -> tuple[Share, np.ndarray]:
    """The table ends somewhere; beyond lies something coarse."""
    share = np.clip((points[..., 0] - rng.uniform(0.1, 0.4)) / pixel + 0.5, 0, 1)
    coarse = rng.uniform(0, 0.15) * rng.normal(size=(*share.shape, 1))
    return share, np.clip(colour_of(rng) + coarse, 0, 1)


THINGS: tuple[Thing, ...] = (paper, paper, keys, cable, cable, floor)


def rectangle(points: np.ndarray, sides: np.ndarray, pixel: float) -> Share:
    """1 inside a rectangle about the origin, with an edge a pixel wide."""
    inside = np.clip((sides / 2 - np.abs(points)) / pixel + 0.5, 0, 1)
    return inside[..., 0] * inside[..., 1]


def colour_of(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Black to white, and every second one with a colour of its own."""
    dye = (rng.random() < 0.5) * rng.uniform() * rng.uniform(size=3)
    return rng.uniform() * (1 - dye)

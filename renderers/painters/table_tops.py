"""The table under a path-traced scene: a view's background laid onto it, or a material of its own.

The materials are made from filtered noise, in other ways and with other generators than the tables of varied scenes
(`scenes.tables`): what is measured on them was seen in no training.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter, map_coordinates

from scenes.generators import Part, generator
from scenes.view import View
from scenes.worlds import table_light

SIDE = 3.0  # metres
TEXELS = 512  # along a side: 6 mm, half of what a pixel of 64 shows
WHITEST = 0.95  # no paint reflects more
CENTIMETRE = TEXELS / SIDE / 100  # in texels

Field = Float[np.ndarray, "row column"]
Material = Callable[[np.random.Generator], np.ndarray]


def table_of(view: View) -> Float[np.ndarray, "row column 3"]:
    """What must lie on the table for an empty one to look like the background of a view's first picture.

    Row 0 is the far edge (largest y), column 0 the left one (smallest x).
    """
    seen = view.background[0] / table_light(view)
    if seen.ndim == 1:
        seen = np.broadcast_to(seen, (2, 2, 3))
    else:
        x, y = np.meshgrid(middles(), -middles())
        pixel = view.camera(0).to_pixels(view.camera(0).project(np.stack([x, y, np.zeros_like(x)], -1)))
        rows_columns = np.moveaxis(pixel[..., ::-1], -1, 0)
        channels = [map_coordinates(seen[..., each], rows_columns, order=1, mode="nearest") for each in range(3)]
        seen = np.stack(channels, -1)
    return np.clip(seen, 0, WHITEST)


def middles() -> Float[np.ndarray, " column"]:
    return (np.arange(TEXELS) + 0.5) / TEXELS * SIDE - SIDE / 2


def drawn_table(seed: int, index: int) -> Float[np.ndarray, "row column 3"]:
    """A table of the picture's own: a material in two shades of a colour from black to white."""
    rng = generator(seed, index, Part.TABLE_TOP)
    shades = two_shades(rng)
    share = MATERIALS[rng.integers(len(MATERIALS))](rng)[..., None]
    share = np.rot90(share, int(rng.integers(4)))
    return np.clip(shades[0] + share * (shades[1] - shades[0]), 0, WHITEST)


def two_shades(rng: np.random.Generator) -> Float[np.ndarray, "2 3"]:
    """A colour, two thirds of them between wood's and grey, and a shade of it that is up to a third apart."""
    hue = rng.uniform(0, 1, 3) if rng.random() < 1 / 3 else np.array([1.0, 0.7, 0.4]) ** rng.uniform(0, 1)
    colour = rng.uniform(0.03, 1) * (0.5 + 0.5 * hue / hue.max())
    return np.stack([colour, colour + rng.choice([-1, 1]) * rng.uniform(0.03, 0.35) * (0.2 + 0.8 * colour)])


def planks(rng: np.random.Generator) -> Field:
    """Boards of 8 to 25 cm, each of its own brightness, with rings that run along them."""
    width = rng.uniform(8, 25) * CENTIMETRE
    board = ((np.arange(TEXELS) + rng.uniform(0, width)) / width).astype(int)
    level = rng.uniform(0, 1, board.max() + 1)[board][:, None]
    figure = noise(rng, (rng.uniform(1, 3) * CENTIMETRE, rng.uniform(15, 60) * CENTIMETRE))
    rings = 0.5 + 0.5 * np.sin(
        rng.uniform(2, 6) * 2 * np.pi * figure + rng.uniform(0, 6, board.max() + 1)[board][:, None]
    )
    return 0.5 * level + 0.5 * rings


def stone(rng: np.random.Generator) -> Field:
    """Clouded, with veins."""
    clouds, veins = noise(rng, rng.uniform(4, 15) * CENTIMETRE), noise(rng, rng.uniform(2, 8) * CENTIMETRE)
    return np.clip(0.6 * clouds + 0.7 * np.exp(-((veins - 0.5) ** 2) / 0.0005), 0, 1)


def terrazzo(rng: np.random.Generator) -> Field:
    """Chips of half a centimetre to four."""
    return (noise(rng, rng.uniform(0.5, 3) * CENTIMETRE) > rng.uniform(0.45, 0.65)).astype(float)


def cloth(rng: np.random.Generator) -> Field:
    """Bands of random widths, across each other."""
    return (bands(rng)[:, None] + bands(rng)) / 2


def paint(rng: np.random.Generator) -> Field:
    """One colour, worn a little."""
    return 0.3 * noise(rng, rng.uniform(5, 20) * CENTIMETRE)


MATERIALS: tuple[Material, ...] = (planks, stone, terrazzo, cloth, paint)


def noise(rng: np.random.Generator, width: float | tuple[float, float]) -> Field:
    """Smooth noise between 0 and 1, of that width in texels."""
    field = gaussian_filter(rng.normal(size=(TEXELS, TEXELS)), width, mode="wrap")
    return (field - field.min()) / np.ptp(field)


def bands(rng: np.random.Generator) -> Float[np.ndarray, " column"]:
    """0 and 1 in turn, 1 to 10 cm wide each."""
    ends = np.cumsum(rng.uniform(1, 10, 400) * CENTIMETRE)
    return np.searchsorted(ends, np.arange(TEXELS)) % 2 * 1.0

"""The lamp and the sky over a path-traced table: those of a picture's view, or of its own.

The measured skies (skies.npz) are the upper halves of eight environment maps of the npm package @pmndrs/assets, which
are in the public domain (CC0), averaged to 16 x 64 directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from scenes.errors import UserError
from scenes.generators import Part, generator
from scenes.view import View

SKIES = Path(__file__).parent / "skies.npz"
SUN = (
    20.0,
    1.0,
)  # metres to the lamp that stands for a view's light, and its radius: nearly parallel, shadows a bit soft

# What rooms have, over a table of 80 cm:
ELEVATION = 40.0, 80.0  # degrees
DISTANCE = 2.0, 4.0  # metres from the middle of the table; nearer ones leave its other side dark
RADIUS = 0.05, 0.4  # metres, from a bulb to a shade
LAMPS_SHARE = 0.25, 0.7  # of the table's light; the sky has the rest
CAST = 0.05  # of a lamp's and a sky's colour, what a camera's white balance leaves
BRIGHTEST = 20.0  # radiance in a sky, of one that lights a table with 1: a sun would be a second lamp
TRIES = 1000  # places; most cameras over a table see no lamp anywhere
MEASURED = 0.5  # of the skies; the others are of one colour


@dataclass(frozen=True)
class Lights:
    """place: of the lamp, [3] metres; radius: in metres; light: [3] what it adds to a white surface at the origin that
    faces it; sky: [rows, columns, 3] radiance by direction, from the zenith down to the horizon."""

    place: np.ndarray
    radius: float
    light: np.ndarray
    sky: np.ndarray

    @property
    def radiance(self) -> Float[np.ndarray, "3"]:
        """Of the lamp: what a disk of it must shine with, to give its light at the distance of the origin."""
        return self.light * np.square(self.place).sum() / self.radius**2

    @property
    def sideways(self) -> Float[np.ndarray, "3"]:
        """A direction that is not the lamp's."""
        return np.eye(3)[np.abs(self.place).argmin()]

    @property
    def whole_sky(self) -> Float[np.ndarray, "row column 3"]:
        """With a lower half, which no table shows."""
        return np.concatenate([self.sky, self.sky[::-1]])


def lights_of(view: View) -> Lights:
    """The light of a view's first picture: a lamp far away and a sky of one colour."""
    gain, (distance, radius) = view.gain[0], SUN
    sky = np.broadcast_to(gain * view.ambient[0], (2, 4, 3))
    return Lights(distance * view.light[0], radius, gain * view.diffuse[0], sky)


def drawn_lights(view: View, seed: int, index: int) -> Lights:
    """A lamp and a sky of the picture's own; together they give the table's middle the light that `view` gives it."""
    rng = generator(seed, index, Part.LAMP)
    place, share = lamp_place(view, rng), rng.uniform(*LAMPS_SHARE)
    level = view.ambient[0] + view.diffuse[0] * max(0.0, view.light[0, 2])
    whole = view.gain[0] * level * casts(rng)
    slanted = place[2] / np.linalg.norm(place)
    sky = drawn_sky(generator(seed, index, Part.SKY)) * whole * (1 - share)
    return Lights(place, rng.uniform(*RADIUS), whole * casts(rng) * share / slanted, sky)


def lamp_place(view: View, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Anywhere around the table but where the camera would see it."""
    for _ in range(TRIES):
        azimuth, height = rng.uniform(-np.pi, np.pi), np.radians(rng.uniform(*ELEVATION))
        flat, distance = np.cos(height), rng.uniform(*DISTANCE)
        place = distance * np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(height)])
        if not in_sight(view, place):
            return place
    raise UserError("a lamp would be in the picture wherever it hung: move the camera, or narrow scene.field_of_view")


def in_sight(view: View, place: Float[np.ndarray, "3"]) -> bool:
    """Whether a lamp there might be seen; the cone is a little wider than the picture."""
    camera = view.camera(0)
    x, y, depth = camera.project(place)
    corner = np.linalg.norm(camera.extent) + camera.lens[:2].max() * max(RADIUS) / max(depth, 1e-9)
    return bool(depth > -max(RADIUS) and (depth <= max(RADIUS) or np.hypot(x, y) < corner))


def drawn_sky(rng: np.random.Generator) -> Float[np.ndarray, "row column 3"]:
    """A sky, turned about the zenith, that lights the table with 1 in every channel but for a cast."""
    if rng.random() >= MEASURED:
        return np.broadcast_to(casts(rng), (2, 4, 3))
    sky = measured_skies()[rng.integers(len(measured_skies()))]
    return np.roll(sky, rng.integers(sky.shape[1]), axis=1) * casts(rng)


def casts(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    return rng.uniform(1 - CAST, 1 + CAST, 3)


def irradiance(sky: Float[np.ndarray, "row column 3"]) -> Float[np.ndarray, "3"]:
    """What a white table shows under it: the mean over the half-space, weighted with the cosine."""
    rows = sky.shape[0]
    edges = np.sin(np.linspace(0, np.pi / 2, rows + 1)) ** 2  # twice the integral of cos sin, from the zenith
    return (np.diff(edges)[:, None] * sky.mean(1)).sum(0)


@cache
def measured_skies() -> list[Float[np.ndarray, "row column 3"]]:
    """Each as a camera that is balanced for it sees it: it lights a table with 1 in every channel."""
    with np.load(SKIES) as stored:
        return [balanced(stored[name].astype(float)) for name in sorted(stored)]


def balanced(sky: Float[np.ndarray, "row column 3"]) -> Float[np.ndarray, "row column 3"]:
    brightness = (sky / irradiance(sky)).mean(-1, keepdims=True)
    dimmed = sky * np.minimum(1, BRIGHTEST / brightness)
    return dimmed / irradiance(dimmed)

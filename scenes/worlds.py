"""The world that a picture of a varied scene draws for itself: camera, light, gain, noise, table, tints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from scenes.clutter import cluttered
from scenes.generators import Part, generator
from scenes.objects import Objects
from scenes.tables import two_colours
from scenes.variation import Variation
from scenes.view import View

GREY = 0.3  # share of tables that have no colour of their own
DARKEST = 1e-6  # of a table's light: what is divided by it stays a number


def varied(configured: View, ranges: Variation, seed: int, index: int) -> View:
    """The world of one picture (a batch of one, numpy): as `configured` where `ranges` do not vary it."""
    view = configured
    for part, draw in DRAWN.items():
        view = draw(view, ranges, generator(seed, index, part))
    return tabled(view, configured, ranges, generator(seed, index, Part.TABLE))


def moved(view: View, ranges: Variation, rng: np.random.Generator) -> View:
    """The camera turned about an axis through itself, and shifted, both in any direction."""
    if not (ranges.turn or ranges.shift):
        return view
    axis, way = directions(rng, 2)
    turn = rotation(axis, np.radians(rng.uniform(0, ranges.turn)))
    camera = view.camera(0)
    axes, place = turn @ camera.rotation, camera.position + rng.uniform(0, ranges.shift) * way
    return replace(view, camera_rotation=axes[None], camera_translation=(-place @ axes)[None])


def lit(view: View, ranges: Variation, rng: np.random.Generator) -> View:
    """The light from another side, and of other parts."""
    azimuth, share = rng.uniform(-np.pi, np.pi), rng.uniform(size=3)
    drawn = {}
    if ranges.elevation is not None:
        height = np.radians(between(ranges.elevation, share[0]))
        flat = np.cos(height)
        drawn["light"] = np.array([[flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(height)]])
    for name, each in (("ambient", share[1]), ("diffuse", share[2])):
        if (limits := getattr(ranges, name)) is not None:
            drawn[name] = np.array([between(limits, each)])
    if ranges.lamp is not None:
        drawn["lamp"] = np.array([rng.uniform(*ranges.lamp)])
    return replace(view, **drawn)


def exposed(view: View, ranges: Variation, rng: np.random.Generator) -> View:
    """Exposure and white balance, as the gain of the light."""
    factor = 1 + ranges.exposure * rng.uniform(-1, 1) + np.zeros(3)
    return replace(view, gain=view.gain * factor * (1 + ranges.white_balance * rng.uniform(-1, 1, 3)))


def noisy(view: View, ranges: Variation, rng: np.random.Generator) -> View:
    return view if ranges.noise is None else replace(view, noise=np.array([rng.uniform(*ranges.noise)]))


def sensed(view: View, ranges: Variation, rng: np.random.Generator) -> View:
    """The lens, the tone curve and the file of the picture; every second file is no JPEG."""
    blur, tone, compressed, quality = rng.uniform(size=4)
    drawn = {"blur": blur * ranges.blur, "tone": np.exp(ranges.tone * (2 * tone - 1))}
    if ranges.jpeg is not None:
        drawn["jpeg"] = between(ranges.jpeg, quality) if compressed < 0.5 else 0.0
    return replace(view, **{name: np.array([value]) for name, value in drawn.items() if getattr(ranges, name)})


DRAWN = {Part.CAMERA: moved, Part.LIGHT: lit, Part.GAIN: exposed, Part.NOISE: noisy, Part.OPTICS: sensed}


def tabled(view: View, configured: View, ranges: Variation, rng: np.random.Generator) -> View:
    """The table of a picture: its colour, texture, clutter and gradient, as dark as the light of `view` makes it."""
    plain, own = table_light(configured), configured.background[0]
    if ranges.table is not None:
        own = rng.uniform(*ranges.table) * plain
    coloured = rng.random() > GREY
    own = own * (1 - ranges.colour * coloured * rng.uniform() * paleness(rng))
    if ranges.texture:
        own = two_colours(own, ranges.texture, view.camera(0), rng)
    if ranges.clutter:
        own = cluttered(own, ranges.clutter, view.camera(0), rng)
    if ranges.gradient:
        own = own * slope(view, ranges.gradient, rng)[..., None]
    return replace(view, background=np.clip(own * (table_light(view) / plain), 0, 1)[None])


def table_light(view: View) -> Float[np.ndarray, "3"]:
    """What the first picture's table shows of its own colour: it is lit as objects are, from above."""
    light = view.gain[0] * (view.ambient[0] + view.diffuse[0] * max(0.0, view.light[0, 2]))
    return np.maximum(light, DARKEST)


def paleness(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """How far red, green and blue fall below the brightest. Every second table is warm, as those of wood are."""
    share = rng.uniform(size=3)
    share -= share.min()
    return np.sort(share) if rng.random() < 0.5 else share


def slope(view: View, most: float, rng: np.random.Generator) -> Float[np.ndarray, "height width"]:
    """A slow gradient of light over the picture, and a bow as of a lamp's pool or a lens that darkens its corners."""
    rows, columns = (np.linspace(-1, 1, side) for side in (view.height, view.width))
    angle, (rise, bow) = rng.uniform(-np.pi, np.pi), rng.uniform(0, most / 2, 2)
    ramp = np.cos(angle) * columns + np.sin(angle) * rows[:, None]
    return 1 + rise * ramp - bow * (columns**2 + rows[:, None] ** 2) / 2


def tinted(objects: Objects, ranges: Variation, seed: int, index: int) -> Objects:
    """The objects of one scene, each with colours of its own; an empty slot keeps ones."""
    if not ranges.tint:
        return objects
    drawn = 1 + ranges.tint * generator(seed, index, Part.TINT).uniform(-1, 1, (1, objects.slots, 3))
    tint = np.where(objects.presence[..., None], drawn, 1)
    return replace(objects, tint=tint.astype(np.float32))


def between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def directions(rng: np.random.Generator, count: int) -> Float[np.ndarray, "count 3"]:
    """Unit vectors, uniform on the sphere."""
    drawn = rng.normal(size=(count, 3))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def rotation(axis: Float[np.ndarray, "3"], angle: float) -> Float[np.ndarray, "3 3"]:
    """The matrix (of column vectors) that turns by `angle` about a unit axis: Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross

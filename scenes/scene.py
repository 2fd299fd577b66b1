"""A scene as the user configures it, and the endless, numbered data set behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scenes.camera import Camera
from scenes.catalogue import catalogue
from scenes.errors import UserError
from scenes.layout import Layout, check_count, sample
from scenes.objects import Objects


@dataclass
class SceneConfig:
    """What configs/scene/*.yaml fills. Lengths in metres, angles in degrees, colours in [0, 1].

    image_size: side of the square picture in pixels; background: colour of the table top, which fills the picture;
    table ... tries: see `Layout`; steps: training steps that this scene needs by default.
    """

    name: str = "tabletop"
    catalogue: str = "crockery"
    image_size: int = 64
    camera_position: tuple[float, float, float] = (0.0, -0.92, 1.27)
    camera_target: tuple[float, float, float] = (0.0, -0.02, 0.0)
    field_of_view: float = 32.0
    background: tuple[float, float, float] = (0.10, 0.11, 0.13)
    table: tuple[float, float] = (0.8, 0.8)
    min_objects: int = 0
    max_objects: int = 3
    counts: list[int] | None = None
    repeats: bool = True
    elevation: float = 0.0
    gap: float = 0.01
    max_hidden: float = 0.5
    tries: int = 100
    steps: int = 600

    def __post_init__(self) -> None:
        for name, length in (("camera_position", 3), ("camera_target", 3), ("background", 3), ("table", 2)):
            value = tuple(getattr(self, name))
            if len(value) != length or not all(math.isfinite(number) for number in value):
                raise UserError(f"scene.{name} is {list(value)}: it must be {length} numbers")
            setattr(self, name, tuple(float(number) for number in value))
        _require(self.image_size >= 8, "image_size", self.image_size, "at least 8 pixels")
        _require(0 < self.field_of_view < 180, "field_of_view", self.field_of_view, "between 0 and 180 degrees")
        _require(all(0 <= c <= 1 for c in self.background), "background", self.background, "three numbers in 0..1")
        _require(min(self.table) > 0, "table", self.table, "two positive lengths in metres")
        _require(self.min_objects >= 0, "min_objects", self.min_objects, "0 or more")
        _require(self.max_objects >= max(self.min_objects, 1), "max_objects", self.max_objects,
                 f"1 or more and at least scene.min_objects ({self.min_objects})")  # fmt: skip
        if self.counts is not None:
            fine = {self.min_objects, self.max_objects} <= set(self.counts) <= set(range(self.max_objects + 1))
            _require(fine and sorted(set(self.counts)) == self.counts, "counts", self.counts,
                     f"rising numbers that begin with scene.min_objects ({self.min_objects}) and end with "
                     f"scene.max_objects ({self.max_objects})")  # fmt: skip
        _require(0 <= self.elevation < math.inf, "elevation", self.elevation, "0 or a height in metres")
        _require(0 <= self.gap < math.inf, "gap", self.gap, "0 or a distance in metres")
        _require(0 <= self.max_hidden <= 1, "max_hidden", self.max_hidden, "a share between 0 and 1")
        _require(self.tries >= 1, "tries", self.tries, "at least 1")
        _require(self.steps >= 1, "steps", self.steps, "at least 1")


def _require(fine: bool, name: str, value: object, wanted: str) -> None:
    if not fine:
        shown = list(value) if isinstance(value, tuple) else value
        raise UserError(f"scene.{name} is {shown}: it must be {wanted}")


class Scene:
    """Everything there is to know about a scene but its pictures: catalogue, camera, layout, background colour.

    Raises UserError for a configuration that no table can satisfy.
    """

    def __init__(self, config: SceneConfig) -> None:
        self.config = config
        self.catalogue = catalogue(config.catalogue)
        self.camera = Camera(
            position=config.camera_position,
            target=config.camera_target,
            field_of_view=config.field_of_view,
            height=config.image_size,
            width=config.image_size,
        )
        self.layout = Layout(
            table=config.table,
            min_objects=config.min_objects,
            max_objects=config.max_objects,
            counts=tuple(config.counts) if config.counts else None,
            repeats=config.repeats,
            elevation=config.elevation,
            gap=config.gap,
            max_hidden=config.max_hidden,
            tries=config.tries,
        )
        self.background = config.background
        check_count(self.layout, self.catalogue, config.max_objects)

    def objects(self, seed: int, index: int, count: int | None = None) -> Objects:
        """Scene number `index` of data set `seed`, a batch of one: always the same, whatever else was made before."""
        return sample(self.layout, self.catalogue, self.camera, np.random.default_rng([seed, index]), count)

    def batch(self, seed: int, indices: Iterable[int], count: int | None = None) -> Objects:
        """Several scenes of data set `seed` as one batch."""
        return Objects.stack([self.objects(seed, index, count) for index in indices])

"""A scene as the user configures it, and the endless, numbered data set behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from scenes.camera import Camera
from scenes.catalogue import Catalogue
from scenes.catalogues import CatalogueConfig, catalogue_of
from scenes.layout import Layout, check_count, numbers, require, sample
from scenes.objects import Objects
from scenes.variation import Variation
from scenes.view import AMBIENT, DIFFUSE, LIGHT, View
from scenes.view_states import ViewStates
from scenes.worlds import tinted, varied

REMEMBERED = 64  # views, so that a batch of scenes and its views, asked for one after the other, are drawn once


@dataclass
class SceneConfig(CatalogueConfig, Layout):
    """What configs/scene/*.yaml fills. Lengths in metres, angles in degrees, colours in [0, 1].

    image_size: of the pictures in pixels: the side of a square, or [height, width]; intrinsics: fx, fy, cx, cy of the
    camera in pixels of that size, as in `Camera`, None for those of field_of_view; background: colour of the table
    top, which fills the picture; light: direction towards it, world axes, of any length; ambient, diffuse: its parts,
    together 1 at most; vary: what differs from picture to picture, nothing by default; view: what of that a model is
    given, and what it reads off the picture; the rules of the table: see `Layout`; its meshes: see `CatalogueConfig`.
    """

    name: str = "tabletop"
    image_size: Any = 64  # int or [int, int]; OmegaConf cannot say so
    camera_position: tuple[float, float, float] = (0.0, -0.92, 1.27)
    camera_target: tuple[float, float, float] = (0.0, -0.02, 0.0)
    field_of_view: float = 32.0
    intrinsics: tuple[float, float, float, float] | None = None
    background: tuple[float, float, float] = (0.10, 0.11, 0.13)
    light: tuple[float, float, float] = LIGHT
    ambient: float = AMBIENT
    diffuse: float = DIFFUSE
    vary: Variation = field(default_factory=Variation)
    view: ViewStates = field(default_factory=ViewStates)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()
        for name in ("camera_position", "camera_target", "background", "light"):
            setattr(self, name, numbers(name, getattr(self, name), 3))
        if self.intrinsics is not None:
            fx, fy, cx, cy = numbers("intrinsics", self.intrinsics, 4)
            self.intrinsics = fx, fy, cx, cy
            wanted = "fx, fy, cx, cy in pixels, the focal lengths above 0"
            require(min(fx, fy) > 0, "intrinsics", self.intrinsics, wanted)
        if isinstance(self.image_size, Sequence) and not isinstance(self.image_size, str):
            self.image_size = list(self.image_size)
        sides = self.image_size if isinstance(self.image_size, list) else [self.image_size] * 2
        fine = len(sides) == 2 and all(isinstance(side, int) and side >= 8 for side in sides)
        require(fine, "image_size", self.image_size, "at least 8 pixels: a whole number, or [height, width]")
        require(0 < self.field_of_view < 180, "field_of_view", self.field_of_view, "between 0 and 180 degrees")
        require(all(0 <= c <= 1 for c in self.background), "background", self.background, "three numbers in 0..1")
        require(any(self.light), "light", self.light, "a direction, not all 0")
        require(self.ambient >= 0, "ambient", self.ambient, "0 or more")
        require(self.diffuse >= 0, "diffuse", self.diffuse, "0 or more")
        require(self.ambient + self.diffuse <= 1 + 1e-6, "diffuse", self.diffuse, "1 at most together with ambient")

    @property
    def height(self) -> int:
        """Of its pictures, in pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[0]

    @property
    def width(self) -> int:
        """Of its pictures, in pixels."""
        return self.image_size if isinstance(self.image_size, int) else self.image_size[1]


FEW, TRIALS = 8, 3
"""Objects that any table has room for, nearly; tables that are laid out with more, to see whether that is so."""


def camera_of(config: SceneConfig) -> Camera:
    """The configured camera; it looks at camera_target in the middle of the picture, or at cx, cy where it has
    intrinsics of its own."""
    place = config.camera_position, config.camera_target
    camera = Camera.look_at(*place, config.field_of_view, config.height, config.width)
    if config.intrinsics is None:
        return camera
    return replace(camera, intrinsics=np.array(config.intrinsics))


class Scene:
    """Everything there is to know about a scene but its pictures: catalogue, layout, and the view of each picture.

    A subclass may override `view`, so that every picture has a camera, light or background of its own.
    catalogue: where it is known already; that of the configuration otherwise. Raises UserError for a configuration
    that no table can satisfy.
    """

    def __init__(self, config: SceneConfig, catalogue: Catalogue | None = None) -> None:
        self.config = config
        self.catalogue = catalogue or catalogue_of(config)
        self.layout: Layout = config
        self.camera = camera_of(config)
        light = config.light, config.ambient, config.diffuse
        self.configured = View.of(self.camera, *light, background=config.background)
        check_count(self.layout, self.catalogue, config.max_objects)
        if config.max_objects > FEW:  # whether so many fit is tried before anybody waits for a training
            for trial in range(TRIALS):
                sample(self.layout, self.catalogue, self.camera, np.random.default_rng(trial), config.max_objects)
        self._drawn = lru_cache(REMEMBERED)(partial(varied, self.configured, config.vary))

    def view(self, seed: int, index: int) -> View:
        """What picture number `index` of data set `seed` shows its objects in, a batch of one (numpy)."""
        return self._drawn(seed, index) if self.config.vary else self.configured

    def views(self, seed: int, indices: Iterable[int]) -> View:
        """The views of several pictures as one batch; what all of them share is stored once."""
        return View.stack([self.view(seed, index) for index in indices])

    def objects(self, seed: int, index: int, count: int | None = None) -> Objects:
        """Scene number `index` of data set `seed`, a batch of one: always the same, whatever else was made before."""
        view = self.view(seed, index)
        camera = self.camera if view is self.configured else view.camera(0)
        drawn = sample(self.layout, self.catalogue, camera, np.random.default_rng([seed, index]), count)
        return tinted(drawn, self.config.vary, seed, index)

    def batch(self, seed: int, indices: Iterable[int], count: int | None = None) -> Objects:
        """Several scenes of data set `seed` as one batch."""
        return Objects.stack([self.objects(seed, index, count) for index in indices])

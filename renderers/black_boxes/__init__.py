"""What ``renderer=finite_difference`` can differentiate, by name: every other backend, ``mitsuba``, your own function.

Names only, never an import path: a configuration or a checkpoint must not be able to run code. Whoever wants another
function registers it from Python first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from renderers import BACKENDS, RendererConfig, build_renderer
from renderers.convert import to_torch
from scenes.errors import UserError, nearest
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

BlackBox = Callable[[Objects, View], np.ndarray]
"""Scenes and the views of their pictures (numpy arrays) to pictures [batch, height, width, 3], floats in [0, 1]."""

TOLERANCE = 1e-4  # below 0, for sums that were rounded
BRIGHTEST = 2.0  # of a tint, a gain, or a step of a difference beyond 1; bytes are brighter still

_registered: dict[str, Callable[[Scene, RendererConfig], BlackBox]] = {}


def register(name: str, make: Callable[[Scene, RendererConfig], BlackBox]) -> None:
    """Let ``renderer.black_box=name`` stand for what ``make`` returns for a scene and its settings.

    Raises UserError where the name is taken.
    """
    if name in names():
        raise UserError(f"there is a black box '{name}' already: choose another name")
    _registered[name] = make


def names() -> list[str]:
    """Everything that ``renderer.black_box`` can be."""
    return [*(name for name in BACKENDS if name != "finite_difference"), "mitsuba", *_registered]


def build_black_box(name: str, scene: Scene, settings: RendererConfig) -> BlackBox:
    """The black box of that name. Raises UserError for an unknown one, and for one that is not installed."""
    if name not in names():
        known = nearest(name, names())
        raise UserError(f"there is no renderer.black_box={name}; {known}, and what a program of yours registers")
    if name in _registered:
        return _registered[name](scene, settings)
    if name == "mitsuba":
        from renderers.black_boxes.mitsuba import Mitsuba

        return Mitsuba(scene, settings)
    return Backend(name, scene, settings)


class Backend:
    """A backend of this project without its own gradients, on the CPU."""

    def __init__(self, name: str, scene: Scene, settings: RendererConfig) -> None:
        self.renderer = build_renderer(name, scene, settings)

    @torch.no_grad()
    def __call__(self, objects: Objects, view: View) -> Float[np.ndarray, "batch height width 3"]:
        return self.renderer.render(to_torch(objects), to_torch(view)).numpy()


@dataclass
class Checked:
    """A black box whose answers are looked at, because a wrong one shows only as a network that does not learn."""

    name: str
    function: BlackBox

    def __call__(self, objects: Objects, view: View) -> Float[np.ndarray, "batch height width 3"]:
        """Its pictures. Raises UserError for a wrong shape, for numbers that are not finite or not in [0, 1]."""
        pictures = np.asarray(self.function(objects, view))
        wanted = (len(objects), view.height, view.width, 3)
        if pictures.shape != wanted:
            raise self.wrong(f"pictures {list(pictures.shape)} instead of [batch, height, width, 3] = {list(wanted)}")
        if not np.issubdtype(pictures.dtype, np.floating):
            raise self.wrong(f"pictures of {pictures.dtype} instead of floats in [0, 1]")
        low, high = pictures.min(initial=0), pictures.max(initial=0)  # both are NaN if any number is
        if not np.isfinite([low, high]).all():
            raise self.wrong("pictures with numbers that are not finite")
        if low < -TOLERANCE or high > BRIGHTEST:
            raise self.wrong(f"colours from {low:.3g} to {high:.3g} instead of in [0, 1]")
        return pictures

    def wrong(self, what: str) -> UserError:
        return UserError(f"the black box '{self.name}' returned {what}")

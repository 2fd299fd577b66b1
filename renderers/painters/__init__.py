"""Who paints the pictures of a data set: ``generate.py painter=air3d``, the renderer of this project, or ``mitsuba``.

A painter takes what a scene describes and gives what a camera without noise would see. What is painted by another one
is for measuring: nothing here is trained on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from renderers.base import Renderer
from renderers.convert import to_torch
from scenes.errors import UserError, nearest
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View
from scenes.view_labels import PARTS

Painter = Callable[[Objects, View, Sequence[tuple[int, int]]], Tensor]
"""Objects and views of B pictures (numpy), data-set seed and index of each, to pictures [B, H, W, 3], 0 to about 1."""

NAMES = ("air3d", "mitsuba")
MOST_RAYS = 2**16


@dataclass
class PainterConfig:
    """What configs/painter/*.yaml fills; all but the name is for ``mitsuba``.

    rays: of light a pixel; bounces: surfaces that light may touch on its way, 1 being direct light alone; own_lights: a
    lamp and a sky of its own in every picture, instead of its view's light; own_tables: a table of its own, instead of
    its view's background.
    """

    name: str = "air3d"
    rays: int = 64
    bounces: int = 4
    own_lights: bool = False
    own_tables: bool = False

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise UserError(f"there is no painter.name={self.name}; {nearest(self.name, NAMES)}")
        if not 1 <= self.rays <= MOST_RAYS:
            raise UserError(f"painter.rays={self.rays}: give a whole number from 1 to {MOST_RAYS}")
        if self.bounces < 1:
            raise UserError(f"painter.bounces={self.bounces}: give at least 1, which is direct light alone")

    @property
    def stated(self) -> tuple[str, ...]:
        """What a data set can say of the worlds that it shows, in the words of ``scenes.view_labels``: the lamps and
        tables of a painter's own are no light and no background that a view could describe."""
        unsaid = {"light": self.own_lights, "background": self.own_lights or self.own_tables}
        return tuple(part for part in PARTS if not unsaid.get(part))


def build_painter(settings: PainterConfig, scene: Scene, renderer: Renderer) -> Painter:
    """The painter of that name. Raises UserError for one that is not installed."""
    if settings.name == "mitsuba":
        from renderers.painters.path_tracer import PathTracer

        return PathTracer(scene, settings)
    return Ours(renderer)


class Ours:
    """This project's renderer as it is configured."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    @torch.no_grad()
    def __call__(
        self, objects: Objects, view: View, seeds: Sequence[tuple[int, int]]
    ) -> Float[Tensor, "batch height width 3"]:
        device = self.renderer.device
        return self.renderer.render(to_torch(objects, device), to_torch(view, device)).cpu()

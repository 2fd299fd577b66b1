"""Who paints the pictures of a data set: ``generate.py painter=air3d``, the renderer of this project, or ``mitsuba``.

A painter takes what a scene describes and gives what a camera without noise would see. What is painted by another one
is for measuring: nothing here is trained on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from renderers.base import Renderer
from renderers.convert import to_torch
from renderers.painters.settings import PainterConfig
from renderers.shadows import shadowed
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

__all__ = ["Ours", "Painter", "PainterConfig", "build_painter"]

Painter = Callable[[Objects, View, Sequence[tuple[int, int]]], Tensor]
"""Objects and views of B pictures (numpy), data-set seed and index of each, to pictures [B, H, W, 3], 0 to about 1."""


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
        there, world = to_torch(objects, self.renderer.device), to_torch(view, self.renderer.device)
        return self.renderer.render(there, shadowed(self.renderer, there, world)).cpu()

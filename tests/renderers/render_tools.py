"""Small scenes for the renderers' tests: a few boxes and a ball seen from nearby, in pictures of 20 to 32 pixels."""

from __future__ import annotations

import numpy as np
import torch
from golden import at_cut_off
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from scenes.camera import Camera
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig


def small_scene(
    name: str = "crockery", height: int = 24, width: int = 24, turned: float = 0.0, moved: tuple[float, float] = (0, 0)
) -> Scene:
    """A camera close to the table, so that objects fill the picture.

    ``turned`` radians about the z axis and then ``moved`` along x and y: the camera's, for tests that move everything.
    """
    scene = Scene(SceneConfig(catalogue=name, background=(0.2, 0.3, 0.4)))
    position = (0.75 * np.sin(turned) + moved[0], -0.75 * np.cos(turned) + moved[1], 0.6)
    scene.camera = Camera(position, (*moved, 0.03), 26.0, height, width)
    return scene


def renderers(scene: Scene, settings: RendererConfig | None = None) -> tuple[Renderer, Renderer]:
    """(streaming in float32, reference in float64): the pair that must agree."""
    settings = settings or RendererConfig()
    return build_renderer("streaming", scene, settings), build_renderer("reference", scene, settings).double()


def random_objects(seed: int, batch: int = 3, count: int = 3, kinds: int = 4, spread: float = 0.18) -> Objects:
    """Objects anywhere, through each other and over the border: harder than any scene of the layout."""
    random = torch.Generator().manual_seed(seed)
    ground = spread * (2 * torch.rand(batch, count, 2, generator=random) - 1)
    position = torch.cat([ground, 0.1 * torch.rand(batch, count, 1, generator=random)], -1)
    rotation = 2 * torch.pi * (torch.rand(batch, count, generator=random) - 0.5)
    identity = torch.randint(kinds, (batch, count), generator=random)
    return Objects(identity, position, rotation, torch.ones(batch, count))


def soup(renderer: Renderer, triangles: Tensor, colours: Tensor) -> Tensor:
    """The canvas [1,H,W,6] of loose triangles [F,3,3] (x_ndc, y_ndc, z_view) with colours [F,3,3] at their corners."""
    count = len(triangles)
    renderer.faces = torch.arange(3 * count, dtype=torch.int32).view(1, count, 3)
    renderer.face_count = torch.tensor([count], dtype=torch.int32)
    corners, colours = triangles.reshape(1, 1, -1, 3), colours.reshape(1, 1, -1, 3)
    return renderer.splat(
        renderer.blank(1), corners, colours, torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1) > 0
    )


__all__ = ["at_cut_off", "random_objects", "renderers", "small_scene", "soup"]

"""A renderer that somebody else wrote shows the same table, and a pose can be found through it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import random_objects, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from scenes.objects import Objects
from scenes.scene import Scene

pytest.importorskip("mitsuba", reason="Mitsuba is not installed: pip install -e '.[mitsuba]'")

SETTINGS = RendererConfig(black_box="mitsuba")


def pair(scene: Scene, settings: RendererConfig = SETTINGS) -> tuple[Renderer, Renderer]:
    return build_renderer("finite_difference", scene, settings), build_renderer("streaming", scene, settings)


def seen(image: Tensor, background: Tensor, grow: int = 0) -> Tensor:
    """Pixels [B,H,W] that show more of an object than of the table, or lie beside one that does."""
    mask = ((image - background).abs().amax(-1) > 0.1).float()
    return torch.nn.functional.max_pool2d(mask, 2 * grow + 1, 1, grow) > 0


@pytest.mark.parametrize("shape", [(32, 32), (24, 40), (40, 24)], ids=str)
def test_silhouettes_agree_within_a_pixel(shape: tuple[int, int]) -> None:
    """So left is left and up is up: the handles of mugs and saucepans are not symmetric."""
    mitsuba, streaming = pair(small_scene(height=shape[0], width=shape[1]), replace(SETTINGS, ambient=1.0, diffuse=0.0))
    objects = random_objects(seed=1, batch=6, count=2)
    theirs, ours = mitsuba.render(objects), streaming.render(objects)
    masks = [seen(image, streaming.background) for image in (theirs, ours)]
    grown = [seen(image, streaming.background, grow=1) for image in (theirs, ours)]
    assert masks[1].float().mean() > 0.1
    assert not (masks[0] & ~grown[1]).any() and not (masks[1] & ~grown[0]).any()
    assert seen(theirs.flip(2), streaming.background).logical_xor(masks[1]).float().mean() > 0.05, "a mirror would show"


def test_colours_agree_where_no_shadow_falls() -> None:
    """Shapes are convex and alone; what differs is Gouraud against Phong, and the seams of a soft rasterizer."""
    mitsuba, streaming = pair(small_scene("marked_shapes", height=80, width=80), replace(SETTINGS, sigma=1e-6))
    objects = random_objects(seed=2, batch=6, count=1, kinds=3)
    theirs, ours = mitsuba.render(objects), streaming.render(objects)
    difference = (theirs - ours).abs().amax(-1)
    inside = ~table(ours, streaming.background)
    assert inside.float().mean() > 0.01, "something is compared"
    assert difference[inside].median() < 1e-3 and difference[inside].mean() < 0.03
    outside = ~seen(ours, streaming.background, grow=2)
    assert difference[outside].max() < 1e-5, "the table has the same colour"


def table(image: Tensor, background: Tensor) -> Tensor:
    """The table, and two pixels of every object's border."""
    empty = 1 - seen(image, background).float()
    return torch.nn.functional.max_pool2d(empty, 5, 1, 2) > 0


def test_the_same_picture_every_time_and_in_any_batch() -> None:
    mitsuba, _ = pair(small_scene(height=16, width=16))
    objects = random_objects(seed=3, batch=3, count=2)
    pictures = mitsuba.render(objects)
    assert torch.equal(mitsuba.render(objects), pictures)
    assert torch.equal(mitsuba.render(objects[[2, 0]]), pictures[[2, 0]])
    rebuilt, _ = pair(small_scene(height=16, width=16))
    assert torch.equal(rebuilt.render(objects[1]), pictures[1:2])


def test_an_empty_table_is_the_background() -> None:
    mitsuba, _ = pair(small_scene(height=8, width=8))
    torch.testing.assert_close(mitsuba.develop(mitsuba.blank(2)), mitsuba.background.expand(2, 8, 8, 3))


def test_a_mug_is_put_back_where_mitsuba_painted_it() -> None:
    """Gradient descent on position and yaw, from 2.6 cm and 20 degrees away."""
    scene = small_scene(height=24, width=24)
    mitsuba, _ = pair(scene)
    mug = torch.tensor([[scene.catalogue.names.index("mug")]])
    picture = mitsuba.render(Objects(mug, torch.zeros(1, 1, 3), torch.tensor([[0.6]]), torch.ones(1, 1)))
    place, yaw = torch.tensor([[[0.02, 0.017, 0.0]]]).requires_grad_(), torch.tensor([[0.25]]).requires_grad_()
    optimiser = torch.optim.Adam([{"params": [place], "lr": 4e-3}, {"params": [yaw], "lr": 0.06}], betas=(0.8, 0.9))
    fade = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30)
    for _ in range(30):
        optimiser.zero_grad()
        (mitsuba.render(Objects(mug, place, yaw, torch.ones(1, 1))) - picture).square().sum().backward()
        optimiser.step()
        fade.step()
    assert place.detach().norm() < 2e-3 and abs(yaw.item() - 0.6) < 0.04

"""A renderer that somebody else wrote shows the same table, and a pose can be found through it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from render_tools import on_faces, one, random_looks, random_objects, random_view, small_scene, small_view
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.base import empty_table
from scenes.errors import UserError
from scenes.scene import Scene
from scenes.view import View

pytest.importorskip("mitsuba", reason="Mitsuba is not installed: pip install -e '.[mitsuba]'")

SETTINGS = RendererConfig(black_box="mitsuba")
FLAT = {"ambient": 1.0, "diffuse": 0.0}


def pair(scene: Scene, settings: RendererConfig = SETTINGS) -> tuple[Renderer, Renderer]:
    return build_renderer("finite_difference", scene, settings), build_renderer("streaming", scene, settings)


def worlds(seed: int, batch: int, height: int, width: int, picture: bool = False) -> View:
    """A world of its own for each picture, with square pixels."""
    view = random_view(seed, batch, height, width, picture)
    intrinsics = view.intrinsics.clone()
    intrinsics[:, 1] = intrinsics[:, 0]
    return replace(view, intrinsics=intrinsics)


def seen(image: Tensor, background: Tensor, grow: int = 0) -> Tensor:
    """Pixels [B,H,W] that show more of an object than of the table, or lie beside one that does."""
    mask = ((image - background).abs().amax(-1) > 0.1).float()
    return torch.nn.functional.max_pool2d(mask, 2 * grow + 1, 1, grow) > 0


@pytest.mark.parametrize("shape", [(32, 32), (24, 40), (40, 24)], ids=str)
@pytest.mark.parametrize("own", [False, True], ids=["one world", "a world each"])
def test_silhouettes_agree_within_a_pixel(shape: tuple[int, int], own: bool) -> None:
    """So left is left and up is up: the handles of mugs and saucepans are not symmetric."""
    mitsuba, streaming = pair(small_scene())
    objects = random_objects(seed=1, batch=6, count=2)
    view = worlds(4, 6, *shape) if own else small_view(6, *shape)
    view = replace(view, ambient=torch.ones(6), diffuse=torch.zeros(6), background=torch.full((6, 3), 0.02))
    table = empty_table(view)
    theirs, ours = mitsuba.render(objects, view), streaming.render(objects, view)
    masks = [seen(image, table) for image in (theirs, ours)]
    grown = [seen(image, table, grow=1) for image in (theirs, ours)]
    assert masks[1].float().mean() > 0.1
    assert not (masks[0] & ~grown[1]).any() and not (masks[1] & ~grown[0]).any()
    assert seen(theirs.flip(2), table).logical_xor(masks[1]).float().mean() > 0.05, "a mirror would show"


@pytest.mark.parametrize("own", [False, True], ids=["one world", "a world each"])
def test_colours_agree_where_no_shadow_falls(own: bool) -> None:
    """Shapes are convex and alone; what differs is Gouraud against Phong, and the seams of a soft rasterizer."""
    mitsuba, streaming = pair(small_scene("marked_shapes"), replace(SETTINGS, sigma=1e-6))
    objects, view = random_objects(seed=2, batch=6, count=1, kinds=3, spread=0.1), small_view(6, 80, 80)
    if own:  # the light from behind the camera's side of the table, tints, sizes, empty tables with a pattern
        objects, view = random_looks(objects, seed=2), worlds(3, 6, 80, 80, picture=True)
    theirs, ours = mitsuba.render(objects, view), streaming.render(objects, view)
    difference, table = (theirs - ours).abs().amax(-1), empty_table(view)
    inside = ~beside_the_table(ours, streaming.render(replace(objects, presence=0 * objects.presence), view), table)
    assert inside.float().mean() > 0.01, "something is compared"
    assert difference[inside].median() < 1e-3 and difference[inside].mean() < 0.03
    outside = ~torch.nn.functional.max_pool2d(((ours - table).abs().amax(-1) > 1e-4).float(), 5, 1, 2).bool()
    assert outside.any() and difference[outside].max() < 1e-5, "the table has the same colour"


def beside_the_table(image: Tensor, empty: Tensor, table: Tensor) -> Tensor:
    """The table, and two pixels of every object's border."""
    shown = ((image - empty).abs().amax(-1) > 1e-3).float()
    return torch.nn.functional.max_pool2d(1 - shown, 5, 1, 2) > 0


def test_the_same_picture_every_time_and_in_any_batch() -> None:
    mitsuba, _ = pair(small_scene())
    objects, view = random_looks(random_objects(seed=3, batch=3, count=2), seed=3), worlds(4, 3, 16, 16)
    pictures = mitsuba.render(objects, view)
    assert torch.equal(mitsuba.render(objects, view), pictures)
    assert torch.equal(mitsuba.render(objects[[2, 0]], view[[2, 0]]), pictures[[2, 0]])
    rebuilt, _ = pair(small_scene())
    assert torch.equal(rebuilt.render(objects[1], view[1]), pictures[1:2])


@pytest.mark.parametrize("picture", [False, True])
def test_an_empty_table_is_the_background(picture: bool) -> None:
    mitsuba, _ = pair(small_scene())
    view = worlds(5, 2, 8, 8, picture)
    expected = empty_table(view).expand(2, 8, 8, 3)
    torch.testing.assert_close(mitsuba.develop(mitsuba.blank(view), view), expected)


def test_pixels_that_are_not_square_are_refused() -> None:
    mitsuba, _ = pair(small_scene())
    with pytest.raises(UserError, match="square pixels only: fx="):
        mitsuba.render(random_objects(seed=6), random_view(6))


def test_what_lies_on_a_side_is_painted_so() -> None:
    mitsuba, streaming = pair(lying())
    objects, view = random_objects(seed=7, batch=4, count=1), small_view(4, 40, 40, **FLAT)
    objects.identity = 2 * objects.identity + 1
    theirs, ours = mitsuba.render(objects, view), streaming.render(objects, view)
    table = empty_table(view)
    assert not (seen(theirs, table) & ~seen(ours, table, grow=1)).any()
    assert not (seen(ours, table) & ~seen(theirs, table, grow=1)).any()


def lying() -> Scene:
    scene, turn = small_scene(), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    scene.catalogue = on_faces(scene.catalogue.meshes, turn)
    return scene


def test_a_mug_is_put_back_where_mitsuba_painted_it() -> None:
    """Gradient descent on position and yaw, from 2.6 cm and 20 degrees away."""
    scene, view = small_scene(), small_view()
    mitsuba, _ = pair(scene)
    mug = scene.catalogue.names.index("mug")
    picture = mitsuba.render(one(mug, torch.zeros(1, 3), torch.tensor([0.6])), view)
    place, yaw = torch.tensor([[0.02, 0.017, 0.0]]).requires_grad_(), torch.tensor([0.25]).requires_grad_()
    optimiser = torch.optim.Adam([{"params": [place], "lr": 4e-3}, {"params": [yaw], "lr": 0.06}], betas=(0.8, 0.9))
    fade = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30)
    for _ in range(30):
        optimiser.zero_grad()
        (mitsuba.render(one(mug, place, yaw), view) - picture).square().sum().backward()
        optimiser.step()
        fade.step()
    assert place.detach().norm() < 2e-3 and abs(yaw.item() - 0.6) < 0.04


def test_a_camera_and_a_light_are_found_through_mitsuba() -> None:
    """Gradient descent on where the camera stands and how bright its picture is, from 1 cm and a fifth away."""
    scene, view, objects = small_scene(), small_view(), random_objects(seed=8, batch=1, count=3, spread=0.1)
    mitsuba, _ = pair(scene)
    picture = mitsuba.render(objects, view)
    moved = view.camera_translation + torch.tensor([[0.01, -0.005, 0.0]])
    start, gain = moved.clone().requires_grad_(), torch.full((1, 3), 0.8).requires_grad_()
    optimiser = torch.optim.Adam([{"params": [start], "lr": 2e-3}, {"params": [gain], "lr": 0.03}], betas=(0.8, 0.9))
    fade = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 30)
    for _ in range(30):
        optimiser.zero_grad()
        shown = replace(view, camera_translation=start, gain=gain)
        (mitsuba.render(objects, shown) - picture).square().sum().backward()
        optimiser.step()
        fade.step()
    off = (start.detach() - view.camera_translation)[0, :2]
    assert off.norm() < 2e-3 and (gain.detach() - 1).abs().max() < 0.02

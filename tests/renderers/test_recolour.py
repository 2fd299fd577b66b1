"""The object that was painted last: its share of the picture, and the canvas with it in another colour."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import double, double_objects, random_looks, random_objects, random_view, renderers, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig
from scenes.objects import Objects
from scenes.view import View

BACKENDS = ("streaming", "reference")
FACTOR = torch.tensor([[0.6, 1.3, 1.1], [1.5, 0.9, 0.7], [1.0, 1.0, 1.0]])


def setting(name: str, antialias: int) -> tuple[Renderer, Objects, View]:
    """A backend, three objects in each of three pictures that stand in front of and behind each other, in colours and
    sizes of their own, and a world for each picture; in the backend's precision."""
    renderer = renderers(small_scene(), RendererConfig(antialias=antialias))[BACKENDS.index(name)]
    objects, view = random_looks(random_objects(3, spread=0.06), 4), random_view(5, 3, 20 // antialias, 26 // antialias)
    return (renderer, objects, view) if name == "streaming" else (renderer, double_objects(objects), double(view))


def painted(renderer: Renderer, objects: Objects, view: View, last: int) -> tuple[Tensor, Tensor]:
    """The canvas without the object in slot `last`, painted before it, and with it."""
    before = renderer.blank(view)
    for slot in range(objects.slots):
        if slot != last:
            before = renderer.paint(before, objects.slot(slot), view)
    return before, renderer.paint(before, objects.slot(last), view)


def tinted(objects: Objects, slot: int, factor: Tensor) -> Objects:
    """One object's colours times a factor [picture, 3]."""
    assert objects.tint is not None
    tint = objects.tint.clone()
    tint[:, slot] = tint[:, slot] * factor.to(tint)
    return replace(objects, tint=tint)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("antialias", [1, 2])
@pytest.mark.parametrize("last", range(3))
def test_recolouring_is_painting_with_that_tint(name: str, antialias: int, last: int) -> None:
    renderer, objects, view = setting(name, antialias)
    before, after = painted(renderer, objects, view, last)
    found = renderer.recoloured(before, after, FACTOR.to(after) - 1)
    expected = painted(renderer, tinted(objects, last, FACTOR), view, last)[1]
    atol = 2e-6 if name == "streaming" else 1e-12
    torch.testing.assert_close(renderer.develop(found, view), renderer.develop(expected, view), rtol=0, atol=10 * atol)
    torch.testing.assert_close(found, expected, rtol=10 * atol, atol=atol)
    there = (renderer.develop(found, view) - renderer.develop(after, view)).abs().amax((1, 2, 3))
    assert (there[:2] > 0.03).all() and there[2] < 10 * atol, "the third factor is 1"


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("antialias", [1, 2])
def test_the_front_is_what_doubling_its_colours_adds(name: str, antialias: int) -> None:
    renderer, objects, view = setting(name, antialias)
    before, after = painted(renderer, objects, view, 1)
    pictures = torch.rand(3, view.height, view.width, 3).to(after)
    last = renderer.last(before, after, view, pictures)
    image, twice = (
        renderer.develop(painted(renderer, tinted(objects, 1, factor), view, 1)[1], view)
        for factor in (torch.ones(3, 3), 2 * torch.ones(3, 3))
    )
    close = {"rtol": 0, "atol": 1e-5 if name == "streaming" else 1e-12}
    torch.testing.assert_close(last.image, image, **close)
    torch.testing.assert_close(last.front, twice - image, **close)
    assert (last.front.flatten(1) > 0.05).any(1).all() and (last.front == 0).flatten(1).any(1).all()
    sums = {"rtol": 1e-4, "atol": 1e-4} if name == "streaming" else {}
    torch.testing.assert_close(last.square, last.front.square().sum((1, 2)), **sums)
    torch.testing.assert_close(last.product, (last.front * (pictures - image)).sum((1, 2)), **sums)


@pytest.mark.parametrize("name", BACKENDS)
def test_where_all_pictures_share_one_colour_of_the_table(name: str) -> None:
    """One row of background serves all, and a hidden or absent object is nowhere in the picture."""
    renderer, objects, view = setting(name, 1)
    view = replace(view, background=view.background[:1, 0, 0].expand(3, 3))
    objects.presence[0, 1] = 0
    before, after = painted(renderer, objects, view, 1)
    pictures = torch.rand(3, view.height, view.width, 3).to(after)
    last = renderer.last(before, after, view, pictures)
    torch.testing.assert_close(last.image, renderer.develop(after, view), rtol=0, atol=1e-6)
    assert not last.front[0].any() and not last.square[0].any() and last.square[1:].all()
    assert torch.equal(renderer.recoloured(before, after, FACTOR.to(after))[0], before[0])


@pytest.mark.parametrize("antialias", [1, 2])
def test_gradients_are_those_of_painting_with_that_tint(antialias: int) -> None:
    """With respect to the poses of the object that is recoloured and of one that was painted before it."""
    gradients = {}
    for name in BACKENDS:
        renderer, objects, view = setting(name, antialias)
        weights = torch.randn(3, view.height, view.width, 3, generator=torch.Generator().manual_seed(1))
        for how in ("recoloured", "painted"):
            position, rotation = (x.clone().requires_grad_() for x in (objects.position, objects.rotation))
            posed = replace(objects, position=position, rotation=rotation)
            if how == "painted":
                canvas = painted(renderer, tinted(posed, 2, FACTOR), view, 2)[1]
            else:
                before, after = painted(renderer, posed, view, 2)
                canvas = renderer.recoloured(before, after, FACTOR.to(after) - 1)
            loss = (renderer.develop(canvas, view) * weights.to(canvas)).sum()
            gradients[name, how] = torch.cat([g.flatten() for g in torch.autograd.grad(loss, (position, rotation))])
    exact = gradients["reference", "painted"]
    assert (exact.view(-1).abs() > 1e-3).float().mean() > 0.9
    torch.testing.assert_close(gradients["reference", "recoloured"], exact, rtol=1e-9, atol=1e-9)
    for how in ("recoloured", "painted"):
        torch.testing.assert_close(gradients["streaming", how].double(), exact, rtol=2e-3, atol=2e-2)
    torch.testing.assert_close(
        *(gradients["streaming", how] for how in ("recoloured", "painted")), rtol=1e-3, atol=5e-3
    )

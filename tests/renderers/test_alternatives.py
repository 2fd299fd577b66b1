"""Alternatives of an object, compared by the pixels that each of them changes: the same sums as of whole pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import double, double_objects, random_looks, random_objects, random_view, renderers, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig, base
from renderers.alternatives import Touched
from scenes.objects import Objects
from scenes.view import View

HEIGHT, WIDTH, PICTURES = 24, 32, 2
Setting = tuple[Renderer, Tensor, Objects, View, Tensor]


def settings(antialias: int = 1) -> dict[str, Setting]:
    """For each backend a canvas with objects, three alternatives for each picture, of which one is not there, a world
    each, and pictures."""
    streaming, reference = renderers(small_scene(), RendererConfig(antialias=antialias))
    objects = random_looks(random_objects(3, PICTURES, spread=0.1), 4)
    objects.presence[1, 2] = 0
    there, view = random_objects(9, PICTURES, spread=0.05), random_view(5, PICTURES, HEIGHT, WIDTH)
    torch.manual_seed(0)
    pictures = torch.rand(PICTURES, HEIGHT, WIDTH, 3)
    canvas = streaming.paint(streaming.blank(view), there, view)
    exact, exact_view = double_objects(objects), double(view)
    exact_canvas = reference.paint(reference.blank(exact_view), double_objects(there), exact_view)
    return {
        "streaming": (streaming, canvas, objects, view, pictures),
        "reference": (reference, exact_canvas, exact, exact_view, pictures.double()),
    }


def sums(touched: Touched) -> dict[str, Tensor]:
    """What likelihoods and colours are made of, [batch, alternative, ...]: of the squared error a function that is not
    linear in it."""
    after = touched.lacking.square().sum(-1)
    return {
        "square": touched.summed(touched.front.square()),
        "product": touched.summed(touched.front * touched.lacking),
        "gain": touched.summed((-touched.before).expm1() - (-after).expm1()),
    }


@pytest.mark.parametrize(("antialias", "together"), [(1, 1), (1, 2), (2, 3)])
def test_they_are_those_of_whole_pictures_in_every_backend(
    antialias: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of them are painted at once."""
    monkeypatch.setattr(base, "TOGETHER", together * HEIGHT * WIDTH * PICTURES)
    found = {}
    for name, (renderer, canvas, objects, view, pictures) in settings(antialias).items():
        found[name] = sums(renderer.alternatives(canvas, objects, view, pictures))
        before = (pictures - renderer.develop(canvas, view)).square().sum(-1)
        for slot in range(objects.slots):
            after = renderer.paint(canvas, objects.slot(slot), view)
            last = renderer.last(canvas, after, view, pictures)
            image = renderer.develop(after, view)
            gain = (-before).expm1().sum((1, 2)) - (-(pictures - image).square().sum(-1)).expm1().sum((1, 2))
            expected = {"square": last.square, "product": last.product, "gain": gain}
            for of, value in found[name].items():
                torch.testing.assert_close(value[:, slot], expected[of], rtol=1e-3, atol=1e-3, msg=f"{name}: {of}")
        there = objects.presence.bool()
        assert (found[name]["square"][~there] == 0).all() and (found[name]["gain"][~there].abs() < 1e-4).all()
        assert (found[name]["square"][there].sum(-1) > 0.01).all()
    for of, value in found["streaming"].items():
        torch.testing.assert_close(value.double(), found["reference"][of], rtol=2e-3, atol=2e-3, msg=of)


def test_only_what_is_touched_is_written_out() -> None:
    renderer, canvas, objects, view, pictures = settings()["streaming"]
    found = renderer.alternatives(canvas, objects, view, pictures)
    assert found.count.shape == objects.identity.shape and not found.count[1, 2]
    assert (found.count[objects.presence > 0] > 10).all() and found.count.max() < HEIGHT * WIDTH / 2
    assert len(found.before) == len(found.lacking) == len(found.front) == found.count.sum()


def test_what_belongs_to_an_alternative_comes_to_its_pixels() -> None:
    renderer, canvas, objects, view, pictures = settings()["streaming"]
    found = renderer.alternatives(canvas, objects, view, pictures)
    numbers = torch.arange(6.0).view(2, 3)
    torch.testing.assert_close(found.summed(found.spread(numbers)), numbers * found.count)


def test_objects_at_the_border_and_beyond_it_change_what_is_seen_of_them() -> None:
    """Half out of the picture, and far out of it."""
    renderer, _, objects, view, pictures = settings()["streaming"]
    canvas, position = renderer.blank(view), objects.position.clone()
    position[:, 0, 0], position[:, 1, 0] = 0.25, 2.0
    moved = replace(objects, position=position)
    found = renderer.alternatives(canvas, moved, view, pictures)
    for slot in range(2):
        last = renderer.last(canvas, renderer.paint(canvas, moved.slot(slot), view), view, pictures)
        torch.testing.assert_close(found.summed(found.front.square())[:, slot], last.square, rtol=1e-3, atol=1e-4)


def test_where_nobody_is_present_nothing_is_touched() -> None:
    renderer, canvas, objects, view, pictures = settings()["streaming"]
    nobody = replace(objects, presence=torch.zeros_like(objects.presence))
    found = renderer.alternatives(canvas, nobody, view, pictures)
    assert len(found.before) == 0 and not found.count.any() and not found.summed(found.front).any()

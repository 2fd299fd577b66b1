"""Alternatives of an object, compared by the pixels that each of them changes: the same sums as of whole pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import random_looks, random_objects, random_view, renderers, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig
from renderers.alternatives import Touched
from scenes.objects import Objects
from scenes.view import View


def setting(antialias: int = 1) -> tuple[list[Renderer], Objects, View, Tensor]:
    """The backends, six alternatives for each of three pictures of which one is not there, a world each, pictures."""
    both = renderers(small_scene(), RendererConfig(antialias=antialias))
    objects, view = random_looks(random_objects(3, count=6, spread=0.1), 4), random_view(5, 3, 40, 52)
    presence = torch.ones_like(objects.presence)
    presence[1, 2] = 0
    torch.manual_seed(0)
    return list(both), replace(objects, presence=presence), view, torch.rand(3, 40, 52, 3)


def sums(touched: Touched, before: Tensor) -> dict[str, Tensor]:
    """What likelihoods and colours are made of, [batch, alternative, ...]: of the squared error a function that is not
    linear in it."""
    after = touched.lacking.square().sum(-1)
    return {
        "square": touched.front.square().sum(2),
        "product": (touched.front * touched.lacking).sum(2),
        "gain": (-touched.before).expm1().sum(-1) - (-after).expm1().sum(-1),
    }


@pytest.mark.parametrize("antialias", [1, 2])
def test_they_are_those_of_whole_pictures(antialias: int) -> None:
    (streaming, _), objects, view, pictures = setting(antialias)
    canvas = streaming.paint(streaming.blank(view), random_objects(9, spread=0.05), view)
    found = streaming.alternatives(canvas, objects, view, pictures)
    before = (pictures - streaming.develop(canvas, view)).square().sum(-1)
    there = objects.presence.bool()
    for slot in range(objects.slots):
        after = streaming.paint(canvas, objects.slot(slot), view)
        last = streaming.last(canvas, after, view, pictures)
        gain = (-before).expm1().sum((1, 2)) - (-(pictures - last.image).square().sum(-1)).expm1().sum((1, 2))
        expected = {"square": last.square, "product": last.product, "gain": gain}
        for name, value in sums(found, before).items():
            torch.testing.assert_close(value[:, slot], expected[name], rtol=1e-3, atol=1e-3, msg=name)
    assert (sums(found, before)["square"][~there] == 0).all()
    assert (sums(found, before)["square"][there] > 0.01).all()


def test_only_what_is_touched_is_written_out() -> None:
    (streaming, _), objects, view, pictures = setting()
    found = streaming.alternatives(streaming.blank(view), objects, view, pictures)
    assert 10 < found.before.shape[-1] < 40 * 52 / 2
    assert found.lacking.shape == found.front.shape == (*found.before.shape, 3)

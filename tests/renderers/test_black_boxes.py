"""Which black boxes there are, what they may answer, and names that are only names."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from black_box_tools import Wave
from render_tools import one, random_looks, random_objects, random_view, small_scene, small_view

from renderers import RendererConfig, black_boxes, build_renderer
from renderers.finite_difference import FiniteDifference
from scenes.errors import UserError

ANSWERS = {
    "channels first": (
        lambda shape: np.zeros((shape[0], 3, *shape[1:3])),
        r"\[2, 3, 6, 8\] instead of .*\[2, 6, 8, 3\]",
    ),
    "a picture less": (lambda shape: np.zeros((1, *shape[1:])), r"\[1, 6, 8, 3\]"),
    "bytes": (lambda shape: np.zeros(shape, np.uint8), "uint8 instead of floats"),
    "too bright": (lambda shape: np.full(shape, 255.0), r"colours from 0 to 255"),
    "negative": (lambda shape: np.full(shape, -0.1), r"colours from -0\.1"),
    "not a number": (lambda shape: np.full(shape, np.nan), "not finite"),
    "infinite": (lambda shape: np.full(shape, np.inf), "not finite"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_a_wrong_answer_is_told_in_one_line(case: str) -> None:
    answer, message = ANSWERS[case]

    def paint_badly(objects: object, view: object) -> np.ndarray:
        return answer((2, 6, 8, 3))

    renderer = FiniteDifference(small_scene(), RendererConfig(), paint_badly)
    with pytest.raises(UserError, match=f"'paint_badly' returned .*{message}") as error:
        renderer.render(random_objects(seed=0, batch=2), random_view(0, 2, 6, 8))
    assert "\n" not in str(error.value)


def test_tints_and_gains_beyond_one_are_no_wrong_answer() -> None:
    """A step of a difference goes there, too."""
    objects, view = random_looks(random_objects(seed=3), seed=3), random_view(3)
    tint = torch.full_like(objects.tint, 1.3).requires_grad_()
    renderer = build_renderer("finite_difference", small_scene())
    image = renderer.render(replace(objects, tint=tint), replace(view, gain=torch.ones(3, 3)))
    (gradient,) = torch.autograd.grad(image.sum(), tint)
    assert image.max() > 1 and (gradient > 0).any()


@pytest.mark.parametrize("name", ["straeming", "os.system", "finite_difference", ""])
def test_a_name_that_nobody_registered_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"no renderer\.black_box={name}; .*known: .*mitsuba, .*streaming"):
        build_renderer("finite_difference", small_scene(), RendererConfig(black_box=name))


def test_a_function_of_ones_own_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "_registered", {})
    black_boxes.register("wave", lambda scene, settings: Wave())
    with pytest.raises(UserError, match="'wave' already"):
        black_boxes.register("wave", lambda scene, settings: Wave())
    with pytest.raises(UserError, match="'streaming' already"):
        black_boxes.register("streaming", lambda scene, settings: Wave())
    named = build_renderer("finite_difference", small_scene(), RendererConfig(black_box="wave"))
    given = FiniteDifference(small_scene(), RendererConfig(), Wave())
    objects, view = random_objects(seed=1), random_view(1)
    assert torch.equal(named.render(objects, view), given.render(objects, view))


def test_another_backend_by_name() -> None:
    scene, objects, view = small_scene(), random_objects(seed=2, batch=1, count=1), random_view(2, 1, 12, 12)
    ours = build_renderer("finite_difference", scene, RendererConfig(black_box="reference"))
    expected = build_renderer("reference", scene).render(objects, view)
    torch.testing.assert_close(ours.render(objects, view), expected)


@pytest.mark.parametrize("bad", ["position_step", "rotation_step"])
def test_a_step_of_nothing_is_refused(bad: str) -> None:
    with pytest.raises(UserError, match=bad):
        RendererConfig(**{bad: 0.0})


@pytest.mark.skipif(find_spec("mitsuba") is not None, reason="Mitsuba is installed")
def test_mitsuba_says_what_to_install() -> None:
    with pytest.raises(UserError, match=r"\.\[mitsuba\]"):
        build_renderer("finite_difference", small_scene(), RendererConfig(black_box="mitsuba"))


def test_what_cannot_be_painted_is_refused_before_it_is() -> None:
    def never(objects: object, view: object) -> np.ndarray:
        raise AssertionError("asked for a picture")

    renderer, view = FiniteDifference(small_scene(), RendererConfig(), never), small_view()

    def paint(*place: float, identity: int = 0) -> None:
        renderer.paint(renderer.blank(view), one(identity, torch.tensor([place])), view)

    with pytest.raises(UserError, match="finite"):
        paint(float("nan"), 0.0, 0.0)
    with pytest.raises(UserError, match="near plane"):
        paint(0.0, -0.75, 0.55)
    with pytest.raises(IndexError, match="identity"):
        paint(0.0, 0.0, 0.0, identity=4)

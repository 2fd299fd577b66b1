"""Which black boxes there are, what they may answer, and names that are only names."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from black_box_tools import Wave
from render_tools import random_objects, small_scene

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

    def paint_badly(objects: object, camera: object) -> np.ndarray:
        return answer((2, 6, 8, 3))

    renderer = FiniteDifference(small_scene(height=6, width=8), RendererConfig(), paint_badly)
    with pytest.raises(UserError, match=f"'paint_badly' returned .*{message}") as error:
        renderer.render(random_objects(seed=0, batch=2))
    assert "\n" not in str(error.value)


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
    objects = random_objects(seed=1)
    assert torch.equal(named.render(objects), given.render(objects))


def test_another_backend_by_name() -> None:
    scene, objects = small_scene(height=12, width=12), random_objects(seed=2, batch=1, count=1)
    ours = build_renderer("finite_difference", scene, RendererConfig(black_box="reference"))
    torch.testing.assert_close(ours.render(objects), build_renderer("reference", scene).render(objects))


def test_a_function_without_softness_refuses_a_schedule_of_it() -> None:
    renderer = FiniteDifference(small_scene(), RendererConfig(), Wave())
    with renderer.softened(renderer.settings):
        pass
    soft = replace(renderer.settings, sigma=1e-3)
    with pytest.raises(UserError, match=r"'Wave' has no softness.*render_\*_start"), renderer.softened(soft):
        pass


@pytest.mark.parametrize("bad", ["position_step", "rotation_step"])
def test_a_step_of_nothing_is_refused(bad: str) -> None:
    with pytest.raises(UserError, match=bad):
        RendererConfig(**{bad: 0.0})


@pytest.mark.skipif(find_spec("mitsuba") is not None, reason="Mitsuba is installed")
def test_mitsuba_says_what_to_install() -> None:
    with pytest.raises(UserError, match=r"\.\[mitsuba\]"):
        build_renderer("finite_difference", small_scene(), RendererConfig(black_box="mitsuba"))


def test_a_pose_that_cannot_be_painted_is_refused_before_it_is() -> None:
    def never(objects: object, camera: object) -> np.ndarray:
        raise AssertionError("asked for a picture")

    renderer = FiniteDifference(small_scene(), RendererConfig(), never)

    def paint(*place: float) -> None:
        renderer.paint(renderer.blank(1), torch.tensor([0]), torch.tensor([place]), torch.zeros(1))

    with pytest.raises(UserError, match="finite"):
        paint(float("nan"), 0.0, 0.0)
    with pytest.raises(UserError, match="near plane"):
        paint(0.0, -0.75, 0.55)

"""``streaming`` (float32) against ``reference`` (float64): same picture, same gradient, on scenes with occlusion.

Every picture has a world of its own, or all share one; gradients are those of every continuous number.

Tolerances, and why. Colour 1e-4: gamma = 1e-4 magnifies the float32 rounding of a depth (1e-7 of 10 m) a thousand
times where two surfaces are equally near; measured at most 4e-5. Gradients 1e-3 of their norm.
Left out are pixels where some fragment lies within 0.1 % of the blur cut-off: there rounding decides
whether it counts, in PyTorch3D too, and the colour jumps. They are fewer than 1 % of these pictures (checked).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import (
    at_cut_off,
    double,
    double_objects,
    random_looks,
    random_objects,
    random_view,
    renderers,
    small_scene,
    small_view,
)
from torch import Tensor

from renderers import Renderer, RendererConfig
from renderers.base import empty_table
from scenes.objects import Objects
from scenes.view import View

COLOUR, GRADIENT = 1e-4, 1e-3
OBJECTS = ("position", "rotation", "tint", "size")
VIEW = ("intrinsics", "camera_rotation", "camera_translation", "light", "ambient", "diffuse", "gain", "background")

CASES: dict[str, tuple[RendererConfig, View]] = {
    "occlusion": (RendererConfig(), small_view(2)),
    "soft": (RendererConfig(sigma=1e-4), small_view(2, 20, 20)),
    "both sides": (RendererConfig(cull_backfaces=False), small_view(2, 20, 20)),
    "landscape": (RendererConfig(), random_view(1, 2, 16, 28)),
    "portrait": (RendererConfig(), random_view(2, 2, 28, 16, picture=False)),
    "square": (RendererConfig(sigma=3e-5), random_view(3, 2, 22, 22)),
    "antialiased": (RendererConfig(antialias=2), random_view(4, 2, 12, 15)),
    "antialiased, one table": (RendererConfig(antialias=3), small_view(2, 10, 8)),
}


def picture_and_gradients(renderer: Renderer, objects: Objects, view: View, weights: Tensor) -> dict[str, Tensor]:
    """The picture, and how a random linear functional of it changes with every continuous number."""
    leaves = {name: getattr(objects, name).clone().requires_grad_() for name in OBJECTS}
    leaves |= {name: getattr(view, name).detach()[:].requires_grad_() for name in VIEW}
    moved = replace(objects, **{name: leaves[name] for name in OBJECTS})
    image = renderer.render(moved, replace(view, **{name: leaves[name] for name in VIEW}))
    gradients = torch.autograd.grad((image * weights).sum(), list(leaves.values()))
    return {"image": image.detach(), **dict(zip(leaves, gradients, strict=True))}


def relative(value: Tensor, truth: Tensor) -> float:
    return ((value.double() - truth).norm() / truth.norm()).item()


@pytest.mark.parametrize("case", CASES)
def test_pictures_and_all_gradients_agree(case: str) -> None:
    settings, view = CASES[case]
    scene = small_scene("shapes" if case == "portrait" else "crockery")
    streaming, reference = renderers(scene, settings)
    objects = random_looks(random_objects(seed=len(case), batch=2, kinds=len(scene.catalogue)), seed=1)
    exact = double_objects(objects), double(view)
    excluded = at_cut_off(reference, *exact)
    assert excluded.double().mean() < 0.02
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(*excluded.shape, 3, generator=random) * ~excluded[..., None]

    fast, slow = (
        picture_and_gradients(streaming, objects, view, weights),
        picture_and_gradients(reference, *exact, weights.double()),
    )
    assert ((fast["image"] - slow["image"]).abs().amax(-1) * ~excluded).max() < COLOUR
    assert (slow["image"] != empty_table(exact[1])).any(-1).double().mean() > 0.05, "something is seen"
    for name in (*OBJECTS, *VIEW):
        assert slow[name].norm() > 0 and relative(fast[name], slow[name]) < GRADIENT, name


def test_gradients_of_corners_colours_and_canvas_agree() -> None:
    streaming, reference = renderers(small_scene())
    objects, view = random_objects(seed=11, batch=2, count=2), small_view(2)
    exact, exact_view = double_objects(objects), double(view)
    excluded = at_cut_off(reference, exact, exact_view)[..., None]
    below = reference.paint(reference.blank(exact_view), exact.slot(0), exact_view)
    top = objects.identity[:, 1:]
    pose = reference.pose(exact.slot(1), exact_view, top)
    weights = torch.randn(2, 24, 24, 3, generator=torch.Generator().manual_seed(2)).double() * ~excluded

    def gradients(renderer: Renderer, view: View) -> tuple[Tensor, ...]:
        dtype = renderer.vertices.dtype
        # through float32 for both, so that both see the very same numbers
        canvas, corners, colours = (x.detach().float().to(dtype).requires_grad_() for x in (below, *pose))
        painted = renderer.splat(canvas, corners, colours, top, torch.ones(2, 1, dtype=torch.bool))
        image = renderer.develop(painted, view)
        return torch.autograd.grad((image * weights.to(dtype)).sum(), (corners, colours, canvas))

    for fast, slow in zip(gradients(streaming, view), gradients(reference, exact_view), strict=True):
        assert slow.norm() > 0
        assert relative(fast, slow) < GRADIENT


@pytest.mark.parametrize("view", [small_view(2), random_view(5, 2, 24, 24), random_view(6, 2, 24, 24, picture=False)])
def test_the_fused_picture_equals_the_plain_one(view: View) -> None:
    """``compose``: the kernel against the torch formula, on the same canvas and background."""
    streaming, _ = renderers(small_scene())
    objects = random_objects(seed=5, batch=2, count=1)
    canvas = streaming.paint(streaming.blank(view), objects, view).requires_grad_()
    background = empty_table(view).clone().requires_grad_()
    weights = torch.randn(2, 24, 24, 3, generator=torch.Generator().manual_seed(3))
    results = []
    for compose in (streaming.compose, super(type(streaming), streaming).compose):
        image = compose(canvas, background)
        results.append((image, *torch.autograd.grad((image * weights).sum(), (canvas, background))))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-6, rtol=0)
    for fused, plain in zip(results[0][1:], results[1][1:], strict=True):
        torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["streaming", "reference"])
def test_a_picture_alone_is_that_of_a_batch(name: str) -> None:
    """And pictures of one world are the same whether it is stored once or for each of them, but for rounding."""
    renderer = dict(zip(("streaming", "reference"), renderers(small_scene()), strict=True))[name]
    objects, view = random_looks(random_objects(seed=6), seed=2), random_view(7)
    if name == "reference":
        objects, view = double_objects(objects), double(view)
    batch = renderer.render(objects, view)
    for row in range(3):
        torch.testing.assert_close(renderer.render(objects[row], view[row])[0], batch[row], atol=2e-5, rtol=0)
    many = renderer.render(objects, view[1].repeat(3))
    copied = renderer.render(objects, view[[1, 1, 1]].each(torch.clone))
    torch.testing.assert_close(many, copied, atol=2e-5, rtol=0)

"""``streaming`` (float32) against ``reference`` (float64): same picture, same gradient, on scenes with occlusion.

Tolerances, and why. Colour 1e-4: gamma = 1e-4 magnifies the float32 rounding of a depth (1e-7 of 10 m) a thousand
times where two surfaces are equally near; measured at most 4e-5. Gradients 1e-3 of their norm;
measured for poses at most 3e-4.
Left out are pixels where some fragment lies within 0.1 % of the blur cut-off: there rounding decides
whether it counts, in PyTorch3D too, and the colour jumps. They are fewer than 1 % of these pictures (checked).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import at_cut_off, random_objects, renderers, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig
from scenes.objects import Objects

COLOUR, GRADIENT = 1e-4, 1e-3

CASES = {
    "occlusion": (RendererConfig(), {}),
    "soft": (RendererConfig(sigma=1e-4), {"height": 20, "width": 20}),
    "both sides": (RendererConfig(cull_backfaces=False), {"height": 20, "width": 20}),
    "landscape": (RendererConfig(), {"height": 16, "width": 28}),
    "portrait": (RendererConfig(), {"height": 28, "width": 16, "name": "shapes"}),
}


def picture_and_gradients(renderer: Renderer, objects: Objects, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The picture, and how a random linear functional of it changes with position and rotation."""
    dtype = renderer.vertices.dtype
    position = objects.position.to(dtype).requires_grad_()
    rotation = objects.rotation.to(dtype).requires_grad_()
    image = renderer.render(replace(objects, position=position, rotation=rotation))
    gradients = torch.autograd.grad((image * weights.to(dtype)).sum(), (position, rotation))
    return image.detach(), *gradients


def relative(value: Tensor, truth: Tensor) -> float:
    return ((value.double() - truth).norm() / truth.norm()).item()


@pytest.mark.parametrize("case", CASES)
def test_pictures_and_pose_gradients_agree(case: str) -> None:
    settings, shape = CASES[case]
    scene = small_scene(**shape)
    streaming, reference = renderers(scene, settings)
    objects = random_objects(seed=len(case), batch=2, kinds=len(scene.catalogue))
    excluded = at_cut_off(reference, objects)
    assert excluded.double().mean() < 0.01
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(*excluded.shape, 3, generator=random) * ~excluded[..., None]

    fast, slow = (picture_and_gradients(r, objects, weights) for r in (streaming, reference))
    assert ((fast[0] - slow[0]).abs().amax(-1) * ~excluded).max() < COLOUR
    assert (slow[0] != reference.background).any(-1).double().mean() > 0.05, "something is seen"
    assert relative(fast[1], slow[1]) < GRADIENT
    assert relative(fast[2], slow[2]) < GRADIENT


def test_gradients_of_corners_colours_and_canvas_agree() -> None:
    scene = small_scene()
    streaming, reference = renderers(scene)
    objects = random_objects(seed=11, batch=2, count=2)
    excluded = at_cut_off(reference, objects)[..., None]
    below = reference.paint(
        reference.blank(2), objects.identity[:, 0], objects.position[:, 0].double(), objects.rotation[:, 0].double()
    )
    top = objects.identity[:, 1:]
    pose = reference.pose(top, objects.position[:, 1:].double(), objects.rotation[:, 1:].double())
    weights = torch.randn(2, 24, 24, 3, generator=torch.Generator().manual_seed(2)).double() * ~excluded

    def gradients(renderer: Renderer) -> tuple[Tensor, ...]:
        dtype = renderer.vertices.dtype
        # through float32 for both, so that both see the very same numbers
        canvas, corners, colours = (x.detach().float().to(dtype).requires_grad_() for x in (below, *pose))
        painted = renderer.splat(canvas, corners, colours, top, torch.ones(2, 1, dtype=torch.bool))
        image = renderer.develop(painted)
        return torch.autograd.grad((image * weights.to(dtype)).sum(), (corners, colours, canvas))

    for fast, slow in zip(gradients(streaming), gradients(reference), strict=True):
        assert slow.norm() > 0
        assert relative(fast, slow) < GRADIENT


def test_the_fused_picture_equals_the_plain_one() -> None:
    """``develop``: the kernel against the torch formula, on the same canvas."""
    scene = small_scene()
    streaming, _ = renderers(scene)
    objects = random_objects(seed=5, batch=2, count=1)
    canvas = streaming.paint(streaming.blank(2), objects.identity[:, 0], objects.position[:, 0], objects.rotation[:, 0])
    canvas = canvas.requires_grad_()
    weights = torch.randn(2, 24, 24, 3, generator=torch.Generator().manual_seed(3))
    results = []
    for develop in (streaming.develop, super(type(streaming), streaming).develop):
        image = develop(canvas)
        results.append((image, *torch.autograd.grad((image * weights).sum(), canvas)))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-6, rtol=0)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-5, rtol=1e-4)

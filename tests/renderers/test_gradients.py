"""The reference's gradient against finite differences, and gradients that must stay finite whatever a triangle does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from render_tools import (
    at_cut_off,
    double,
    double_objects,
    one,
    random_looks,
    random_objects,
    random_view,
    renderers,
    small_scene,
    small_view,
    soup,
)
from torch import Tensor

from renderers import RendererConfig, build_renderer
from renderers.convert import to_torch
from scenes import shapes
from scenes.catalogue import Catalogue
from scenes.layout import support
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig


def test_pose_gradient_equals_finite_differences() -> None:
    """Position and rotation of two overlapping objects, through painting and developing, in float64.

    Pixels near the blur cut-off are left out: the picture jumps there, as PyTorch3D's does.
    """
    _, reference = renderers(small_scene(), RendererConfig(sigma=3e-5))
    view = double(small_view(height=16, width=16))
    objects = double_objects(random_objects(seed=4, batch=1, count=2, spread=0.05))
    weights = torch.randn(1, 16, 16, 3, generator=torch.Generator().manual_seed(0)).double()
    weights = weights * ~at_cut_off(reference, objects, view, margin=0.02)[..., None]
    pose = torch.cat([objects.position, objects.rotation[..., None]], -1).requires_grad_()

    def loss(pose: Tensor) -> Tensor:
        canvas, moved = reference.blank(view), replace(objects, position=pose[..., :3], rotation=pose[..., 3])
        for slot in range(2):
            canvas = reference.paint(canvas, moved.slot(slot), view)
        return (reference.develop(canvas, view) * weights).sum()

    (exact,) = torch.autograd.grad(loss(pose), pose)
    measured = torch.zeros_like(exact)
    for index in range(8):
        step = torch.zeros(8, dtype=torch.float64).index_fill(0, torch.tensor(index), 1e-7).view_as(pose)
        measured.view(-1)[index] = (loss(pose.detach() + step) - loss(pose.detach() - step)) / 2e-7
    assert exact.abs().min() > 1e-3, "every parameter must matter"
    torch.testing.assert_close(exact, measured, rtol=1e-4, atol=1e-5 * exact.abs().max().item())


NUMBERS = {
    "tint": "objects", "size": "objects", "intrinsics": "view", "camera_rotation": "view", "camera_translation": "view",
    "light": "view", "ambient": "view", "diffuse": "view", "gain": "view", "background": "view",
}  # fmt: skip


@pytest.mark.parametrize("antialias", [1, 2])
@pytest.mark.parametrize("picture", [True, False])
def test_every_gradient_equals_central_differences(picture: bool, antialias: int) -> None:
    """Of every number of objects and views but the pose (see above), in a world of its own for each picture.

    Of a background picture, which has many numbers, some. Rotation matrices are moved off the rotations: all nine
    numbers count as free.
    """
    scene = small_scene()
    scene.catalogue = Catalogue((shapes.marked_cube(),))
    _, reference = renderers(scene, RendererConfig(sigma=3e-5, antialias=antialias))
    view = double(random_view(seed=5, batch=2, height=12, width=14, picture=picture))
    objects = random_looks(random_objects(seed=4, batch=2, count=2, kinds=1, spread=0.05), seed=3)
    objects = double_objects(objects)
    weights = torch.randn(2, 12, 14, 3, generator=torch.Generator().manual_seed(0)).double()
    weights = weights * ~at_cut_off(reference, objects, view, margin=0.02)[..., None]

    def loss(name: str, value: Tensor) -> Tensor:
        changed = {"objects": objects, "view": view}
        changed[NUMBERS[name]] = replace(changed[NUMBERS[name]], **{name: value})  # type: ignore[type-var]
        return (reference.render(changed["objects"], changed["view"]) * weights).sum()  # type: ignore[arg-type]

    for name, owner in NUMBERS.items():
        value = getattr({"objects": objects, "view": view}[owner], name).clone().requires_grad_()
        (exact,) = torch.autograd.grad(loss(name, value), value)
        step = 1e-5 if name == "intrinsics" else 1e-7
        chosen = range(0, value.numel(), max(1, value.numel() // 20))
        measured = torch.zeros_like(exact.flatten())
        for index in chosen:
            change = torch.zeros_like(measured).index_fill(0, torch.tensor(index), step).view_as(value)
            with torch.no_grad():
                measured[index] = (loss(name, value + change) - loss(name, value - change)) / (2 * step)
        exact, measured = exact.flatten()[list(chosen)], measured[list(chosen)]
        assert exact.abs().max() > 1e-3, name
        torch.testing.assert_close(exact, measured, rtol=1e-4, atol=1e-5 * exact.abs().max().item(), msg=name)


def test_a_silhouette_pulls_the_right_way() -> None:
    """A brighter picture on the left asks a bright object to move to the left (-x of the world, seen from -y)."""
    streaming, _ = renderers(small_scene("shapes"), RendererConfig(sigma=1e-3))
    view = small_view(height=20, width=20, ambient=1.0, diffuse=0.0)
    position = torch.tensor([[0.0, 0.0, 0.0]], requires_grad=True)
    canvas = streaming.paint(streaming.blank(view), one(1, position), view)
    alpha = 1 - canvas[..., 5].exp()
    alpha[0, :, :10].sum().backward()
    assert position.grad is not None and position.grad[0, 0] < -0.1


@st.composite
def awkward_triangles(draw: st.DrawFn) -> list[list[list[float]]]:
    """Three triangles: ordinary, without area, edge-on, behind the camera, far outside, huge, or tiny."""
    coordinate = st.sampled_from([0.0, 0.3, -0.3, 0.5, 1e-6, -1.0, 1.0, 7.0, -1e4])
    depth = st.sampled_from([1.0, 1.5, 0.2, 9.0, -1.0, 0.0, 1e-12])
    corner = st.tuples(coordinate, coordinate, depth).map(list)
    return [[draw(corner) for _ in range(3)] for _ in range(3)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(awkward_triangles(), st.booleans())
def test_no_triangle_makes_a_gradient_that_is_not_finite(triangles: list[list[list[float]]], cull: bool) -> None:
    view = small_view(height=8, width=8)
    for renderer in renderers(small_scene(), RendererConfig(cull_backfaces=cull)):
        corners = torch.tensor(triangles, dtype=renderer.vertices.dtype, requires_grad=True)
        colours = torch.rand(3, 3, 3, generator=torch.Generator().manual_seed(0)).to(corners.dtype).requires_grad_()
        image = renderer.develop(soup(renderer, corners, colours, 8, 8), view)
        assert torch.isfinite(image).all()
        for gradient in torch.autograd.grad(image.sin().sum(), (corners, colours)):
            assert torch.isfinite(gradient).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from(["crockery", "shapes"]),
    st.lists(st.tuples(*[st.sampled_from([0.0, 1e-6, 0.37, 0.5, 1.0])] * 4, st.integers(0, 2)), min_size=1, max_size=3),
    st.sampled_from([1e-9, 1e-5, 1e-2]),
    st.sampled_from([1e-6, 1e-4, 1.0]),
)
def test_no_pose_that_can_be_drawn_makes_a_number_that_is_not_one(
    catalogue: str, poses: list[tuple], sigma: float, gamma: float
) -> None:
    """Anywhere in the box of positions, with elevation, in each other and out of the picture; soft and hard."""
    scene = Scene(SceneConfig(catalogue=catalogue, image_size=16, elevation=0.3))
    low, high = (torch.as_tensor(corner, dtype=torch.float32) for corner in support(scene.layout, scene.catalogue))
    unit = torch.tensor([pose[:4] for pose in poses])[None]
    position = (low + unit[..., :3] * (high - low)).requires_grad_()
    rotation = (2 * torch.pi * unit[..., 3] - torch.pi).requires_grad_()
    objects = Objects(torch.tensor([[pose[4] for pose in poses]]), position, rotation, torch.ones(1, len(poses)))
    view = to_torch(scene.configured)
    image = build_renderer("streaming", scene, RendererConfig(sigma=sigma, gamma=gamma)).render(objects, view)
    assert torch.isfinite(image).all() and image.min() >= -1e-6 and image.max() <= 1 + 1e-6
    for gradient in torch.autograd.grad(image.sin().sum(), (position, rotation)):
        assert torch.isfinite(gradient).all()

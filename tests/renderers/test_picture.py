"""What a picture must be: closed forms for one triangle, and what may not change it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from render_tools import (
    double,
    double_objects,
    on_faces,
    random_objects,
    random_view,
    renderers,
    small_camera,
    small_scene,
    small_view,
    soup,
)
from torch import Tensor

from renderers import Renderer, RendererConfig
from renderers.base import FAR, NEAR, empty_table
from renderers.projection import lenses, pixel_centres, to_ndc
from scenes import crockery, shapes
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import LIGHT, View

BACKENDS = ("streaming", "reference")
KINDS = (crockery.mug, shapes.marked_cube)


def backend(name: str, settings: RendererConfig | None = None) -> Renderer:
    return renderers(small_scene(), settings)[BACKENDS.index(name)]


def world(renderer: Renderer, batch: int = 1, height: int = 24, width: int = 24, **changes: Any) -> View:
    """``small_view`` in the renderer's precision."""
    view = small_view(batch, height, width, **changes)
    return double(view) if renderer.vertices.dtype == torch.float64 else view


def flat(depth: float, corners: list[list[float]], dtype: torch.dtype) -> Tensor:
    """One triangle [1,3,3] parallel to the picture, ``depth`` metres away."""
    return torch.tensor([[[*corner, depth] for corner in corners]], dtype=dtype)


FULL = [[-9.0, -9.0], [0.0, 18.0], [9.0, -9.0]]  # covers the picture; counter-clockwise to the eye, as +x is left


@pytest.mark.parametrize("name", BACKENDS)
def test_colour_and_depth_of_a_slanted_triangle(name: str) -> None:
    """A colour linear in space must come out as that colour where the pixel's ray meets the plane."""
    renderer = backend(name)
    seen = world(renderer, height=6, width=10)
    lens = lenses(seen)
    view = torch.tensor([[[-3.0, -2.0, 2.5], [0.0, 4.0, 3.0], [3.0, -2.0, 1.5]]], dtype=renderer.vertices.dtype)
    tint = torch.tensor([[0.05, 0.02, 0.0], [0.0, 0.05, 0.05], [0.03, 0.0, 0.1]], dtype=view.dtype)
    canvas = soup(renderer, to_ndc(view, lens.to(view)), view @ tint + 0.3, 6, 10)

    x, y = pixel_centres(6, 10, view)
    ray = torch.stack(torch.broadcast_tensors(x / lens[0, 0], y[:, None] / lens[0, 1], view.new_ones(())), -1)
    normal = torch.linalg.cross(view[0, 1] - view[0, 0], view[0, 2] - view[0, 0])
    point = ray * (view[0, 0] @ normal / (ray @ normal))[..., None]
    torch.testing.assert_close(renderer.develop(canvas, seen)[0], point @ tint + 0.3, atol=1e-5, rtol=0)
    zinv = (FAR - point[..., 2]) / (FAR - NEAR)
    torch.testing.assert_close(canvas[0, ..., 0], zinv, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", BACKENDS)
def test_alpha_beside_an_edge(name: str) -> None:
    """``alpha = sigmoid(-+d / sigma)`` at squared distance d from a straight edge, and 0 beyond the blur radius."""
    renderer = backend(name, RendererConfig(sigma=0.02))
    edge = 0.1
    corners = flat(2.0, [[edge, 9.0], [edge, -9.0], [-20.0, 0.0]], renderer.vertices.dtype)
    alpha = 1 - soup(renderer, corners, torch.ones_like(corners), 8, 8)[0, 4, :, 5].exp()
    x, _ = pixel_centres(8, 8, corners)
    d = torch.where(x < edge, -1, 1) * (x - edge) ** 2
    expected = torch.where(d < renderer.settings.blur, torch.sigmoid(-d / 0.02), 0)
    torch.testing.assert_close(alpha, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_nearer_triangle_is_seen_and_a_hidden_one_changes_nothing(name: str) -> None:
    renderer = backend(name)
    dtype, view = renderer.vertices.dtype, world(renderer, height=8, width=8)
    front, behind = flat(1.0, FULL, dtype), flat(1.05, [[-0.5, -0.5], [0.0, 0.5], [0.5, -0.5]], dtype)
    red, green = torch.tensor([1.0, 0, 0], dtype=dtype).expand(1, 3, 3), torch.tensor([0, 1.0, 0]).expand(1, 3, 3)
    alone = renderer.develop(soup(renderer, front, red, 8, 8), view)
    for order in ([0, 1], [1, 0]):
        both = torch.cat([front, behind])[order], torch.cat([red, green.to(dtype)])[order]
        torch.testing.assert_close(renderer.develop(soup(renderer, *both, 8, 8), view), alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(alone, red[0, 0].expand_as(alone), atol=1e-6, rtol=0)


def test_back_faces_are_culled_when_asked() -> None:
    for name in BACKENDS:
        for cull in (True, False):
            renderer = backend(name, RendererConfig(cull_backfaces=cull))
            turned = flat(1.0, FULL[::-1], renderer.vertices.dtype)
            seen = soup(renderer, turned, torch.ones_like(turned), 8, 8)[..., 5] < 0
            assert seen.all() if not cull else not seen.any()


def test_the_order_of_painting_changes_nothing() -> None:
    renderer = backend("streaming")
    objects, view = random_objects(seed=7), world(renderer)
    order = [2, 0, 1]
    shuffled = replace(
        objects, identity=objects.identity[:, order], position=objects.position[:, order],
        rotation=objects.rotation[:, order],
    )  # fmt: skip
    torch.testing.assert_close(renderer.render(objects, view), renderer.render(shuffled, view), atol=1e-5, rtol=0)


def test_moving_scene_and_camera_together_leaves_the_picture() -> None:
    """Turn and shift table, camera and light together: in float64 nothing but rounding is left."""
    angle, shift = 0.7, (0.3, -0.2)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = torch.tensor([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    objects, light = double_objects(random_objects(seed=8, batch=1)), torch.tensor(LIGHT, dtype=torch.float64)
    position = objects.position @ turn + torch.tensor([*shift, 0.0], dtype=torch.float64)
    moved = replace(objects, position=position, rotation=objects.rotation + angle)
    renderer, here = backend("reference"), View.of(small_camera(), light.tolist())
    there = View.of(small_camera(turned=angle, moved=shift), (light @ turn).tolist())
    before, after = (view.each(torch.from_numpy) for view in (here.each(np.array), there.each(np.array)))
    picture = renderer.render(objects, before)
    torch.testing.assert_close(renderer.render(moved, after), picture, atol=1e-9, rtol=0)
    assert picture.std() > 0.05


def test_an_empty_canvas_is_the_background() -> None:
    for name in BACKENDS:
        renderer = backend(name)
        picture = torch.rand(2, 24, 24, 3, dtype=renderer.vertices.dtype)
        for view in (world(renderer, 2), replace(world(renderer, 2), background=picture)):
            image = renderer.develop(renderer.blank(view), view)
            torch.testing.assert_close(image, empty_table(view).expand(2, 24, 24, 3), atol=0, rtol=0)


def test_absent_objects_paint_nothing_and_get_no_gradient() -> None:
    for name in BACKENDS:
        renderer = backend(name)
        objects, view = random_objects(seed=9, batch=2, count=1), world(renderer, 2)
        canvas, position = renderer.blank(view), objects.position.to(renderer.vertices.dtype).requires_grad_()
        presence, rotation = torch.tensor([[1.0], [0.0]]), objects.rotation.to(position.dtype)
        shown = replace(objects, position=position, rotation=rotation, presence=presence)
        painted = renderer.paint(canvas, shown, view)
        assert torch.equal(painted[1], canvas[1]) and not torch.equal(painted[0], canvas[0])
        renderer.develop(painted, view).square().sum().backward()
        assert position.grad is not None and position.grad[0].abs().sum() > 0 and position.grad[1].abs().sum() == 0


def test_same_bits_for_any_number_of_threads() -> None:
    renderer, objects = backend("streaming"), random_objects(seed=10, batch=7)
    view, weights = world(renderer, 7), torch.randn(7, 24, 24, 3, generator=torch.Generator().manual_seed(0))
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        pose = renderer.pose(objects, view, objects.identity)
        vertices, colours = (x.requires_grad_() for x in pose)
        painted = renderer.splat(renderer.blank(view), vertices, colours, objects.identity, torch.ones(7, 3) > 0)
        image = renderer.develop(painted, view)
        results.append((image, *torch.autograd.grad((image * weights).sum(), (vertices, colours))))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def tipped_over() -> tuple[Scene, Scene]:
    """A catalogue of a mug and a marked cube that can also lie on a side, and one of the same meshes turned by hand."""
    over = np.array([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]])  # about x, about y
    meshes, turned = [make() for make in KINDS], []
    for mesh, turn in zip(meshes, over, strict=True):
        vertices = (mesh.vertices @ turn.T).astype(np.float32)
        vertices[:, 2] -= vertices[:, 2].min()
        normals = (mesh.normals @ turn.T).astype(np.float32)
        turned.append(replace(mesh, name=f"turned {mesh.name}", vertices=vertices, normals=normals))
    entries = [on_faces((mesh,), turn).meshes for mesh, turn in zip(meshes, over, strict=True)]
    resting, by_hand = small_scene(), small_scene()
    resting.catalogue, by_hand.catalogue = Catalogue((*entries[0], *entries[1])), Catalogue((*meshes, *turned))
    return resting, by_hand


@pytest.mark.parametrize("name", BACKENDS)
def test_a_resting_face_paints_what_the_turned_mesh_paints(name: str) -> None:
    resting, by_hand = (renderers(scene)[BACKENDS.index(name)] for scene in tipped_over())
    view = world(resting, 4)
    position = torch.tensor([[0.05, 0.0, 0.02], [-0.06, 0.04, 0.0]], dtype=resting.vertices.dtype).expand(4, 2, 3)
    face = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    kind = torch.tensor([0, 1]).expand(4, 2)
    objects = Objects(2 * kind + face, position, torch.full_like(position[..., 0], 0.7), torch.ones(4, 2))
    image = resting.render(objects, view)
    same = by_hand.render(replace(objects, identity=kind + 2 * face), view)
    torch.testing.assert_close(image, same, atol=1e-5, rtol=0)
    assert all((image[i] - image[j]).abs().max() > 0.1 for i in range(4) for j in range(i)), "each looks different"


def test_size_is_about_the_base_point_and_tint_about_colours() -> None:
    """A mesh of twice the size is the object of size 2; a red tint on a white plate is a red plate."""
    scene, large = small_scene(), small_scene()
    meshes = scene.catalogue.meshes
    large.catalogue = Catalogue(
        tuple(replace(m, vertices=1.5 * m.vertices, colours=m.colours * np.float32([1, 0.25, 0.5])) for m in meshes)
    )
    objects, view = random_objects(seed=14), small_view()
    looks = replace(objects, size=torch.full((3, 3), 1.5), tint=torch.tensor([1, 0.25, 0.5]).expand(3, 3, 3))
    image = renderers(scene)[0].render(looks, view)
    torch.testing.assert_close(image, renderers(large)[0].render(objects, view), atol=1e-4, rtol=0)
    dim = renderers(scene)[0].render(looks, small_view(gain=(0.5, 1.0, 1.0)))
    tinted = replace(looks, tint=torch.tensor([0.5, 0.25, 0.5]).expand(3, 3, 3))
    torch.testing.assert_close(dim, renderers(scene)[0].render(tinted, view), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", BACKENDS)
def test_antialiased_pixels_are_means_of_smaller_ones(name: str) -> None:
    renderer, fine = backend(name, RendererConfig(antialias=2)), backend(name)
    objects, view = random_objects(seed=15, batch=2), random_view(8, 2, 10, 12)
    if name == "reference":
        objects, view = double_objects(objects), double(view)
    k = view.intrinsics
    middle = 2 * k[:, 2:] + 0.5  # of twice as many pixels
    larger = replace(view, intrinsics=torch.cat([2 * k[:, :2], middle], 1), height=20, width=24,
                     background=view.background.repeat_interleave(2, 1).repeat_interleave(2, 2))  # fmt: skip
    expected = fine.render(objects, larger).unflatten(2, (12, 2)).unflatten(1, (10, 2)).mean((2, 4))
    torch.testing.assert_close(renderer.render(objects, view), expected, atol=2e-5, rtol=0)


def test_pictures_are_colours() -> None:
    image = backend("streaming").render(random_objects(seed=12, batch=4), small_view())
    assert image.dtype == torch.float32 and image.shape == (4, 24, 24, 3)
    assert image.min() >= 0 and image.max() <= 1


@pytest.mark.parametrize("shape", [(3, 5), (2500, 1700), (1, 40)])
def test_a_triangle_over_the_whole_picture_meets_every_pixel_once(shape: tuple[int, int]) -> None:
    """However the pixels are dealt out to the loops: S counts the fragments that a lone surface leaves."""
    renderer = backend("streaming")
    corners = flat(2.0, [[60 * x for x in corner] for corner in FULL], torch.float32)
    canvas = soup(renderer, corners, torch.ones_like(corners), *shape)[0]
    assert canvas.shape[:2] == shape and (canvas[..., 1] - 1).abs().max() < 1e-3

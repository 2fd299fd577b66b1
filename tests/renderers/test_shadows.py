"""Shadows on the table, against rays from each point of the table to the lamp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Bool, Float
from render_tools import one, random_looks, random_objects, random_view, small_camera, small_scene
from torch import Tensor

from renderers import RendererConfig, build_renderer
from renderers.base import empty_table
from renderers.convert import to_numpy, to_torch
from renderers.shadows import shadowed
from scenes.objects import Objects
from scenes.poses import world_poses
from scenes.tables import table_points
from scenes.view import View

SIDE = 32
AMBIENT, DIFFUSE = 0.5, 0.4
SCENE = small_scene()
RENDERER = build_renderer("streaming", SCENE, RendererConfig())
LIGHTS = [(0.5, -0.4, 0.8), (-0.9, 0.2, 0.6), (0.0, 0.0, 1.0)]
MUG = SCENE.catalogue.names.index("mug")


def world(light: tuple[float, float, float], lamp: float, batch: int = 1, **changes: object) -> View:
    """A white table from nearby, so that what it shows is how much light falls on it."""
    settings = {"ambient": AMBIENT, "diffuse": DIFFUSE, "background": (1.0, 1.0, 1.0), **changes}
    return to_torch(View.of(small_camera(SIDE, SIDE), light, lamp=lamp, batch=batch, **settings))


def mug(turn: float = 2.0, x: float = 0.0) -> Objects:
    return one(MUG, torch.tensor([[x, 0.02, 0.0]]), torch.tensor([turn]))


def light_on(objects: Objects, view: View) -> Float[Tensor, "batch height width"]:
    """The light on each point of the white table, as a share of what falls there without any object."""
    return shadowed(RENDERER, objects, view).background[..., 0]


def dark(view: View) -> float:
    """What is missing in full shadow."""
    direct = DIFFUSE * view.light[0, 2].item()
    return direct / (AMBIENT + direct)


def hit(objects: Objects, view: View, towards: np.ndarray) -> Bool[np.ndarray, "height width"]:
    """Whether the ray from each table point to the light meets a triangle: Moller & Trumbore, every ray against all."""
    (rotation,), (place,) = (x[0] for x in world_poses(to_numpy(objects), SCENE.catalogue))
    mesh = SCENE.catalogue.meshes[int(objects.identity[0, 0])]
    corner, *others = (mesh.vertices.astype(float) @ rotation.T + place)[mesh.faces].swapaxes(0, 1)
    first, second = (other - corner for other in others)
    facing = np.cross(first, second) @ towards > 0  # a closed mesh is left through as many as it is entered through
    corner, first, second = corner[facing], first[facing], second[facing]
    across = np.cross(towards, second)
    volume = (first * across).sum(-1)
    volume = np.where(np.abs(volume) < 1e-15, np.inf, volume)
    points = table_points(view.camera(0)).reshape(-1, 2)
    apart = np.concatenate([points, np.zeros((len(points), 1))], 1)[:, None] - corner
    u = (apart * across).sum(-1) / volume
    aside = np.cross(apart, first)
    v, along = (aside @ towards) / volume, (aside * second).sum(-1) / volume
    return ((u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0)).any(1).reshape(SIDE, SIDE)


@pytest.mark.parametrize("light", LIGHTS, ids=str)
@pytest.mark.parametrize("turn", [2.0, -0.5])
def test_a_small_lamp_is_hidden_where_rays_to_it_are(light: tuple[float, float, float], turn: float) -> None:
    """A mug with its handle to a side; the border of a shadow may fall on either side of a pixel's middle."""
    view, there = world(light, 1e-4), mug(turn)
    seen, rays = light_on(there, view)[0].numpy(), hit(there, view, view.light[0].double().numpy())
    shadow = seen < 1 - dark(view) / 2
    assert rays.sum() > 20 and (shadow == rays).mean() > 0.97
    assert (shadow & rays).sum() > 0.9 * (shadow | rays).sum()
    near = [np.roll(rays, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    inside, outside = np.all(near, 0), ~np.any(near, 0)
    np.testing.assert_allclose(seen[outside], 1, atol=1e-3)
    if inside.sum() > 20:  # under the lamp, where triangles are less than a pixel, there is hardly an inside
        assert np.median(seen[inside]) == pytest.approx(1 - dark(view), abs=0.01)


def test_a_large_lamp_has_soft_shadows() -> None:
    """Against the mean over many points of the lamp: it is looked at in five."""
    view, there, random = world(LIGHTS[0], 0.25), mug(), np.random.default_rng(0)
    light = view.light[0].double().numpy()
    across = np.linalg.svd(light[None])[2][1:]
    angle, radius = random.uniform(0, 2 * np.pi, 30), 0.25 * np.sqrt(random.uniform(0, 1, 30))
    points = light + radius[:, None] * (np.stack([np.cos(angle), np.sin(angle)], 1) @ across)
    share = np.mean([hit(there, view, point) for point in points], 0)
    expected, seen = 1 - dark(view) * share, light_on(there, view)[0].numpy()
    assert ((share > 0.1) & (share < 0.9)).sum() > 20
    assert np.abs(seen - expected).mean() < 0.06 * dark(view) and np.abs(seen - expected).max() < 0.45 * dark(view)
    assert (1 - seen).sum() == pytest.approx((1 - expected).sum(), rel=0.1)
    hard = light_on(there, world(LIGHTS[0], 1e-4))[0].numpy()
    assert np.abs(seen - expected).mean() < 0.8 * np.abs(hard - expected).mean()


def test_the_table_in_shadow_shows_its_own_colour_by_ambient_light() -> None:
    """Of a table whose picture is given: every pixel times the same factor, for all channels."""
    own = random_view(1, 1, SIDE, SIDE).background
    view = replace(world(LIGHTS[0], 1e-4), background=own)
    factor = (shadowed(RENDERER, mug(), view).background / own)[0]
    torch.testing.assert_close(factor, light_on(mug(), world(LIGHTS[0], 1e-4))[0][..., None].expand_as(factor))
    light = view.light[0, 2].item()
    assert factor.min().item() == pytest.approx(AMBIENT / (AMBIENT + DIFFUSE * light), abs=1e-4)


@pytest.mark.parametrize("view", [world(LIGHTS[0], 0.0), random_view(1, 3)], ids=["shared", "each"])
def test_without_a_lamp_it_is_the_same_view(view: View) -> None:
    objects = mug() if len(view) == 1 else random_objects(0)
    assert shadowed(RENDERER, objects, view) is view


def test_a_light_from_below_or_along_the_table_throws_none() -> None:
    for light in ((1.0, 0.0, 0.0), (0.3, 0.0, -1.0)):
        assert (light_on(mug(), world(light, 0.1)) == 1).all()


@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_the_lowest_light_throws_shadows_out_of_the_picture(angle: int) -> None:
    """However long they would be, they are cut off in front of the camera."""
    turn = np.radians(angle)
    seen = light_on(mug(), world((float(np.cos(turn)), float(np.sin(turn)), 0.02), 0.3))
    assert seen.isfinite().all() and seen.min() >= 1 - DIFFUSE * 0.02 / AMBIENT - 1e-6


def test_objects_are_as_bright_as_they_were() -> None:
    """Where nothing of the table is seen, nothing changes; where something is, it is darker at most."""
    objects, view = random_looks(random_objects(3, 3), 1), random_view(2)
    view = replace(view, lamp=torch.tensor([0.1, 0.05, 0.2]))
    plain, with_shadows = (RENDERER.render(objects, v) for v in (view, shadowed(RENDERER, objects, view)))
    covered = RENDERER.paint(RENDERER.blank(view), objects, view)[..., 5] < -20
    assert covered.sum() > 80
    torch.testing.assert_close(with_shadows[covered], plain[covered], rtol=0, atol=1e-6)
    assert (with_shadows <= plain + 1e-6).all() and (with_shadows < plain - 0.02).flatten(1).any(1).all()


def test_every_picture_has_its_own_lamp_light_and_camera() -> None:
    """Together as alone; one without a lamp has its bare table, and absent objects throw nothing."""
    objects, view = random_objects(4, 3), random_view(5)
    objects.presence[2, 1:] = 0
    view = replace(view, lamp=torch.tensor([0.1, 0.0, 0.02]))
    together = shadowed(RENDERER, objects, view)
    for row in range(3):
        alone = shadowed(RENDERER, objects[row], view[row])
        torch.testing.assert_close(together.background[row], empty_table(alone)[0], rtol=0, atol=1e-5)
    assert torch.equal(together.background[1], view.background[1])
    single = replace(objects, presence=objects.presence * 0)
    assert torch.equal(shadowed(RENDERER, single, view).background, view.background)
    assert (together.background[2] < view.background[2] - 0.02).any()
    for name in ("light", "camera_rotation", "camera_translation", "intrinsics", "lamp", "gain"):
        assert getattr(together, name) is getattr(view, name), "nothing else of the world changes"


@pytest.mark.parametrize("shared", ["all", "translation"])
def test_pictures_that_share_their_world(shared: str) -> None:
    """One view for three scenes, or views that share some of it, mean what they mean written out for each."""
    objects, view = random_objects(6, 3, spread=0.1), world(LIGHTS[0], 0.1)
    expected = torch.cat([light_on(objects[row], view) for row in range(3)])
    if shared == "translation":
        view = view.repeat(3)
        view = replace(view, camera_rotation=view.camera_rotation.clone(memory_format=torch.contiguous_format))
    torch.testing.assert_close(light_on(objects, view), expected, rtol=0, atol=1e-5)
    assert (expected < 0.9).flatten(1).any(1).all() and not torch.equal(expected[0], expected[1])


def test_antialiased_shadows_are_the_means_of_finer_ones() -> None:
    fine, view = build_renderer("streaming", SCENE, RendererConfig(antialias=2)), world(LIGHTS[0], 1e-4)
    found = shadowed(fine, mug(), view).background
    camera, colour = small_camera(2 * SIDE, 2 * SIDE), {"background": (1.0, 1.0, 1.0)}
    large = to_torch(View.of(camera, LIGHTS[0], AMBIENT, DIFFUSE, lamp=1e-4, **colour))
    sharp = light_on(mug(), large)[0].unfold(0, 2, 2).unfold(1, 2, 2).mean((2, 3))
    assert found.shape == (1, SIDE, SIDE, 3)
    torch.testing.assert_close(found[0, ..., 0], sharp, rtol=0, atol=1e-4)

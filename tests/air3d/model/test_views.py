"""The network is told the view of each picture: its own camera and background, off-centre, in oblong pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from render_tools import double, random_objects, random_view
from small_runs import small_run
from torch import Tensor

from air3d.model.air import Air, Step
from air3d.model.encoder import table_points
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import Yaw
from air3d.model.mode import Mode
from air3d.model.rings import RingSampler
from air3d.model.unexplained import STRIDE
from scenes.camera import Camera
from scenes.view import View

HEIGHT, WIDTH, PICTURES = 48, 64, 4
CAMERA = ("intrinsics", "camera_rotation", "camera_translation")


def given(folder: Path) -> tuple[Air, Tensor, View]:
    """A network, and pictures of which each has a world of its own. Silhouettes are soft: at steep ones a pixel would
    show a difference of 1e-6 m, which is that of sums in another order."""
    run = small_run(folder, "scene=tabletop", f"scene.image_size=[{HEIGHT},{WIDTH}]", "renderer.sigma=1e-3")
    view = random_view(1, PICTURES, HEIGHT, WIDTH)
    assert len({tuple(row) for row in view.intrinsics.tolist()}) == PICTURES
    assert (view.intrinsics[:, 2:] - torch.tensor([WIDTH - 1, HEIGHT - 1]) / 2).abs().min(0).values.max() > 0.5
    return run.model, run.renderer.render(random_objects(2, PICTURES, 3, spread=0.12), view), view


def numbers(model: Air, pictures: Tensor, view: View) -> Float[Tensor, "step picture number"]:
    """All that is said of pictures, and what is painted of it, each step's in a row."""
    with torch.no_grad():
        return torch.stack([said(step) for step in model.unroll(pictures, view, 3, Mode(0, -1.0))])


def said(step: Step) -> Float[Tensor, "picture number"]:
    proposal, point, yaw = step.proposal, step.decision.pose["position"], step.decision.pose["rotation"]
    assert isinstance(point, BasePoint) and isinstance(yaw, Yaw)
    parts = proposal.presence_logit, proposal.identity.logits, proposal.attended, proposal.place, proposal.state
    pose = point.box.mean, point.box.std, yaw.choice.logits, yaw.offset.mean, yaw.offset.std
    return torch.cat([part.reshape(len(step.place.pictures), -1) for part in (*parts, *pose, step.image)], 1)


def test_each_picture_is_understood_as_if_it_were_alone(tmp_path: Path) -> None:
    model, pictures, view = given(tmp_path)
    together = numbers(model, pictures, view)
    for index in range(PICTURES):
        alone = numbers(model, pictures[index : index + 1], view[index])
        torch.testing.assert_close(together[:, index : index + 1], alone, rtol=1e-3, atol=1e-4)


def test_another_view_of_the_same_picture_says_something_else(tmp_path: Path) -> None:
    """Cameras alone, and backgrounds alone: the test above would see it if the view of another picture were used."""
    model, pictures, view = given(tmp_path)
    right, other = numbers(model, pictures, view), view[[1, 2, 3, 0]]
    camera = replace(view, **{name: getattr(other, name) for name in CAMERA})
    for wrong in (camera, replace(view, background=other.background)):
        apart = (numbers(model, pictures, wrong) - right)[0, :, : -HEIGHT * WIDTH * 3]
        assert (apart.abs().amax(1) > 1e-2).all()


def test_pictures_that_share_a_view_are_told_it_once_or_each(tmp_path: Path) -> None:
    """What all share is one row of the arrays; written out for each picture it means the same."""
    model, pictures, view = given(tmp_path)
    shared = view[0].repeat(PICTURES)
    each = shared.each(lambda array: array.clone(memory_format=torch.contiguous_format))
    assert len(table_points(shared)) == 1 and len(table_points(each)) == PICTURES
    torch.testing.assert_close(numbers(model, pictures, shared), numbers(model, pictures, each), rtol=1e-3, atol=1e-4)


def test_the_point_of_the_table_behind_a_cell_is_projected_onto_it() -> None:
    """Against `Camera.project`, of every camera its own, at two heights; cells that look at the sky are left out."""
    view, offset = random_view(3, 6, HEIGHT, WIDTH), (STRIDE - 1) / 2
    rows, columns = (np.arange(side // STRIDE) * STRIDE + offset for side in (HEIGHT, WIDTH))
    cells = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
    for height in (0.0, 0.07):
        points = table_points(view, height)
        assert points.shape == (6, len(cells), 2)
        for row, plane in enumerate(points.double().numpy()):
            camera = view.camera(row)
            down = world_rays(camera, cells)[:, 2] < -0.05
            assert down.mean() > 0.9
            seen = camera.project(np.concatenate([plane, np.full((len(plane), 1), height)], 1))
            np.testing.assert_allclose(camera.to_pixels(seen)[down], cells[down], atol=2e-2)
            assert (seen[down, 2] > 0).all()


def test_an_object_stands_where_its_middle_hides_the_table(tmp_path: Path) -> None:
    """The middle above where it stands is seen in the pixel of the place, by every camera, for every height."""
    model, _, view = given(tmp_path)
    posterior, identity = model.posterior, torch.arange(PICTURES) % model.posterior.identities
    place = torch.rand(PICTURES, 2) * 0.4 + 0.3
    metres = posterior.prior.to_metres(torch.cat([place, torch.zeros(PICTURES, 1)], 1)).double().numpy()
    stands = torch.cat([posterior.footprints.stands(place, identity, view), torch.zeros(PICTURES, 1)], 1)
    base = posterior.prior.to_metres(stands).double().numpy()
    for row in range(PICTURES):
        camera, up = view.camera(row), posterior.footprints.heights[identity[row]].item() / 2
        middle = base[row] + [0, 0, up]
        assert np.linalg.norm(base[row] - metres[row]) > up / 10
        np.testing.assert_allclose(
            camera.to_pixels(camera.project(middle)), camera.to_pixels(camera.project(metres[row])), atol=1e-2
        )


def world_rays(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Where each pixel looks, world axes, of length 1 along the view axis."""
    focal, middle = camera.intrinsics[:2], camera.intrinsics[2:]
    rays = np.concatenate([(middle - pixels) / focal, np.ones((len(pixels), 1))], 1)
    return rays @ camera.rotation.T


def sampler(folder: Path) -> RingSampler:
    return small_run(folder, "scene=tabletop").model.posterior.ring_features.rings


def test_rings_lie_where_each_camera_sees_them(tmp_path: Path) -> None:
    rings, view = sampler(tmp_path), random_view(4, 6, HEIGHT, WIDTH)
    identity, position = torch.tensor([0, 1, 2, 3, 0, 1]), 0.1 * torch.randn(6, 3) * torch.tensor([1.0, 1.0, 0.2])
    grid = rings.grid(identity, position, view)
    for row in range(6):
        camera, places = view.camera(row), rings.around[identity[row]] + position[row]
        expected = camera.to_pixels(camera.project(places.double().numpy()))
        pixels = ((grid[row].double() + 1) * torch.tensor([WIDTH, HEIGHT]) - 1) / 2
        np.testing.assert_allclose(pixels.numpy(), expected, atol=1e-2)


def asking(view: View) -> tuple[View, list[Tensor]]:
    """The view with a camera whose gradient is asked for."""
    leaves = [getattr(view, name).clone().requires_grad_() for name in CAMERA]
    return replace(view, **dict(zip(CAMERA, leaves, strict=True))), leaves


def test_gradients_reach_every_picture_s_own_camera(tmp_path: Path) -> None:
    """From what the network says alone, and from the bound with what is painted."""
    model, pictures, view = given(tmp_path)
    view, camera = asking(view)
    (step,) = model.unroll(pictures, view, 1, Mode(0, -1.0))
    place = step.proposal.place
    for index in range(PICTURES):
        for of in torch.autograd.grad(place[index].sum(), camera, retain_graph=True):
            told = of.flatten(1).abs().amax(1)
            assert told[index] > 0 and not told[torch.arange(PICTURES) != index].any()
    for of in torch.autograd.grad(model.elbo(pictures, view, 0.3).sum(), camera):
        assert of.isfinite().all() and (of.flatten(1).abs().amax(1) > 1e-3).all()


def test_gradients_of_cells_and_rings_by_central_differences(tmp_path: Path) -> None:
    rings = sampler(tmp_path).double()
    identity, position = torch.tensor([2, 3]), torch.zeros(2, 3, dtype=torch.float64)
    torch.manual_seed(5)
    weights = torch.randn(2, HEIGHT * WIDTH // STRIDE**2, 2), torch.randn(2, 20, rings.around.shape[2], 2)

    def cells(view: View) -> Tensor:
        down = table_points(view)  # in single precision, whatever is given
        return (down * weights[0]).double().sum()

    def ring(view: View) -> Tensor:
        return (rings.grid(identity, position, view) * weights[1]).sum()

    for function, step, rtol in ((cells, 1e-3, 0.03), (ring, 1e-6, 1e-5)):
        view, camera = asking(double(random_view(6, 2, HEIGHT, WIDTH)))
        gradients = torch.autograd.grad(function(view), camera)
        for leaf, gradient in zip(camera, gradients, strict=True):
            direction = torch.randn_like(leaf)
            with torch.no_grad():
                leaf += step * direction
                above = function(view)
                leaf -= 2 * step * direction
                below = function(view)
            expected = (above - below) / (2 * step)
            torch.testing.assert_close((gradient * direction).sum(), expected, rtol=rtol, atol=1e-4)

"""The closer look before it is decided what stands there: where it looks, what it reads, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from render_tools import random_view
from small_runs import example, small_run
from torch import Tensor

from air3d.model.crop_features import SIDE, CropFeatures
from renderers.convert import channels_first
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.view import View

HEIGHT, WIDTH, RADIUS, PICTURES = 48, 64, 0.08, 6
FEATURES = 5


def crop_features() -> CropFeatures:
    torch.manual_seed(0)
    return CropFeatures(RADIUS, 8, FEATURES)


def places() -> Tensor:
    torch.manual_seed(1)
    return 0.2 * (torch.rand(PICTURES, 3) - 0.5) * torch.tensor([1.0, 1.0, 0.3])


def pixels(camera: Camera, place: Tensor, aside: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Column and row of a point, or of one `aside` of it to the right and down, metres, as far from the camera."""
    seen = place.double().numpy() @ camera.rotation + camera.translation
    beside = seen - [*aside, 0.0]  # +x of a view is to the left, +y is up
    return torch.tensor(camera.to_pixels(camera.project((beside - camera.translation) @ camera.rotation.T)))


def written_out(view: View) -> View:
    """What pictures share, a row for each."""
    return view.each(lambda array: array.clone(memory_format=torch.contiguous_format))


@pytest.mark.parametrize("shared", [False, True])
def test_the_square_is_about_the_point_and_reaches_as_far_as_it_says(shared: bool) -> None:
    view, place = random_view(4, PICTURES, HEIGHT, WIDTH), places()
    view = view[0].repeat(PICTURES) if shared else view
    grid = crop_features().grid(place, view)
    assert grid.shape == (PICTURES, SIDE, SIDE, 2)
    at = ((grid.double() + 1) * torch.tensor([WIDTH, HEIGHT]) - 1) / 2
    middle, half = slice(SIDE // 2 - 1, SIDE // 2 + 1), 0.5
    for row in range(PICTURES):
        camera, square = view.camera(row), at[row]
        borders = {
            (0.0, 0.0): square[middle, middle].mean((0, 1)),
            (-RADIUS, 0.0): (square[middle, 0] - half * (square[middle, 1] - square[middle, 0])).mean(0),
            (RADIUS, 0.0): (square[middle, -1] + half * (square[middle, -1] - square[middle, -2])).mean(0),
            (0.0, -RADIUS): (square[0, middle] - half * (square[1, middle] - square[0, middle])).mean(0),
            (RADIUS, RADIUS): square[-1, -1] + half * (square[-1, -1] - square[-2, -2]),
        }
        for aside, found in borders.items():
            torch.testing.assert_close(found, pixels(camera, place[row], aside), rtol=0, atol=1e-2, msg=str(aside))


def test_each_picture_is_read_through_its_own_camera() -> None:
    crop, view, place = crop_features(), random_view(4, PICTURES, HEIGHT, WIDTH), places()
    closeup = torch.rand(PICTURES, 6, HEIGHT, WIDTH)
    together = crop(closeup, place, view)
    assert together.shape == (PICTURES, FEATURES)
    for row in range(PICTURES):
        alone = crop(closeup[row : row + 1], place[row : row + 1], view[row])
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-4, atol=1e-5)
    other = crop(closeup, place, view[[1, 2, 3, 4, 5, 0]])
    assert ((together - other).abs().amax(1) > 1e-3).all()


def test_one_camera_of_all_is_told_once_or_each() -> None:
    crop, place, closeup = crop_features(), places(), torch.rand(PICTURES, 6, HEIGHT, WIDTH)
    view = random_view(4, 1, HEIGHT, WIDTH).repeat(PICTURES)
    each = written_out(view)
    torch.testing.assert_close(crop(closeup, place, view), crop(closeup, place, each), rtol=1e-4, atol=1e-5)


def test_a_network_reads_the_place_that_it_attends_to_and_nothing_else(tmp_path: Path) -> None:
    """Features of the map as they are, the closer look changed within the square and without it."""
    run = small_run(tmp_path, "scene=tabletop", "model.crop=16")
    model, posterior = run.model, run.model.posterior
    pictures, view, _ = example(run, 4)
    blank = model.blank(view).image
    features = model.look(posterior.encoder.stem(channels_first(pictures)), pictures, blank, view)
    closeup, state = model.closeup(pictures, blank, view), posterior.start(4)

    def attended(closeup: Tensor) -> tuple[Tensor, Tensor]:
        proposal = posterior.propose(features, state, closeup, view)
        return proposal.attended, proposal.place

    with torch.no_grad():
        as_it_is, place = attended(closeup)
        metres = model.prior.to_metres(torch.nn.functional.pad(place, (0, 1)))
        assert posterior.crop_features is not None
        grid = (posterior.crop_features.grid(metres, view) + 1) * torch.tensor([view.width, view.height]) / 2 - 0.5
        low, high = grid.amin((1, 2)).floor() - 1, grid.amax((1, 2)).ceil() + 1
        column, row = torch.arange(view.width)[None, None], torch.arange(view.height)[None, :, None]
        within = (column >= low[:, 0, None, None]) & (column <= high[:, 0, None, None])
        within = within & (row >= low[:, 1, None, None]) & (row <= high[:, 1, None, None])
        assert 0.05 < within.float().mean() < 0.9
        changed = closeup + torch.rand_like(closeup)
        outside, there = attended(torch.where(within[:, None], closeup, changed))
        inside, still = attended(torch.where(within[:, None], changed, closeup))
    assert torch.equal(outside, as_it_is) and torch.equal(there, place) and torch.equal(still, place)
    assert ((inside - as_it_is).abs().amax(1) > 1e-3).all()


def test_it_learns_from_the_bound_and_without_it_nothing_is_there(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "model.crop=16")
    pictures, view, _ = example(run, 3)
    run.model.elbo(pictures, view, 0.3, pictures).sum().backward()
    crop = run.model.posterior.crop_features
    assert crop is not None
    gradients = [parameter.grad for parameter in crop.parameters()]
    assert len(gradients) == 6 and all(gradient is not None and bool(gradient.any()) for gradient in gradients)
    without = small_run(tmp_path, "scene=tabletop", "model.crop=0").model.posterior
    assert without.crop_features is None and not any("crop" in name for name in without.state_dict())


def test_its_gradient_is_that_of_the_place_s_camera_too() -> None:
    """Through the grid, by central differences."""
    crop, view, place = crop_features().double(), random_view(4, 2, HEIGHT, WIDTH), places()[:2].double()
    weights = torch.randn(2, SIDE, SIDE, 2, dtype=torch.float64)
    shift = torch.zeros_like(view.camera_translation).requires_grad_()

    def value(shift: Tensor) -> Tensor:
        return (crop.grid(place, replace(view, camera_translation=view.camera_translation + shift)) * weights).sum()

    torch.autograd.gradcheck(value, shift, eps=1e-6, atol=1e-4)


def test_fewer_than_none_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.crop must be 0 or more, not -1") as caught:
        small_run(tmp_path, "scene=tabletop", "model.crop=-1")
    assert "\n" not in str(caught.value)

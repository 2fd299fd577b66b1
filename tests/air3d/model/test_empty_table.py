"""The table and the noise read off a picture, against the table and the noise that it was made of."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from air3d.model.empty_table import empty_table

HEIGHT, WIDTH = 48, 64


def tables(number: int) -> Float[Tensor, "batch height width 3"]:
    """Quadratics in the pixel's place, each channel its own, within [0, 1]."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, HEIGHT), torch.linspace(-1, 1, WIDTH), indexing="ij")
    terms = torch.stack([x, y, x * x, x * y, y * y], -1)
    ways = 0.05 * torch.randn(number, 5, 3).clamp(-1.5, 1.5)
    return 0.4 + 0.2 * torch.rand(number, 1, 1, 3) + torch.einsum("hwt,btc->bhwc", terms, ways)


def discs(number: int, share: float) -> tuple[Tensor, Bool[Tensor, "batch height width"]]:
    """Discs of any colour that cover about that share of each picture, none with its middle near the border."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    painted, covered = torch.zeros(number, HEIGHT, WIDTH, 3), torch.zeros(number, HEIGHT, WIDTH, dtype=torch.bool)
    for row in range(number):
        while covered[row].float().mean() < share - 0.03:
            ranges = (4, 9), (7, WIDTH - 7), (7, HEIGHT - 7)
            radius, column, line = (torch.randint(low, high, ()) for low, high in ranges)
            disc = (x - column) ** 2 + (y - line) ** 2 < radius**2
            covered[row] |= disc
            painted[row][disc] = torch.rand(3)
    return painted, covered


def test_a_quadratic_comes_back_and_has_no_noise() -> None:
    made = tables(8)
    found, noise = empty_table(made)
    torch.testing.assert_close(found, made, rtol=0, atol=2e-5)
    assert noise.max() < 1e-4
    found, noise = empty_table(made.double())
    torch.testing.assert_close(found, made.double(), rtol=0, atol=2e-5)


CASES = [(0.0, 0.03, 0.003, 0.05), (0.2, 0.03, 0.005, 0.06), (0.35, 0.0, 0.0001, 0.0), (0.35, 0.03, 0.008, 0.12)]


@pytest.mark.parametrize("height", [48, 64])
@pytest.mark.parametrize("share, noise, near, of_noise", CASES)
def test_objects_of_any_colour_do_not_change_it(
    monkeypatch: pytest.MonkeyPatch, share: float, noise: float, near: float, of_noise: float, height: int
) -> None:
    """Most tables to within `near`, mean of their pixels, and all to within twice that; least squares of all pixels
    would be off by 0.03 where a third is covered. The noise to within a share of itself."""
    monkeypatch.setattr(f"{__name__}.HEIGHT", height)  # of 64 rows the means of blocks are fitted
    made, (painted, covered) = tables(24), discs(24, share)
    picture = torch.where(covered[..., None], painted, made) + noise * torch.randn_like(made)
    found, deviation = empty_table(picture)
    assert (covered.flatten(1).float().mean(1) - share).abs().max() < 0.05
    far = (found - made).abs().mean((1, 2, 3))
    assert far.quantile(0.8) < near and far.max() < 2 * near
    assert (deviation - noise).abs().max() < of_noise * noise + 1e-4


def test_in_large_pictures_fine_lines_are_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripes and checks of one pixel, around a table that is found as if they were not there."""
    monkeypatch.setattr(f"{__name__}.HEIGHT", 64)
    made = tables(3)
    row, column = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    lines = torch.stack([(each % 2).expand(HEIGHT, WIDTH) for each in (row, column, row + column)])
    found, noise = empty_table(made + 0.1 * (2 * lines[..., None] - 1))
    torch.testing.assert_close(found, made, rtol=0, atol=1e-4)
    torch.testing.assert_close(noise, torch.full_like(noise, 0.112), rtol=1e-2, atol=0)


def test_each_picture_is_read_as_if_it_were_alone() -> None:
    picture, (painted, covered) = tables(5), discs(5, 0.2)
    picture = torch.where(covered[..., None], painted, picture) + 0.02 * torch.randn_like(picture)
    together, noise = empty_table(picture)
    for row in range(5):
        table, deviation = empty_table(picture[row : row + 1])
        torch.testing.assert_close(table[0], together[row], rtol=0, atol=1e-5)
        torch.testing.assert_close(deviation[0], noise[row], rtol=1e-3, atol=0)


@pytest.mark.parametrize("colour", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_is_that_colour(colour: float) -> None:
    found, noise = empty_table(torch.full((2, 16, 16, 3), colour))
    torch.testing.assert_close(found, torch.full_like(found, colour), rtol=0, atol=1e-4)
    assert noise.isfinite().all() and noise.max() < 1e-3


def test_a_dark_object_on_a_dark_table() -> None:
    """A third as bright as the table, and a tenth of the picture: no part of the table."""
    made = 0.12 * torch.ones(4, HEIGHT, WIDTH, 3)
    picture = made.clone()
    picture[:, 16:31, 24:44] = 0.04
    found, noise = empty_table(picture + 0.01 * torch.randn_like(picture))
    assert (found - made).abs().max() < 5e-3
    torch.testing.assert_close(noise, torch.full_like(noise, 0.01), rtol=0.06, atol=0)


def test_the_table_is_a_colour_and_nothing_learns_through_it() -> None:
    """A bright table with noise is cut off at 1; the picture's gradient stops here."""
    picture = (1 + 0.1 * torch.randn(2, 16, 16, 3)).requires_grad_()
    found, noise = empty_table(picture)
    assert found.max() <= 1 and not found.requires_grad and not noise.requires_grad

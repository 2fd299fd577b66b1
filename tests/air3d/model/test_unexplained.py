"""Where something is still to be found, on tables that were read off noisy pictures."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.empty_table import empty_table
from air3d.model.unexplained import STRIDE, in_noise
from renderers.convert import channels_first

SIDE, CELL = 64, (slice(4, 9), slice(5, 11))
"""Of the picture, in pixels; and rows and columns of cells that an object fills."""


def patch(picture: Float[Tensor, "batch height width 3"], colour: float) -> Tensor:
    """The picture with an object of that grey."""
    rows, columns = (slice(STRIDE * part.start, STRIDE * part.stop) for part in CELL)
    picture = picture.clone()
    picture[:, rows, columns] = colour
    return picture


def left(picture: Tensor, canvas: Tensor | None = None) -> Float[Tensor, "batch row column"]:
    """What is unexplained of pictures; the canvas is the table that is read off them, unless it is given."""
    table, _ = empty_table(picture)
    shown = map(channels_first, (picture, table if canvas is None else canvas, table))
    return in_noise(*shown)[:, 0]


def grey(level: float, noise: float = 0.0) -> Float[Tensor, "batch height width 3"]:
    picture = torch.full((4, SIDE, SIDE, 3), level)
    return picture + noise * torch.randn_like(picture)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.02, 0.05])
@pytest.mark.parametrize("level", [0.05, 0.5])
def test_an_empty_table_has_next_to_nothing(noise: float, level: float) -> None:
    found = left(grey(level, noise))
    assert found.shape == (4, SIDE // STRIDE, SIDE // STRIDE)
    assert found.mean() < 0.09 and found.max() < 0.4, "noise in a few blocks of a few cells"


def test_a_dark_object_on_a_dark_table_stands_out() -> None:
    """All of it, though it differs by 0.15 only, and amid noise."""
    found = left(patch(grey(0.2), 0.05) + 0.01 * torch.randn(4, SIDE, SIDE, 3))
    inside = found[:, CELL[0], CELL[1]]
    outside = found.clone()
    outside[:, CELL[0], CELL[1]] = 0
    assert inside.min() > 0.95 and outside.max() < 0.3


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_what_is_painted_is_explained_and_what_was_painted_over_was_never_there(noise: float) -> None:
    """An object on the canvas that is in the picture; and one on the canvas where the picture shows the table."""
    grain = noise * torch.randn(4, SIDE, SIDE, 3)
    there = patch(grey(0.4), 0.8)
    assert left(there + grain, there)[:, CELL[0], CELL[1]].mean() < 0.06
    assert left(there + grain)[:, CELL[0], CELL[1]].min() > 0.95
    assert left(grey(0.4) + grain, there)[:, CELL[0], CELL[1]].mean() < 0.06


def test_in_a_dimmer_light_there_is_as_much_to_find() -> None:
    """Everything half as bright, the noise too: what counts is how far above it an object is."""
    picture, canvas = patch(grey(0.4), 0.72) + 0.06 * torch.randn(4, SIDE, SIDE, 3), grey(0.4)
    bright, dim = left(picture, canvas), left(picture / 2, canvas / 2)
    assert (bright - dim).abs().max() < 0.06 and bright[:, CELL[0], CELL[1]].mean() > 0.4


def test_a_fine_texture_is_no_object_and_an_object_on_it_is() -> None:
    """Lines of one pixel, much stronger than any noise: every block is half of each."""
    lines = 0.1 * torch.tensor([1.0, -1.0]).repeat(SIDE // 2)[None, None, :, None]
    found = left(patch(grey(0.4), 0.9) + lines)
    outside = found.clone()
    outside[:, CELL[0], CELL[1]] = 0
    assert found[:, CELL[0], CELL[1]].min() > 0.9 and outside.mean() < 0.1 and outside.max() < 0.5


def test_each_picture_is_looked_at_as_if_it_were_alone() -> None:
    pictures = torch.cat([patch(grey(0.4, noise), 0.6)[:1] for noise in (0.0, 0.01, 0.05)])
    together = left(pictures)
    for row in range(3):
        torch.testing.assert_close(left(pictures[row : row + 1])[0], together[row], rtol=0, atol=1e-4)


def test_pictures_of_any_size_have_whole_cells() -> None:
    assert left(torch.rand(2, 30, 45, 3)).shape == (2, 30 // STRIDE, 45 // STRIDE)

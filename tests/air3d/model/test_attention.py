"""Where the network looks: at one object, where most is unexplained."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from small_runs import small_run
from torch import Tensor

from air3d.model.attention import CODE, FAINT, attended_place, lengthwise, region, table_shares, waves
from air3d.model.posterior import Posterior
from air3d.model.unexplained import STRIDE, in_colours
from renderers.convert import to_torch

TABLE, WHITE, RED = torch.tensor([[0.1, 0.1, 0.1], [0.9, 0.9, 0.9], [0.7, 0.1, 0.1]])


def test_a_mug_is_as_much_of_an_object_in_front_of_a_plate() -> None:
    left = unexplained_of({"on the table": (RED, TABLE), "on a plate": (RED, WHITE), "plate": (WHITE, TABLE)})
    assert left["on the table"] == left["on a plate"] == pytest.approx(1 - math.exp(-2))
    assert left["plate"] == pytest.approx(1)


def test_neither_what_is_painted_nor_bare_table_painted_over_is_left_to_find() -> None:
    left = unexplained_of({"painted": (RED, RED), "painted over": (TABLE, WHITE), "bare": (TABLE, TABLE)})
    assert not any(left.values())


def test_noise_is_next_to_nothing() -> None:
    left = unexplained_of({"on a plate": (WHITE - 0.02, WHITE), "on the table": (TABLE + 0.02, TABLE)})
    assert max(left.values()) < 0.03


def unexplained_of(cases: dict[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    """By name, for cells of one colour in the picture and of one on the canvas."""
    cells = (torch.stack(colours, 1)[None, :, None] for colours in zip(*cases.values(), strict=True))
    picture, canvas = (each.repeat_interleave(STRIDE, 2).repeat_interleave(STRIDE, 3) for each in cells)
    left = in_colours(picture, canvas, TABLE[None, :, None, None])
    return dict(zip(cases, left.flatten().tolist(), strict=True))


def test_attention_stays_with_one_of_two_objects_of_a_kind(tmp_path: Path) -> None:
    """Two cells that score the same: their places are not averaged."""
    posterior, places = posterior_of(tmp_path)
    first, last = 0, len(places) - 1
    place = attend(posterior, places, [first, last]) @ places
    ends = places[[first, last]]
    apart = (ends[0] - ends[1]).norm()
    assert apart > 0.5 and (place - ends).norm(dim=-1).min() < 0.2 * apart


@pytest.mark.parametrize("cell", [3, 40, 62])
def test_attention_goes_where_most_is_unexplained_whatever_has_been_learned(tmp_path: Path, cell: int) -> None:
    posterior, places = posterior_of(tmp_path)
    assert not list(posterior.attention.parameters())
    assert attend(posterior, places, [cell], noise=0.3).argmax() == cell


def test_attention_can_turn_away_from_where_it_has_looked(tmp_path: Path) -> None:
    """Two cells that score the same; a state whose query says "not here" of one of them sends it to the other."""
    posterior, places = posterior_of(tmp_path, "model.query=true")
    seen, other = 0, len(places) - 1
    ask, code = posterior.attention.query.ask, waves(places)
    assert not ask.bias.any() and not ask.weight.any()
    with torch.no_grad():
        ask.weight[-CODE:] = -code[seen][:, None] / ask.in_features
    place = attend(posterior, places, [seen, other]) @ places
    assert (place - places[other]).norm() < 0.2 < (place - places[seen]).norm()


def test_a_query_learns_to_look_elsewhere(tmp_path: Path) -> None:
    """A label asks for the lesser of two objects, at the other end of the table."""
    posterior, places = posterior_of(tmp_path, "model.query=true")
    attention = posterior.attention
    contrast = torch.zeros(1, len(places), posterior.encoder.channels)
    contrast[:, 0, -1], contrast[:, -1, -1] = 3.0, 2.5
    optimiser = torch.optim.Adam(attention.parameters(), 1e-3)
    for _ in range(100):
        place = attention(contrast, torch.ones(1, posterior.config.hidden), places[None]) @ places
        optimiser.zero_grad()
        (place - places[-1]).square().sum().backward()
        optimiser.step()
    assert (place - places[-1]).norm() < 0.3  # of 1.3


def posterior_of(folder: Path, *overrides: str) -> tuple[Posterior, Float[Tensor, "cell 2"]]:
    """The network of a small run, and the places on the table behind its cells."""
    run = small_run(folder, *overrides)
    return run.model.posterior, table_shares(run.model.prior, to_torch(run.scene.views(0, [0])))[0]


def attend(posterior: Posterior, places: Tensor, cells: list[int], noise: float = 0.0) -> Float[Tensor, "1 cell"]:
    """What is looked at if these cells alone are unexplained, whatever else stands out."""
    torch.manual_seed(0)
    contrast = noise * torch.randn(1, len(places), posterior.encoder.channels)
    contrast[:, cells, -1] = 60.0
    return posterior.attention(contrast, torch.ones(1, posterior.config.hidden), places[None])


def test_a_region_is_what_is_connected_to_the_most_unexplained_cell() -> None:
    """A bar with one striking end, touched by what is fainter still; another thing beside it is not of it."""
    unexplained = torch.zeros(2, 9, 12)
    unexplained[:, 2, 1:8] = 2 * FAINT
    unexplained[:, 2, 1] = 1.0
    unexplained[:, 3, 4] = 0.5 * FAINT
    unexplained[:, 6:8, 5:9] = 0.9
    unexplained[1] = unexplained[1].flip(0)
    attention = region(unexplained).unflatten(1, (9, 12))
    bar = torch.zeros(9, 12)
    bar[2, 1:8] = 1 / 7
    torch.testing.assert_close(attention, torch.stack([bar, bar.flip(0)]))


def test_a_region_reaches_half_a_side_and_of_nothing_is_all_that_is_within() -> None:
    wall = torch.zeros(1, 5, 16)
    wall[0, 2] = 1.0
    wall[0, 2, 3] = 1.1
    assert (region(wall)[0].view(5, 16)[2] > 0).tolist() == [True] * 12 + [False] * 4
    assert torch.allclose(region(torch.zeros(1, 5, 5)).view(5, 5)[:3, :3], torch.tensor(1 / 9))


@pytest.mark.parametrize("degrees", [-80.0, -30.0, 0.0, 45.0, 89.0])
def test_the_direction_in_which_a_region_is_longest(degrees: float) -> None:
    along = torch.linspace(-1, 1, 21)[:, None] * torch.tensor(
        [[math.cos(x), math.sin(x)] for x in [math.radians(degrees)]]
    )
    across = torch.linspace(-0.2, 0.2, 5)[:, None] * torch.tensor([[-along[-1, 1], along[-1, 0]]])
    points = (along[:, None] + across).flatten(0, 1)[None]
    even = torch.full((1, points.shape[1]), 1 / points.shape[1])
    assert math.degrees(lengthwise(even, points + 3.0)) == pytest.approx(degrees, abs=0.1)
    assert torch.allclose(attended_place(even, points), torch.zeros(1, 2), atol=1e-6)

"""How a place is taught: by the bound less where it is surer (`beta`), and towards a place that fits better."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_runs import small_config

from air3d.model.distributions import LogitNormal
from air3d.model.latents.position import CLOSE, BasePoint
from air3d.model.prior import Prior
from scenes.errors import UserError

PRIOR = Prior(0, 3, [-0.4, -0.4, 0.0], [0.4, 0.4, 0.1])


def place(mean: torch.Tensor, std: float, beta: float = 0.0) -> BasePoint:
    return BasePoint(LogitNormal(mean, torch.full_like(mean, std)), PRIOR, beta)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_what_is_sure_hears_less_of_the_bound_and_is_drawn_the_same(beta: float) -> None:
    mean, noise = torch.zeros(1, 3, requires_grad=True), torch.randn(1, 3)
    for std in (0.01, 0.1):
        plain, gentle = place(mean, std).draw(None, noise), place(mean, std, beta).draw(None, noise)
        assert torch.equal(plain.value, gentle.value) and torch.equal(plain.kl, gentle.kl)
        full, heard = (torch.autograd.grad(draw.value.sum(), mean)[0] for draw in (plain, gentle))
        torch.testing.assert_close(heard, full * (std / 4 / CLOSE) ** (2 * beta))


def test_a_place_nearby_draws_by_the_distance_and_a_far_one_no_harder() -> None:
    mean = torch.zeros(3, 3, requires_grad=True)
    away = torch.tensor([[0.5, 0, 0], [-2.0, 0, 0], [0, -20.0, 0]]) * CLOSE
    q = place(mean, 0.3)
    near = q.near(PRIOR.to_metres(0.5 + away))
    torch.testing.assert_close(near, torch.tensor([-0.125, -1.5, -19.5]))
    (drawn,) = torch.autograd.grad(near.sum(), mean)
    torch.testing.assert_close(drawn * 4 * CLOSE, torch.tensor([[0.5, 0, 0], [-1.0, 0, 0], [0, -1.0, 0]]))


def test_beta_has_bounds(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.beta must be 0 to 1, not 1\.5"):
        small_config(tmp_path, "model.beta=1.5")

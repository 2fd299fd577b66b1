"""The posterior's own credible regions, of truths that come from the posterior itself."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from air3d.inference.credible import position_levels, radius, yaw_level, yaw_masses
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.latents.rotation import Yaw
from air3d.model.prior import Prior

PRIOR = Prior(0, 3, [-0.5, -0.4, 0.0], [0.5, 0.4, 0.0])


def furthest_from_uniform(levels: Tensor) -> float:
    """Kolmogorov and Smirnov's distance, in units in which 1.95 happens once in a thousand times."""
    even = (torch.arange(len(levels)) + 0.5) / len(levels)
    return ((levels.sort().values - even).abs().max() * len(levels) ** 0.5).item()


def boxes(number: int, axes: int = 3) -> LogitNormal:
    return LogitNormal(torch.randn(number, axes), (torch.randn(number, axes) - 1).exp())


def drawn(box: LogitNormal) -> Tensor:
    """A draw of each row, in the unit box."""
    return box.sample(torch.randn_like(box.mean)).sigmoid()


@pytest.mark.parametrize("too_sure", [1.0, 0.5])
def test_positions_drawn_from_the_posterior_have_even_levels(too_sure: float) -> None:
    torch.manual_seed(0)
    box = boxes(4000)
    position = PRIOR.to_metres(drawn(box))
    levels = position_levels(LogitNormal(box.mean, too_sure * box.std), position, PRIOR)
    assert (furthest_from_uniform(levels) < 1.95) == (too_sure == 1)
    if too_sure < 1:  # P(chi2 < 0.25 * its quantile), two axes
        assert (levels < 0.9).float().mean() == pytest.approx(1 - 0.1**0.25, abs=0.03)


def test_the_radius_of_a_region_is_that_of_its_draws() -> None:
    torch.manual_seed(0)
    box = LogitNormal(torch.tensor([[0.3, -0.5, 0.0]]), torch.tensor([[0.02, 0.03, 1.0]]))
    places = PRIOR.to_metres(drawn(LogitNormal(*(x.expand(50_000, 3) for x in (box.mean, box.std)))))[:, :2]
    spread = places.std(0).prod().sqrt() * math.sqrt(2 * math.log(10))
    assert radius(box, PRIOR, 0.9).item() == pytest.approx(spread.item(), rel=0.02)


@pytest.mark.parametrize("fold", [1, 2, 5])
@pytest.mark.parametrize("bins", [12, 7])
def test_yaws_drawn_from_the_posterior_have_even_levels(fold: int, bins: int) -> None:
    torch.manual_seed(0)
    number = 2000
    q = Yaw(Choice(logits=2 * torch.randn(number, bins)), boxes(number, bins))
    chosen = q.choice.sample()
    within = drawn(q.offset).gather(-1, chosen[:, None]).squeeze(-1)
    yaw = (chosen + within) * (2 * math.pi / bins) - math.pi
    yaw = yaw + 2 * math.pi / fold * torch.randint(fold, yaw.shape)  # looks the same
    yaw = torch.remainder(yaw + math.pi, 2 * math.pi) - math.pi
    masses = yaw_masses(q)
    torch.testing.assert_close(masses.sum(-1), torch.ones(number))
    levels = torch.tensor([yaw_level(m, fold, a)[0] for m, a in zip(masses, yaw.tolist(), strict=True)])
    assert furthest_from_uniform(levels) < 1.95
    turned = torch.remainder(yaw + 2 * math.pi, 2 * math.pi) - math.pi
    wrong = torch.tensor([yaw_level(m, fold, a)[0] for m, a in zip(masses, turned.tolist(), strict=True)])
    assert furthest_from_uniform(wrong) > 3 or fold == 2, "the test can fail"


def test_the_width_of_a_yaw_region() -> None:
    masses = torch.zeros(720)
    masses[100:190] = 1 / 90
    assert yaw_level(masses, 1, 0.0)[1] == pytest.approx(81 / 2, abs=0.6)
    assert yaw_level(masses, 1, 0.0)[0] == pytest.approx(1.0)

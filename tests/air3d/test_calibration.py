"""Credible regions of truths that come from the posterior itself; the importance-weighted bound against brute force."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from small_runs import small_run
from torch import Tensor

from air3d.evaluation.calibration import reliability
from air3d.inference.credible import position_levels, radius, yaw_level, yaw_masses
from air3d.inference.greedy import bound, weighted_bound
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.likelihood import log_likelihood
from air3d.model.posterior import Pose
from air3d.model.prior import Prior
from air3d.model.samples import Weights
from renderers.convert import to_torch
from scenes.objects import Objects

PRIOR = Prior(0, 3, [-0.5, -0.4, 0.0], [0.5, 0.4, 0.0])


def furthest_from_uniform(levels: Tensor) -> float:
    """Kolmogorov and Smirnov's distance, in units in which 1.95 happens once in a thousand times."""
    even = (torch.arange(len(levels)) + 0.5) / len(levels)
    return ((levels.sort().values - even).abs().max() * len(levels) ** 0.5).item()


def boxes(number: int, axes: int = 3) -> LogitNormal:
    return LogitNormal(torch.randn(number, axes), (torch.randn(number, axes) - 1).exp())


@pytest.mark.parametrize("too_sure", [1.0, 0.5])
def test_positions_drawn_from_the_posterior_have_even_levels(too_sure: float) -> None:
    torch.manual_seed(0)
    box = boxes(4000)
    position = PRIOR.to_metres(box.sample().sigmoid())
    levels = position_levels(LogitNormal(box.mean, too_sure * box.std), position, PRIOR)
    assert (furthest_from_uniform(levels) < 1.95) == (too_sure == 1)
    if too_sure < 1:  # P(chi2 < 0.25 * its quantile), two axes
        assert (levels < 0.9).float().mean() == pytest.approx(1 - 0.1**0.25, abs=0.03)


def test_the_radius_of_a_region_is_that_of_its_draws() -> None:
    torch.manual_seed(0)
    box = LogitNormal(torch.tensor([[0.3, -0.5, 0.0]]), torch.tensor([[0.02, 0.03, 1.0]]))
    drawn = PRIOR.to_metres(LogitNormal(*(x.expand(50_000, 3) for x in (box.mean, box.std))).sample().sigmoid())[:, :2]
    spread = drawn.std(0).prod().sqrt() * math.sqrt(2 * math.log(10))
    assert radius(box, PRIOR, 0.9).item() == pytest.approx(spread.item(), rel=0.02)


@pytest.mark.parametrize("fold", [1, 2, 5])
@pytest.mark.parametrize("bins", [12, 7])
def test_yaws_drawn_from_the_posterior_have_even_levels(fold: int, bins: int) -> None:
    torch.manual_seed(0)
    number = 2000
    pose = Pose(boxes(number), Choice(logits=2 * torch.randn(number, bins)), boxes(number, bins))
    chosen = pose.yaw_bin.sample()
    within = pose.offset.sample().gather(-1, chosen[:, None]).squeeze(-1).sigmoid()
    yaw = (chosen + within) * (2 * math.pi / bins) - math.pi
    yaw = yaw + 2 * math.pi / fold * torch.randint(fold, yaw.shape)  # looks the same
    yaw = torch.remainder(yaw + math.pi, 2 * math.pi) - math.pi
    masses = yaw_masses(pose)
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


def test_reliability_of_counts() -> None:
    rho = torch.tensor([[0.95, 0.1], [0.95, 0.1], [0.15, 0.5], [0.4, 0.5]])  # counts 1, 1, 0, 0
    truth = Objects.empty(4, 2)
    truth.presence[[0, 3], 0] = True
    found = reliability(rho, truth, 0)
    assert found["right"] == 0.5 and [bar["scenes"] for bar in found["bars"]] == [1, 3]
    assert found["bars"][1]["confidence"] == pytest.approx((0.855 + 0.855 + 0.85) / 3)
    assert found["bars"][1]["right"] == pytest.approx(2 / 3) and found["bars"][0]["right"] == 0
    assert found["ece"] == pytest.approx((abs(0.6 - 0) + 3 * abs(2.56 / 3 - 2 / 3)) / 4)


@pytest.mark.parametrize("scene", ["single_object", "tabletop"])
@torch.no_grad()
def test_the_importance_weighted_bound_tends_to_what_the_prior_says(scene: str, tmp_path: Path) -> None:
    """log p(x) by drawing whole scenes from the prior, and by weighing draws of a posterior that knows nothing."""
    few = ["scene.max_objects=2"] * (scene == "tabletop")
    run = small_run(tmp_path, f"scene={scene}", "scene.image_size=24", "model.initial_std=2.0", *few)
    model, at, number = run.model, Weights(sigma=4.0), 6000
    picture = run.renderer.render(to_torch(run.scene.batch(0, range(2))))[1:]

    prior, kinds = model.prior, len(run.scene.catalogue)
    canvas, terms = model.renderer.blank(number), []
    for count in range(prior.max_objects + 1):
        likelihood = log_likelihood(model.renderer.develop(canvas), picture.expand(number, -1, -1, -1), at.sigma)
        terms.append(likelihood + prior.log_count[count])
        pose = prior.to_metres(torch.rand(number, 3)), math.pi * (2 * torch.rand(number) - 1)
        canvas = model.renderer.paint(canvas, torch.randint(kinds, (number,)), *pose)
    truth = (torch.stack(terms, -1).flatten().logsumexp(0) - math.log(number)).item()

    torch.manual_seed(1)
    found = [weighted_bound(model, picture, at, number // 4, at_once=2000).item() for _ in range(4)]
    error = torch.tensor(found).std().item()
    print(truth, found, bound(model, picture, at).item())
    assert error < 0.3, "too noisy to show anything"
    assert sum(found) / 4 == pytest.approx(truth, abs=0.05 + 2.5 * error)
    elbo = sum(bound(model, picture, at).item() for _ in range(100)) / 100
    assert elbo < truth, "the plain bound of a posterior that knows nothing is lower"

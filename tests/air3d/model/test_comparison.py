"""Each identity where it fits about best, against whole pictures painted one by one, and against draws."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from compared_steps import SIGMA, compared, first_step
from small_runs import small_run
from torch import Tensor
from torch.distributions import Normal

from air3d.model import comparison
from air3d.model.attention import REACH
from air3d.model.distributions import LogitNormal
from air3d.model.hypotheses import NEAREST, Hypotheses, places_of, shown
from air3d.model.latents.position import BasePoint
from air3d.objectives.counterfactuals import CounterfactualEvaluator
from scenes.objects import Objects

BINS = 12


@pytest.mark.parametrize("identity", ["plate", "saucepan"])
def test_it_is_the_best_of_what_was_painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identity: str) -> None:
    monkeypatch.setattr(comparison, "MOVED", 4)
    run = small_run(tmp_path, "scene=tabletop")
    model, (step, _) = run.model, first_step(run, identity, 3)
    with torch.no_grad():
        found = compared(model, step)
        torch.manual_seed(1)
        tries = Hypotheses(model.posterior, step.proposal, step.closeup, step.believed)
        empty = model.log_likelihood(
            model.renderer.develop(step.place.before, step.place.view), step.place.pictures, SIGMA
        )

        def worth(k: int, yaw: Tensor, position: Tensor) -> Tensor:
            one = Objects(torch.full((3, 1), k), position[:, None], yaw[:, None], torch.ones(3, 1))
            return model.log_likelihood(model.paint(step.place, one).image, step.place.pictures, SIGMA) - empty

        places = torch.empty(3, 4, 3)
        for k, fold in enumerate(run.scene.catalogue.symmetries):
            middle, bins = tries.values["position"][:, k], BINS if fold else 1
            turned = torch.stack([worth(k, tries.middles[:, k, bin], middle) for bin in range(bins)], 1)
            best, bin = turned.max(1)
            yaw = tries.middles[:, k].gather(1, bin[:, None])[:, 0]
            moved = torch.stack([worth(k, yaw, tries.places[:, k, way]) for way in range(9)], 1)
            expected = turned.logsumexp(1) - math.log(bins) + moved.amax(1) - best - tries.cost[:, k]
            torch.testing.assert_close(found.values[:, k], expected, rtol=1e-4, atol=0.02)
            weights = (moved + tries.log_area[:, k]).softmax(1)
            places[:, k] = (weights[..., None] * tries.places[:, k]).sum(1)
        assert torch.equal(found.identity, found.values.argmax(1))
        torch.testing.assert_close(found.place, places[range(3), found.identity], rtol=1e-3, atol=1e-3)


def test_the_bins_of_the_likeliest_where_it_fits_best(tmp_path: Path) -> None:
    """Against whole pictures: each bin by the mean likelihood of two yaws in it; those that look alike painted once."""
    run = small_run(tmp_path, "scene=tabletop")
    model, (step, truth) = run.model, first_step(run, "saucepan", 4)
    step.place.pictures = model.generate(truth, step.place.view)
    names = run.scene.catalogue.names
    fold = model.posterior.symmetries.clone()
    fold[names.index("saucepan")] = 2  # as if it were
    model.posterior.symmetries = fold
    gains = partial(model.gains, step.place)
    with torch.no_grad():
        tries = Hypotheses(model.posterior, step.proposal, step.closeup, step.believed)
        empty = model.log_likelihood(
            model.renderer.develop(step.place.before, step.place.view), step.place.pictures, SIGMA
        )
        for name, shown_bins in (("mug", BINS), ("saucepan", 6), ("plate", 1)):
            identity, place = torch.full((4,), names.index(name)), torch.tensor([0, 1, 5, 8])
            found = tries.each_bin(identity, place, gains, SIGMA)
            position = tries.places[range(4), identity, place][:, None]
            for bin in range(BINS):
                halves = []
                for share in (0.25, 0.75):
                    yaw = torch.full((4, 1), (bin % shown_bins + share) * math.tau / BINS - math.pi)
                    one = Objects(identity[:, None], position, yaw, torch.ones(4, 1))
                    image = model.paint(step.place, one).image
                    halves.append(model.log_likelihood(image, step.place.pictures, SIGMA) - empty)
                expected = torch.stack(halves, 1).logsumexp(1) - math.log(2)
                expected = expected * (shown_bins > 1)
                torch.testing.assert_close(found[:, bin], expected, rtol=1e-4, atol=0.02)


def test_a_saucepan_in_any_yaw_is_a_saucepan(tmp_path: Path) -> None:
    """Where draws of an untrained network say anything else."""
    run = small_run(tmp_path, "scene=tabletop")
    step, truth = first_step(run, "saucepan", 24)
    with torch.no_grad():
        found = compared(run.model, step).values.argmax(-1)
        draws = CounterfactualEvaluator(run.model, run.scene.catalogue.symmetries, SIGMA).per_identity(step).argmax(-1)
    right = [(each == truth.identity[:, 0]).float().mean().item() for each in (found, draws)]
    print("right of each at its best, and of draws:", right)
    assert right[0] > right[1] + 0.2


def test_places_lie_in_the_width_of_q(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    step, _ = first_step(run, "mug", 2)
    with torch.no_grad():
        tries = Hypotheses(run.model.posterior, step.proposal, step.closeup, step.believed)
        pose = run.model.posterior.pose(step.proposal, torch.full((2,), 2), step.closeup, step.believed)
        box = pose["position"].box  # type: ignore[attr-defined]
        places = run.model.prior.to_unit(tries.places[:, 2, 1:5]).clamp(1e-4, 1 - 1e-4).logit()[..., :2]
    off = (places - box.mean[:, None, :2]) / box.std[:, None, :2]
    expected = 3**0.5 * torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    torch.testing.assert_close(off, expected.expand_as(off), rtol=1e-2, atol=1e-2)


def test_each_place_stands_for_its_share_of_the_table(tmp_path: Path) -> None:
    """Those in the width of q integrate q to 1; those farther out integrate 1 to the area of the ring they lie in."""
    prior = small_run(tmp_path, "scene=tabletop").model.prior
    mean, std = torch.tensor([0.3, -0.2, 0.0]).expand(20_000, 3), torch.tensor([0.1, 0.2, 1.0]).expand(20_000, 3)
    places, log_area = places_of(BasePoint(LogitNormal(mean, std), prior))
    unit, area = prior.to_unit(places)[..., :2], log_area.exp()
    q = Normal(mean[:1, None, :2], std[:1, None, :2])
    logit, slope = unit[:1, :5].logit(), mean[0, :2].sigmoid() * (1 - mean[0, :2].sigmoid())
    assert (area[:1, :5] * (q.log_prob(logit).sum(-1).exp() / slope.prod())).sum().item() == pytest.approx(1, rel=1e-3)
    length = (unit[:, 5:] - unit[:, :1]).norm(dim=-1)
    assert length.max() <= REACH * 1.001 and length.min() >= REACH * NEAREST * 0.99
    assert area[:, 5:].sum(1).mean().item() == pytest.approx(math.pi * REACH**2 * (1 - NEAREST**2), rel=0.02)
    moment = (area[:, 5:, None] * (unit[:, 5:] - unit[:, :1]).square()).sum(1).mean(0)
    expected = math.pi / 4 * REACH**4
    torch.testing.assert_close(moment, torch.full_like(moment, expected), rtol=0.05, atol=0)


def test_bins_that_show_all_there_is_to_see() -> None:
    assert shown(torch.tensor([0, 1, 2, 3, 4, 5, 6]), BINS).tolist() == [1, 12, 6, 4, 3, 12, 2]

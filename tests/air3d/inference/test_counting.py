"""Counting by the likelihood of the picture: the best q(n) there is, whatever the network says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.evaluation.scenes import held_out_scenes, render
from air3d.inference.counting import by_likelihood, check_counting, cost, count_posterior, predictor, rho_of
from air3d.inference.greedy import Inference, infer
from air3d.model.elbo import expected_bound, log_count_posterior
from air3d.model.policies import sample_of
from air3d.training.checkpoint import load_run
from air3d.training.run import Run
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.view import View

TABLETOP = Path(__file__).resolve().parents[3] / "pretrained" / "tabletop"


@pytest.fixture(scope="module")
def silent() -> Run:
    """The released network, made to say at every step that nothing more is there."""
    run = load_run(TABLETOP)
    with torch.no_grad():
        run.model.posterior.presence[-1].weight.zero_()
        run.model.posterior.presence[-1].bias.fill_(-50.0)
    return run


def held_out(run: Run, scenes: int, counts: list[int]) -> tuple[Tensor, View, Objects]:
    truth, view = held_out_scenes(run.scene, 3, scenes, counts)
    return render(run.renderer, truth, view), to_torch(view), truth


def counted(run: Run, pictures: Tensor, view: View, steps: int) -> Inference:
    return predictor("likelihood", run.config.trainer.schedule.sigma)(run.model, pictures, view, steps)


@pytest.mark.parametrize("min_count", [0, 2])
def test_rho_gives_the_softmax_of_the_bounds(min_count: int) -> None:
    bounds = (5 * torch.randn(50, 6, dtype=torch.float64)).clamp(-8, 8)  # as far apart as a rho in float64 can tell
    log_q = log_count_posterior(rho_of(count_posterior(bounds, min_count)).logit(), min_count)
    torch.testing.assert_close(log_q[:, min_count:], bounds[:, min_count:].log_softmax(-1))
    assert (log_q[:, :min_count] == -torch.inf).all()


def test_no_other_count_distribution_has_a_higher_bound() -> None:
    bounds = 3 * torch.randn(20, 5, dtype=torch.float64)
    best = expected_bound(count_posterior(bounds, 0), bounds)
    torch.testing.assert_close(best, bounds.logsumexp(-1))
    for _ in range(50):
        assert (expected_bound(torch.randn_like(bounds).log_softmax(-1), bounds) <= best).all()


def test_bounds_far_apart_leave_no_doubt_and_no_nan() -> None:
    bounds = torch.tensor([[0.0, 4000.0, 3000.0, 3000.0], [5000.0, 0.0, 0.0, 4000.0]])
    rho = rho_of(count_posterior(bounds, 0))
    assert rho[0, :2].tolist() == [1, 0] and rho[1, 0] == 0  # one object there, none here
    assert torch.isfinite(rho).all() and (rho >= 0).all() and (rho <= 1).all()


def test_it_counts_where_the_network_says_nothing(silent: Run) -> None:
    pictures, view, truth = held_out(silent, 120, [0, 1, 2, 3])
    assert (infer(silent.model, pictures, view, 4).objects.count == 0).all()
    found = by_likelihood(silent.model, pictures, view, 4, sigma=0.3)
    objects, images = found.objects, found.images
    assert np.mean(np.asarray(objects.count) == np.asarray(truth.count)) > 0.95
    assert len(images) == 5 and found.rho.shape == (120, 4)
    torch.testing.assert_close(silent.renderer.render(objects, view), images[-1], rtol=0, atol=1e-5)
    for row, count in enumerate(np.asarray(objects.count).astype(int).tolist()):
        assert all(torch.equal(image[row], images[count][row]) for image in images[count:])


def test_it_counts_more_than_were_trained(silent: Run) -> None:
    pictures, view, truth = held_out(silent, 60, [5, 6])
    objects = counted(silent, pictures, view, 7).objects
    assert np.mean(np.asarray(objects.count) == np.asarray(truth.count)) > 0.85


def test_an_object_costs_what_it_costs_in_training(silent: Run) -> None:
    """KL_t of a sample whose draws are all in the middle."""
    pictures, view, _ = held_out(silent, 20, [2])
    found = infer(silent.model, pictures, view, 1)
    proposal, pose = found.proposals[0], found.poses[0]
    likeliest = {name: q.choice.logits.argmax(-1) for name, q in pose.items() if q.choice is not None}
    choices = {"identity": proposal.identity.logits.argmax(-1), **likeliest}
    noise = {name: torch.zeros_like(q.noise()) for name, q in pose.items()}
    drawn = sample_of(proposal.identity, pose, choices, noise)
    torch.testing.assert_close(cost(proposal, pose), drawn.kl)
    assert (drawn.kl > 3).all()


def test_who_explains_less_than_it_costs_is_not_there(silent: Run) -> None:
    """At a sigma at which no object is worth its price, and at the one at which it was trained."""
    pictures, view, _ = held_out(silent, 40, [1])
    few, none = (by_likelihood(silent.model, pictures, view, 3, sigma=sigma).objects.count for sigma in (0.3, 30.0))
    assert (few == 1).float().mean() > 0.95 and (none == 0).all()


def test_fewer_steps_than_there_must_be_objects(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.min_objects=2")
    pictures, view, _ = example(run, 3)
    assert (counted(run, pictures, view, 1).objects.count == 1).all()


def test_a_known_number_stays_known(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.min_objects=2", "scene.max_objects=2")
    pictures, view, _ = example(run, 3)
    found = counted(run, pictures, view, 2)
    assert (found.objects.count == 2).all() and (found.rho == 1).all()


def test_another_way_of_counting_is_refused() -> None:
    with pytest.raises(UserError, match="counting=likelyhood is unknown; did you mean likelihood"):
        check_counting("likelyhood")

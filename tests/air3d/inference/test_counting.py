"""Counting by what explains the picture: the best q(n) there is, whatever the network says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import small_run

from air3d.evaluation.scenes import held_out_scenes, render
from air3d.inference.counting import check_counting, cost, count_posterior, explained, looking, rho_of
from air3d.inference.greedy import Said, unroll
from air3d.model.elbo import expected_bound, log_count_posterior
from air3d.training.checkpoint import Run, load_run
from renderers.convert import to_torch
from scenes.errors import UserError

TABLETOP = Path(__file__).resolve().parents[2] / "pretrained" / "tabletop"


@pytest.fixture(scope="module")
def silent() -> Run:
    """The released network, made to say at every step that nothing more is there."""
    run = load_run(TABLETOP)
    with torch.no_grad():
        run.model.posterior.presence[-1].weight.zero_()
        run.model.posterior.presence[-1].bias.fill_(-50.0)
    return run


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
    truth = held_out_scenes(silent.scene, 3, 120, [0, 1, 2, 3])
    pictures = render(silent.renderer, truth)
    assert (unroll(silent.model, pictures, 4)[0].count == 0).all()
    objects, canvases, rho = explained(silent.model, pictures, 4, sigma=0.3)
    assert np.mean(np.asarray(objects.count) == np.asarray(truth.count)) > 0.95
    assert len(canvases) == 5 and rho.shape == (120, 4)
    torch.testing.assert_close(silent.renderer.render(objects), canvases[-1], rtol=0, atol=1e-5)
    for row, count in enumerate(np.asarray(objects.count).astype(int).tolist()):
        assert all(torch.equal(canvas[row], canvases[count][row]) for canvas in canvases[count:])


def test_it_counts_more_than_were_trained(silent: Run) -> None:
    truth = held_out_scenes(silent.scene, 3, 60, [5, 6])
    objects = looking("explained", silent)(silent.model, render(silent.renderer, truth), 7)[0]
    assert np.mean(np.asarray(objects.count) == np.asarray(truth.count)) > 0.85


def test_an_object_costs_what_it_costs_in_training(silent: Run) -> None:
    """KL_t of a trace whose draws are all in the middle."""
    model, pictures = silent.model, render(silent.renderer, held_out_scenes(silent.scene, 3, 20, [2]))
    said: Said = []
    unroll(model, pictures, 1, said)
    proposal, pose = said[0]
    identity = proposal.identity.logits.argmax(-1)
    noise = torch.zeros(20, 3 + model.yaw_bins)
    drawn = model.drawn(proposal, identity, pose, pose.yaw_bin.logits.argmax(-1), noise)
    torch.testing.assert_close(cost(model, proposal, pose), drawn.kl)
    assert (drawn.kl > 3).all()


def test_who_explains_less_than_it_costs_is_not_there(silent: Run) -> None:
    """At a sigma at which no object is worth its price, and at the one at which it was trained."""
    pictures = render(silent.renderer, held_out_scenes(silent.scene, 3, 40, [1]))
    assert (explained(silent.model, pictures, 3, sigma=0.3)[0].count == 1).float().mean() > 0.95
    assert (explained(silent.model, pictures, 3, sigma=30.0)[0].count == 0).all()


def test_fewer_steps_than_there_must_be_objects(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.min_objects=2")
    pictures = run.renderer.render(to_torch(run.scene.batch(0, range(3))))
    assert (looking("explained", run)(run.model, pictures, 1)[0].count == 1).all()


def test_a_known_number_stays_known(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.min_objects=2", "scene.max_objects=2")
    pictures = run.renderer.render(to_torch(run.scene.batch(0, range(3))))
    objects, _, rho = looking("explained", run)(run.model, pictures, 2)
    assert (objects.count == 2).all() and (rho == 1).all()


def test_another_way_of_counting_is_refused() -> None:
    with pytest.raises(UserError, match="counting=explaned is unknown; did you mean explained"):
        check_counting("explaned")

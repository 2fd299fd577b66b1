"""The pull: felt where the expectation is not, at rest where the ELBO is, and right about what it pulls towards."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import enumerable
import pytest
import torch
from jaxtyping import Float
from small_runs import small_config, small_run, small_trainer
from torch import Tensor

from air3d.gradients import ESTIMATORS
from air3d.inference.counting import rho_of
from air3d.model.air import Air, Weights
from air3d.model.distributions import Choice, wake_cross_entropy
from air3d.model.elbo import expected_bound, log_count_posterior, prefix_bounds
from air3d.model.likelihood import log_likelihood
from air3d.model.posterior import Proposal
from air3d.model.samples import Sample, select_rows
from air3d.objectives.counterfactuals import Step, alternatives, turn
from air3d.objectives.wake_phase import pull
from air3d.training.checkpoint import Run
from air3d.training.schedules import ScheduleConfig
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.objects import Objects


def test_it_is_at_rest_where_the_expectation_with_entropy_is_largest() -> None:
    values = torch.tensor([[3.0, 1.0, -200.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    for logits, rests in ((values + 5, True), (values.flip(-1), False)):
        logits = logits.clone().requires_grad_()
        log_q = logits.log_softmax(-1)
        bound = (log_q.exp() * (values - log_q)).sum()
        for value in (bound, wake_cross_entropy(values, log_q).sum()):
            (gradient,) = torch.autograd.grad(value, logits, retain_graph=True)
            assert (gradient[0].abs().max() < 1e-12) == rests
    torch.testing.assert_close(gradient, values.softmax(-1) - logits.softmax(-1))


@pytest.mark.parametrize("min_count", [0, 1])
def test_the_count_is_drawn_to_its_best_from_wherever_it_is(min_count: int) -> None:
    """Against r - q by hand: at rest at softmax F_n, and not silent where q(n) is sure of an empty table."""
    torch.manual_seed(0)
    drawn = enumerable.draw(enumerable.parameters(), 5, 2)
    drawn = replace(drawn, pull=torch.zeros(5, 2, dtype=torch.float64))
    bounds = prefix_bounds(drawn, enumerable.LOG_PRIOR).detach()
    best = bounds.masked_fill(torch.arange(3) < min_count, -torch.inf).softmax(-1)
    free = slice(min_count, None)

    def gradient(logits: Tensor) -> tuple[Tensor, Tensor]:
        logits = logits.clone().requires_grad_()
        value = pull(replace(drawn, presence_logit=logits), enumerable.LOG_PRIOR, min_count).sum()
        bound = expected_bound(log_count_posterior(logits, min_count), bounds).sum()
        return torch.autograd.grad(value, logits)[0][..., free], torch.autograd.grad(bound, logits)[0][..., free]

    for of in gradient(rho_of(best.log()).clamp(max=1 - 1e-12).logit()):
        assert of.abs().max() < 1e-6
    pulled, expected = gradient(torch.full((5, 2, 2), -30.0, dtype=torch.float64))
    assert expected.abs().max() < 1e-6
    right = best[..., 1 + min_count :].sum(-1) / 2  # half of it for each sample
    torch.testing.assert_close(pulled[..., 0], right, atol=1e-6, rtol=0)


def test_an_object_is_pulled_as_much_as_it_counts() -> None:
    trace = replace(enumerable.draw(enumerable.parameters(), 3, 2), pull=torch.tensor([[-3.0, -6.0]]).expand(3, 2))
    nothing = pull(replace(trace, pull=torch.zeros(3, 2)), enumerable.LOG_PRIOR, 0)
    q = log_count_posterior(trace.presence_logit, 0).exp()[:, 0]
    torch.testing.assert_close(pull(trace, enumerable.LOG_PRIOR, 0) - nothing, -3 * q[:, 1] - 9 * q[:, 2])


def test_identities_are_pulled_to_the_one_that_would_explain_the_picture_best(tmp_path: Path) -> None:
    """Against drawing each: the network is made sure of one identity after the other, and then of a wrong one."""
    run = small_run(tmp_path, "scene=single_object", "model.initial_std=0.001")
    model, kinds = run.model, len(run.scene.catalogue.names)
    pictures = model.renderer.render(to_torch(run.scene.batch(0, range(16))))
    head = model.posterior.identity[-1]
    with torch.no_grad():
        head.weight.zero_()
        model.posterior.yaw.last.weight[0] *= 1e6  # and of a yaw
    worth = torch.stack([sure(model, pictures, kind)[0] for kind in range(kinds)], -1)
    right = worth.softmax(-1)
    assert len(right.argmax(-1).unique()) > 1 and (right.amax(-1) > 0.99).all()
    _, pulled, swapped = sure(model, pictures, 0)
    (gradient,) = torch.autograd.grad(pulled, head.bias, retain_graph=True)
    expected = right.sum(0) - torch.tensor([16.0, 0.0, 0.0])
    torch.testing.assert_close(gradient, expected, atol=0.05, rtol=0)
    assert torch.autograd.grad(swapped, head.bias)[0].abs().max() < 1e-6 < expected.abs().max()


def sure(model: Air, pictures: Tensor, kind: int) -> tuple[Float[Tensor, " picture"], Tensor, Tensor]:
    """F_1 of the first samples where every object is a `kind`, the pull and the expectation over identities."""
    head = model.posterior.identity[-1]
    with torch.no_grad():
        head.bias.zero_()[kind] = 40.0
    trace = model.trace(pictures, 2, Weights(sigma=0.1, pull=1.0), sum_identity=True)
    assert trace.pull is not None and trace.swapped is not None
    return (trace.log_likelihood[:, 0, 1] - trace.kl[:, 0, 0]).detach(), trace.pull.sum(), trace.swapped.sum()


def test_yaw_bins_are_pulled_to_the_right_side(tmp_path: Path) -> None:
    """Saucepans whose q(yaw) is sure of the opposite side: the expectation passes nothing, the pull right - q."""
    run = small_run(tmp_path, "scene=tabletop")
    bins, truth = run.model.yaw_bins, run.scene.batch(0, range(4), 1)
    truth.identity[:, 0] = run.scene.catalogue.names.index("saucepan")
    truth.rotation[:, 0] = 0.6
    scene = to_torch(truth)
    right = int((0.6 + math.pi) * bins / (2 * math.pi))
    within = (0.6 + math.pi) * bins / (2 * math.pi) - right
    logits = torch.zeros(4, bins)
    logits[:, (right + bins // 2) % bins] = 30.0
    logits.requires_grad_()
    expected, pulled = turn(run.model, step_of(run, scene, run.renderer.render(scene), logits, within), Weights())
    (of_expected,) = torch.autograd.grad(expected.sum(), logits, retain_graph=True)
    (of_pull,) = torch.autograd.grad(pulled.sum(), logits)
    assert of_expected.abs().max() < 1e-6 and of_pull.sum(1).abs().max() < 1e-5
    torch.testing.assert_close(of_pull[:, right], torch.ones(4), atol=0.01, rtol=0)


def test_the_yaw_is_summed_over_whole_pictures_and_not_for_bodies_of_revolution(tmp_path: Path) -> None:
    """Against pictures of every alternative. What else is in the batch does not matter."""
    run = small_run(tmp_path, "scene=tabletop")
    truth = to_torch(run.scene.batch(0, range(12), 1))
    pictures, bins, rows = run.renderer.render(truth), run.model.yaw_bins, run.model.turns[truth.identity[:, 0]]
    assert 0 < rows.sum() < 12
    logits = torch.randn(12, bins, generator=torch.Generator().manual_seed(0))
    step = step_of(run, truth, pictures, logits, 0.5)
    together = turn(run.model, step, Weights())
    alone = [turn(run.model, select_rows(step, slice(i, i + 1)), Weights()) for i in range(12)]
    each = []
    for turned in range(bins):
        angle = run.model.angle(torch.tensor(turned), torch.tensor(0.5))
        painted = run.renderer.render(replace(truth, rotation=angle.expand_as(truth.rotation)))
        each.append(log_likelihood(painted, pictures, Weights().sigma))
    likelihood = torch.stack(each, 1)
    right = (likelihood.softmax(1), logits.log_softmax(1)), (logits.softmax(1), likelihood - likelihood.mean(1, True))
    for index, (weights, values) in zip((1, 0), right, strict=True):
        torch.testing.assert_close(together[index], torch.cat([values[index] for values in alone]))
        assert ((together[index] != 0) == rows).all()
        torch.testing.assert_close(together[index][rows], (weights * values).sum(1)[rows], atol=0.01, rtol=1e-4)
    # of two samples of a picture, the first is turned, whatever the second is
    twice = select_rows(step, torch.stack([torch.arange(12), torch.arange(12).flip(0)], 1).flatten())
    twice.pictures = pictures.repeat_interleave(2, 0)
    turned = alternatives(run.model, twice, 2, Weights(), sum_yaw=True, sum_identity=False).turned
    torch.testing.assert_close(turned, together[0])


def step_of(run: Run, truth: Objects, pictures: Tensor, logits: Tensor, within: float) -> Step:
    """The first objects of the truth, drawn on empty tables, in whichever yaw bin."""
    nothing = torch.zeros(len(pictures))
    row = nothing[:, None]
    draw = Sample(
        truth.identity[:, 0], truth.position[:, 0], nothing, Choice(logits=logits), nothing.long(),
        torch.full_like(logits.detach(), within), *[nothing] * 3, row, nothing,
    )  # fmt: skip
    proposal = Proposal(nothing, Choice(logits=row.expand(-1, 4)), row, row.expand(-1, 2), row)
    sight = torch.zeros(len(pictures), 6, *pictures.shape[1:3])
    return Step(run.renderer.blank(len(pictures)), pictures, sight, proposal, draw, nothing)


def test_what_has_no_pull_leaves_none_behind(tmp_path: Path) -> None:
    tabletop = small_run(tmp_path, "scene=tabletop")
    pictures = tabletop.renderer.render(to_torch(tabletop.scene.batch(0, range(2))))
    for at, there in ((Weights(), False), (Weights(pull=2.0), True)):
        trace = tabletop.model.trace(pictures, 2, at)
        assert (trace.pull is not None) == there and trace.turned is None and trace.swapped is None


def test_it_is_gone_at_the_end_and_every_estimator_has_it(tmp_path: Path) -> None:
    assert ScheduleConfig(pull=20).final().pull == 0 and ScheduleConfig(pull=20).at(0.5).pull == 10
    with pytest.raises(UserError, match="pull=-1"):
        ScheduleConfig(pull=-1.0)
    for gradient in ESTIMATORS:
        assert small_config(tmp_path, f"gradient={gradient}").trainer.schedule.pull == 80
    assert small_config(tmp_path, "experiment=no_pull").trainer.schedule.pull == 0


@pytest.mark.parametrize("gradient", sorted(ESTIMATORS))
def test_every_estimator_takes_a_step_with_it(tmp_path: Path, gradient: str) -> None:
    trainer = small_trainer(tmp_path, f"gradient={gradient}")
    trainer.train_step()
    assert all(weights.isfinite().all() for weights in trainer.run.model.parameters())

"""What might have been drawn instead, against drawing it: identities, and yaws summed over whole pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.gradients import GradientConfig
from air3d.model.air import Painted, Place, Step
from air3d.model.batches import select_rows
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.latents.rotation import Yaw
from air3d.model.likelihood import log_likelihood
from air3d.model.policies import Sample, sample
from air3d.model.proposal import Pose, Proposal
from air3d.objectives import Elbo, Weights
from air3d.objectives.counterfactuals import CounterfactualEvaluator, Expectations, same_quantile
from air3d.training.run import Run
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.view import View

BINS = 12


def test_another_draw_by_the_same_random_number() -> None:
    torch.manual_seed(0)
    shares = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.6, 0.1, 0.3])
    before, after = (Choice(logits=share.log().expand(100_000, 3)) for share in shares)
    drawn = before.sample()
    assert torch.equal(same_quantile(drawn, before, before), drawn)
    other = same_quantile(drawn, before, after)
    share = other.bincount(minlength=3) / len(other)
    torch.testing.assert_close(share, shares[1], rtol=0, atol=0.006)
    assert (other == drawn).float().mean() > 0.5, "independent draws agree less often"


def test_an_alternative_is_what_the_posterior_would_have_drawn(tmp_path: Path) -> None:
    """The expectation over identities that were not drawn, against what they are worth where they were."""
    torch.manual_seed(0)
    run = small_run(tmp_path, "scene=single_object")
    posterior, yaw = run.model.posterior, run.model.posterior.latents["rotation"].head
    pictures, view, _ = example(run, 1, seed=1)
    elbo = Elbo(run.model, GradientConfig("local_expectation", 3000, sum_yaw=False), run.scene.catalogue.symmetries)
    with torch.no_grad():
        posterior.identity[-1].bias.copy_(torch.tensor([0.5, 0.0, -0.5]))
        # each identity in a place and at an angle of its own
        posterior.correction[0].weight[:, -3:] *= 10
        posterior.correction[-1].weight *= 30
        yaw.known.weight[:, -3:] *= 10
        yaw.between.weight *= 5
        yaw.last.weight[0] *= 100
        terms = elbo.terms(pictures, view, Weights(sigma=0.5), pictures)
    assert terms.identity_expectation is not None
    own = (terms.log_likelihood[..., 1:] - terms.kl).flatten()
    expectation, log_q = terms.identity_expectation.flatten(), terms.log_choice["identity"].flatten()
    drawn = [log_q == value for value in log_q.unique()]
    assert len(drawn) == 3
    worth = torch.stack([own[rows].mean() for rows in drawn])
    error = torch.stack([own[rows].std() / rows.sum().sqrt() for rows in drawn])
    print("worth:", worth - worth.mean(), "errors:", error)
    assert worth.std() > 10 * error.max(), "too noisy to show anything"
    expected = (log_q.unique().exp() * worth).sum() - worth
    found = torch.stack([expectation[rows].mean() for rows in drawn])
    assert ((found - expected).abs() < 4 * error.norm()).all(), (found, expected)


def test_yaw_bins_are_drawn_to_the_right_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saucepans whose q(yaw) is sure of the opposite side: the expectation passes nothing, the wake phase right - q.
    Also where something else was drawn: it is the likeliest identity's yaw that is told."""
    run = small_run(tmp_path, "scene=tabletop")
    truth, view = to_torch(run.scene.batch(0, range(4), 1)), to_torch(run.scene.views(0, range(4)))
    truth.identity[:, 0] = run.scene.catalogue.names.index("saucepan")
    truth.rotation[:, 0] = 0.6
    right = int((0.6 + math.pi) * BINS / (2 * math.pi))
    within = (0.6 + math.pi) * BINS / (2 * math.pi) - right
    logits = torch.zeros(4, BINS)
    logits[:, (right + BINS // 2) % BINS] = 30.0
    logits.requires_grad_()
    pictures = run.renderer.render(truth, view)
    step = step_of(run, truth, pictures, view, logits, within)
    (of_expected,) = torch.autograd.grad(counterfactual(run).yaw_expectation(step).sum(), logits)
    assert of_expected.abs().max() < 1e-6
    step = next(run.model.unroll(pictures, view, 1, sample, 1, pictures, Weights().sigma))
    step.proposal.place = run.model.prior.to_unit(truth.position[:, 0])[:, :2]
    step.proposal.presence_logit = torch.full((4,), 5.0)
    read = run.model.posterior.pose

    def sure_of_the_opposite(proposal: Proposal, identity: Tensor, *others: Any) -> Pose:
        yaw = read(proposal, identity, *others)["rotation"]
        assert isinstance(yaw, Yaw)
        sure = logits.repeat_interleave(len(identity) // 4, 0)
        return {**read(proposal, identity, *others), "rotation": replace(yaw, choice=Choice(logits=sure))}

    monkeypatch.setattr(run.model.posterior, "pose", sure_of_the_opposite)
    (of_wake_phase,) = torch.autograd.grad(counterfactual(run).compared_identities(step)[0].sum(), logits)
    assert of_wake_phase.sum(1).abs().max() < 1e-5
    torch.testing.assert_close(of_wake_phase[:, right], torch.ones(4), atol=0.01, rtol=0)


def test_the_yaw_is_summed_over_whole_pictures_and_not_for_bodies_of_revolution(tmp_path: Path) -> None:
    """Against pictures of every alternative. What else is in the batch does not matter."""
    run = small_run(tmp_path, "scene=tabletop")
    pictures, view, truth = example(run, 12, count=1)
    truth = truth.slot(0)
    rows = torch.tensor(run.scene.catalogue.symmetries)[truth.identity[:, 0]] != 0
    assert 0 < rows.sum() < 12
    logits = torch.randn(12, BINS, generator=torch.Generator().manual_seed(0))
    step, ask = step_of(run, truth, pictures, view, logits, 0.5), counterfactual(run)
    together = ask.yaw_expectation(step)
    alone = [ask.yaw_expectation(select_rows(step, slice(i, i + 1))) for i in range(12)]
    each = []
    for turned in range(BINS):
        angle = torch.tensor((turned + 0.5) * 2 * math.pi / BINS - math.pi)
        painted = run.renderer.render(replace(truth, rotation=angle.expand_as(truth.rotation)), view)
        each.append(log_likelihood(painted, pictures, Weights().sigma))
    likelihood = torch.stack(each, 1)
    expected = (logits.softmax(1) * (likelihood - likelihood.mean(1, True))).sum(1)
    torch.testing.assert_close(together, torch.cat(alone))
    assert ((together != 0) == rows).all()
    torch.testing.assert_close(together[rows], expected[rows], atol=0.01, rtol=1e-4)
    # of two samples of a picture, the first is turned, whatever the second is
    twice = select_rows(step, torch.stack([torch.arange(12), torch.arange(12).flip(0)], 1).flatten())
    twice.place.pictures, twice.samples = pictures.repeat_interleave(2, 0), 2
    turned = ask(twice, Expectations(yaw=True, identity=False, wake_phase=False)).yaw_expectation
    torch.testing.assert_close(turned, together)


def counterfactual(run: Run) -> CounterfactualEvaluator:
    return CounterfactualEvaluator(run.model, run.scene.catalogue.symmetries, Weights().sigma)


def step_of(run: Run, truth: Objects, pictures: Tensor, view: View, logits: Tensor, within: float) -> Step:
    """The first objects of the truth, drawn on empty tables, in whichever yaw bin, at that share of it."""
    batch, nothing = len(pictures), torch.zeros(len(pictures))
    row, offset = nothing[:, None], torch.full((len(pictures), BINS), within).logit()
    yaw = Yaw(Choice(logits=logits), LogitNormal(offset, torch.ones_like(offset)))
    objects = replace(truth.slot(0), rotation=row)
    choices = {"identity": truth.identity[:, 0], "rotation": nothing.long()}
    drawn = Sample(objects, {"rotation": yaw}, choices, {"rotation": torch.zeros_like(offset)}, {}, nothing, nothing)
    proposal = Proposal(nothing, Choice(logits=row.expand(-1, 4)), row, row.expand(-1, 2), row, nothing)
    closeup, before = torch.zeros(batch, 6, *pictures.shape[1:3]), run.renderer.blank(view)
    place, painted = Place(before, pictures, view, told=True), Painted(before, pictures, None)
    return Step(place, closeup, view, proposal, drawn, run.renderer.develop(before, view), painted)

"""The wake-phase term: felt where the expectation is not, at rest where the ELBO is, and right about what is best."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import enumerable
import pytest
import torch
from small_runs import example, small_config, small_run, small_trainer
from torch import Tensor

from air3d.gradients import ESTIMATORS, GradientConfig
from air3d.inference.counting import rho_of
from air3d.model import hypotheses
from air3d.model.comparison import compare_identities
from air3d.model.distributions import wake_cross_entropy
from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, prefix_bounds
from air3d.model.policies import sample
from air3d.objectives import Elbo, Weights
from air3d.objectives.counterfactuals import CounterfactualEvaluator
from air3d.objectives.wake_phase import optimistic_bounds, wake_phase
from air3d.training.schedules import ScheduleConfig
from scenes.errors import UserError


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
    drawn = replace(drawn, wake_phase=torch.zeros(5, 2, dtype=torch.float64))
    bounds = prefix_bounds(drawn, enumerable.LOG_PRIOR).detach()
    best = bounds.masked_fill(torch.arange(3) < min_count, -torch.inf).softmax(-1)
    free = slice(min_count, None)

    def gradient(logits: Tensor) -> tuple[Tensor, Tensor]:
        logits = logits.clone().requires_grad_()
        value = wake_phase(replace(drawn, presence_logit=logits), enumerable.LOG_PRIOR, min_count).sum()
        bound = expected_bound(log_count_posterior(logits, min_count), bounds).sum()
        return torch.autograd.grad(value, logits)[0][..., free], torch.autograd.grad(bound, logits)[0][..., free]

    for of in gradient(rho_of(best.log()).clamp(max=1 - 1e-12).logit()):
        assert of.abs().max() < 1e-6
    drawn_there, expected = gradient(torch.full((5, 2, 2), -30.0, dtype=torch.float64))
    assert expected.abs().max() < 1e-6
    right = best[..., 1 + min_count :].sum(-1) / 2  # half of it for each sample
    torch.testing.assert_close(drawn_there[..., 0], right, atol=1e-6, rtol=0)


def test_an_object_weighs_as_much_as_it_counts_or_as_it_should() -> None:
    terms = replace(
        enumerable.draw(enumerable.parameters(), 3, 2), wake_phase=torch.tensor([[-3.0, -6.0]]).expand(3, 2)
    )
    nothing = wake_phase(replace(terms, wake_phase=torch.zeros(3, 2)), enumerable.LOG_PRIOR, 0)
    q = log_count_posterior(terms.presence_logit, 0).exp()[:, 0]
    best = prefix_bounds(terms, enumerable.LOG_PRIOR)[:, 0].softmax(-1)
    first, second = (torch.maximum(x[:, n:].sum(1), y[:, n:].sum(1)) for n in (1, 2) for x, y in [(q, best)])
    torch.testing.assert_close(wake_phase(terms, enumerable.LOG_PRIOR, 0) - nothing, -3 * first - 6 * second)


def test_what_another_identity_would_explain_is_believed_in() -> None:
    """Objects painted as what they are not, of which nobody would say that they are there."""
    terms = enumerable.draw(enumerable.parameters(), 3, 2)
    spoiled = terms.log_likelihood - torch.arange(terms.log_likelihood.shape[-1]) * 50.0
    terms = replace(terms, log_likelihood=spoiled, wake_phase=torch.zeros(3, terms.kl.shape[-1]))
    worth = prefix_bounds(terms, enumerable.LOG_PRIOR)[:, 0]
    assert (worth.argmax(-1) == 0).all()
    evidence = torch.full((3, terms.kl.shape[-1]), -torch.inf)
    assert torch.equal(optimistic_bounds(replace(terms, evidence=evidence), enumerable.LOG_PRIOR)[:, 0], worth)
    evidence[:, 0] = 20.0
    hoped = optimistic_bounds(replace(terms, evidence=evidence), enumerable.LOG_PRIOR)
    assert (hoped[:, 0].argmax(-1) == 1).all()
    torch.testing.assert_close(hoped[:, 0, 1] - hoped[:, 0, 0], 20.0 + enumerable.LOG_PRIOR.diff()[:1].expand(3))
    assert torch.equal(hoped[:, 1:], prefix_bounds(terms, enumerable.LOG_PRIOR)[:, 1:]), "other samples stay"


def test_identities_are_drawn_to_the_one_that_would_explain_the_picture_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the network is sure of a wrong one, and the bound itself passes nothing."""
    monkeypatch.setattr(hypotheses, "REACH", 0.0)  # no places farther out, which are drawn
    run = small_run(tmp_path, "scene=single_object")
    head = run.model.posterior.identity[-1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()[0] = 40.0
        pictures, view, _ = example(run, 16)
        step = next(run.model.unroll(pictures, view, 1, sample, 1, pictures, 0.1))
        asked = run.model.posterior, step.proposal, step.closeup, step.believed
        right = compare_identities(*asked, partial(run.model.gains, step.place), 0.1).values.softmax(-1)
    assert len(right.argmax(-1).unique()) > 1, "all of one identity would show nothing"
    elbo = Elbo(run.model, GradientConfig("local_expectation", 2, sum_yaw=False), run.scene.catalogue.symmetries)
    terms = elbo.terms(pictures, view, Weights(sigma=0.1, wake_phase=1.0), pictures)
    assert terms.wake_phase is not None and terms.identity_expectation is not None
    (gradient,) = torch.autograd.grad(terms.wake_phase.sum(), head.bias, retain_graph=True)
    expected = right.sum(0) - torch.tensor([16.0, 0.0, 0.0])
    torch.testing.assert_close(gradient, expected, atol=0.05, rtol=0)
    assert torch.autograd.grad(terms.identity_expectation.sum(), head.bias)[0].abs().max() < 1e-6 < expected.abs().max()


def test_a_place_is_drawn_to_where_it_explains_the_picture_best(tmp_path: Path) -> None:
    """Also where the network is sure of another one, 6 cm off, where the bound sees next to nothing of the object."""
    run = small_run(tmp_path, "scene=single_object")
    model, (pictures, view, truth) = run.model, example(run, 32)
    step = next(model.unroll(pictures, view, 1, sample, 1, pictures, 0.1))
    step.proposal.presence_logit = torch.full((32,), 5.0)
    place = model.prior.to_unit(truth.position[:, 0])[:, :2] + 0.06 / 0.8 * torch.tensor([0.8, -0.6])
    step.proposal.place = place.requires_grad_()
    asked = CounterfactualEvaluator(model, run.scene.catalogue.symmetries, 0.1)
    told = torch.zeros_like(place)
    for _ in range(8):
        told += torch.autograd.grad(asked.compared_identities(step)[0].sum(), place, retain_graph=True)[0]
    off = model.prior.to_unit(truth.position[:, 0])[:, :2] - place.detach()
    assert ((told * off).sum(-1) > 0).float().mean() > 0.8


def test_what_is_not_weighed_leaves_nothing_behind(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    elbo = Elbo(run.model, GradientConfig("enumerate_counts", 2, sum_yaw=False), run.scene.catalogue.symmetries)
    for weights, there in ((Weights(), False), (Weights(wake_phase=2.0), True)):
        pictures, view, _ = example(run, 2)
        terms = elbo.terms(pictures, view, weights, pictures)
        assert (terms.wake_phase is not None) == there
        assert terms.yaw_expectation is None and terms.identity_expectation is None


def test_it_is_gone_at_the_end_and_every_estimator_has_it(tmp_path: Path) -> None:
    assert (
        ScheduleConfig(wake_phase=20).at(1.0).wake_phase == 0 and ScheduleConfig(wake_phase=20).at(0.5).wake_phase == 10
    )
    with pytest.raises(UserError, match="wake_phase=-1"):
        ScheduleConfig(wake_phase=-1.0)
    for gradient in ESTIMATORS:
        assert small_config(tmp_path, f"gradient={gradient}").trainer.schedule.wake_phase == 80
    assert small_config(tmp_path, "ablation=no_wake_phase").trainer.schedule.wake_phase == 0


@pytest.mark.parametrize("sigma_end", [None, 0.1, 0.02])
def test_it_weighs_the_same_whatever_the_pixel_noise(sigma_end: float | None) -> None:
    """The loss is in units of sigma^2, and what it compares by does not become finer."""
    schedule, plain = ScheduleConfig(0.3, sigma_end), ScheduleConfig(0.3, None)
    for progress in (0.0, 0.25, 0.5, 0.75, 0.95):
        given, expected = schedule.at(progress), plain.at(progress)
        assert given.coarse == 0.3
        assert given.wake_phase * given.sigma**2 == pytest.approx(expected.wake_phase * expected.sigma**2)
        assert given.wake_phase * given.sigma**2 == pytest.approx(80 * (1 - progress) * 0.3**2)
    wide = [ScheduleConfig(0.6, sigma_end or 0.6).at(progress) for progress in (0.0, 0.4, 0.6, 1.0)]
    assert all(weights.coarse == max(weights.sigma, 0.3) for weights in wide)


def test_alternatives_are_compared_by_a_coarse_noise_and_expectations_are_not(tmp_path: Path) -> None:
    """The cross-entropies feel a coarser noise as if all differences were smaller by the ratio of the squares."""
    run = small_run(tmp_path, "scene=tabletop")
    config = GradientConfig("local_expectation", 2, sum_yaw=True)
    elbo, (pictures, view, _) = Elbo(run.model, config, run.scene.catalogue.symmetries), example(run, 4)

    def terms(**weights: float) -> ElboTerms:
        torch.manual_seed(1)
        return elbo.terms(pictures, view, Weights(wake_phase=1.0, **weights), pictures)

    fine, coarse = terms(sigma=0.05), terms(sigma=0.05, coarse=0.3)
    for name in ("log_likelihood", "identity_expectation", "yaw_expectation"):
        assert torch.equal(getattr(fine, name), getattr(coarse, name)), name
    assert fine.wake_phase is not None and coarse.wake_phase is not None
    assert (fine.wake_phase - coarse.wake_phase).abs().max() > 1e-2
    assert fine.evidence is not None and coarse.evidence is not None
    assert (fine.evidence.abs().max() > 5 * coarse.evidence.abs().max()).all()
    step = next(run.model.unroll(pictures, view, 1, sample, 1, pictures, 0.05))
    evaluators = (CounterfactualEvaluator(run.model, run.scene.catalogue.symmetries, sigma) for sigma in (0.05, 0.3))
    yaws = torch.linspace(-3, 3, 4).expand(4, 4)
    values = [each.per_bin(step.place, step.decision.objects, yaws) for each in evaluators]
    assert values[0].abs().max() > 1
    torch.testing.assert_close(values[1], values[0] * (0.05 / 0.3) ** 2)


@pytest.mark.parametrize("gradient", sorted(ESTIMATORS))
def test_every_estimator_learns_count_identity_and_yaw_from_it(tmp_path: Path, gradient: str) -> None:
    """The loss is a surrogate and this term, by its weight: from weight to weight its gradient changes by as much, and
    the heads of all that is chosen feel it."""
    trainer = small_trainer(tmp_path, "scene=tabletop", f"gradient={gradient}")
    pictures, view, _ = trainer.validation.scenes
    learned = deepcopy(trainer.objective.learned.state_dict())
    posterior = trainer.run.model.posterior
    heads = posterior.presence, posterior.identity, posterior.latents["rotation"]

    def gradients(weight: float) -> list[Tensor]:
        trainer.objective.learned.load_state_dict(learned)  # nvil's baseline follows the rewards that it has seen
        torch.manual_seed(1)
        loss, _ = trainer.objective(pictures, view, Weights(wake_phase=weight), None)
        of_heads = [list(head.parameters()) for head in heads]
        each = iter(torch.autograd.grad(loss, [weights for head in of_heads for weights in head]))
        return [torch.cat([next(each).flatten() for _ in head]) for head in of_heads]

    for little, more, most in zip(*map(gradients, (40.0, 80.0, 120.0)), strict=True):
        change = more - little
        assert change.abs().max() > 1e-3
        torch.testing.assert_close(most - more, change, rtol=1e-3, atol=1e-3 * change.abs().max().item())

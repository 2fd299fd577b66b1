"""The gradient estimators against the exact gradient of a model small enough to enumerate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from enumerable import LOG_PRIOR, draw, estimator, exact_bound, gradients, parameters
from small_runs import example, small_config, small_run
from torch import Tensor

from air3d.gradients import ESTIMATORS, Estimator, GradientConfig, Kind, leave_one_out
from air3d.gradients.enumerate_counts import advantages
from air3d.gradients.nvil import Nvil, context_size
from air3d.gradients.sampled import decide
from air3d.model.elbo import ElboTerms, tilted
from air3d.objectives import Elbo, Weights
from air3d.training.schedules import ScheduleConfig
from scenes.errors import UserError

CASES = [(name, samples) for name, kind in ESTIMATORS.items() for samples in (1, 2, 4) if samples >= kind.least_samples]


def build(name: str) -> Estimator:
    """The estimator for the enumerable model; the baseline of nvil is a bad one, and not learned."""
    built = estimator(name)
    if isinstance(built, Nvil):
        for index, weights in enumerate(built.parameters()):
            torch.nn.init.normal_(weights, std=0.5, generator=torch.Generator().manual_seed(index))
    return built


def standard_errors(
    estimates: dict[str, Tensor], min_count: int = 0, colour: float = 0.0, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """How far the mean of the estimates is from the exact gradient; where there is no noise, it must be exact."""
    theta = parameters("world" in estimates)
    bound = exact_bound(theta, min_count, colour, weights)
    exact = torch.autograd.grad(bound, list(theta.values()), materialize_grads=True)
    far = {}
    for (key, values), truth in zip(estimates.items(), exact, strict=True):
        error = values.std(0) / len(values) ** 0.5
        assert (error < 0.1).all(), f"{key}: too noisy to show anything"
        far[key] = (values.mean(0) - truth).abs() / (error + 1e-9)
    return far


@pytest.mark.parametrize("name, samples", CASES)
@pytest.mark.parametrize("min_count", [0, 1])
def test_the_mean_of_many_draws_is_the_exact_gradient(name: str, samples: int, min_count: int) -> None:
    torch.manual_seed(0)
    for key, far in standard_errors(gradients(build(name), samples, min_count=min_count), min_count).items():
        assert (far < 4.5).all(), f"{key}: {far} standard errors"


@pytest.mark.parametrize("name, samples", CASES)
def test_identities_of_unequal_weights_leave_the_gradient_exact(name: str, samples: int) -> None:
    torch.manual_seed(0)
    weights = torch.tensor([0.85, 0.15], dtype=torch.float64)
    for key, far in standard_errors(gradients(build(name), samples, weights=weights), weights=weights).items():
        assert (far < 4.5).all(), f"{key}: {far} standard errors"


@pytest.mark.parametrize("name", [name for name, kind in ESTIMATORS.items() if kind.sums_yaw])
@pytest.mark.parametrize("samples", [1, 4])
def test_yaw_bins_summed_out_leave_the_gradient_exact(name: str, samples: int) -> None:
    torch.manual_seed(0)
    for key, far in standard_errors(gradients(build(name), samples, sum_yaw=True)).items():
        assert (far < 4.5).all(), f"{key}: {far} standard errors"


@pytest.mark.parametrize("name, samples", [case for case in CASES if case[1] < 4])
def test_a_world_that_all_objects_share_leaves_the_gradient_exact(name: str, samples: int) -> None:
    """It is drawn before them and once for all samples; what is said of them depends on it."""
    torch.manual_seed(1)
    estimates = gradients(build(name), samples, world=True)
    assert estimates["world"].shape == (100, 2)
    for key, far in standard_errors(estimates).items():
        assert (far < 4.5).all(), f"{key}: {far} standard errors"


def test_a_bound_that_forgot_what_the_world_costs_is_found_out() -> None:
    torch.manual_seed(1)
    surrogate = build("enumerate_counts")

    def cheap(terms: ElboTerms, *rest) -> Tensor:
        return surrogate(replace(terms, world_kl=None), *rest)

    assert standard_errors(gradients(cheap, 2, world=True))["world"].max() > 10


@pytest.mark.parametrize("name, kind", ESTIMATORS.items())
def test_colours_that_are_fitted_and_held_leave_the_gradient_exact(name: str, kind: Kind) -> None:
    """Their cost is in the KL of the object that was drawn, and of each that might have been."""
    torch.manual_seed(0)
    estimates = gradients(build(name), 2, sum_yaw=kind.sums_yaw, colour=0.8)
    for key, far in standard_errors(estimates, colour=0.8).items():
        assert (far < 4.5).all(), f"{key}: {far} standard errors"
    apart = standard_errors(estimates)
    assert max(values.max().item() for values in apart.values()) > 10, "without colours it is another one"


def test_a_baseline_that_has_seen_the_choice_is_found_out() -> None:
    """What the test above would say of a baseline that must not be: it can fail."""
    torch.manual_seed(0)
    nvil = build("nvil")

    def peeking(terms, *rest):
        terms.context[..., 2] += terms.log_choice["identity"].detach()
        return nvil(terms, *rest)

    def backwards(terms, *rest):
        made = decide(terms, *rest)
        return made.surrogate(-leave_one_out.others(made.reward, made.taken) + made.reward)

    for wrong in (peeking, backwards):
        far = standard_errors(gradients(wrong, 4))
        assert max(values.max().item() for values in far.values()) > 10


def without_baseline(terms: ElboTerms, *rest) -> Tensor:
    decisions = decide(terms, *rest)
    return decisions.surrogate(torch.zeros_like(decisions.reward))


def test_a_baseline_has_not_seen_the_rewards_of_its_own_step() -> None:
    terms, nvil = draw(parameters(), 3, 2), estimator("nvil")
    assert isinstance(nvil, Nvil)
    torch.nn.init.zeros_(nvil.baseline[-1].bias)
    values = {}
    for name, tried in (("nvil", nvil), ("without", without_baseline)):
        torch.manual_seed(0)
        chosen, loss = terms.log_choice["rotation"], tried(terms, LOG_PRIOR, 0).sum()
        (values[name],) = torch.autograd.grad(loss, chosen, retain_graph=True)
    torch.testing.assert_close(values["nvil"], values["without"])
    assert (nvil.mean != 0).all(), "but the next step will have"


def variance(tried: Estimator, offset: float = 0.0) -> dict[str, float]:
    """Of the estimates from four draws, summed over a parameter's entries; `offset` is added to every bound."""

    def shifted(terms: ElboTerms, log_prior: Tensor, *rest) -> Tensor:
        return tried(terms, log_prior + offset, *rest)

    estimates = gradients(shifted, 4, repeats=200, pictures=50)
    return {key: values.var(0).sum().item() for key, values in estimates.items()}


def trained(nvil: Estimator, offset: float = 0.0) -> Estimator:
    assert isinstance(nvil, Nvil)
    optimiser = torch.optim.Adam(nvil.parameters(), 1e-2)
    for _ in range(300):
        loss = -nvil(draw(parameters(), 50, 4), LOG_PRIOR + offset, 0).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return nvil


def test_a_baseline_takes_away_what_every_choice_earns() -> None:
    """A constant in the bound changes no gradient, but without a baseline it makes them noisy.

    The first identity and yaw bin are left out: what they earn differs so much that a baseline cannot take it away.
    """
    torch.manual_seed(0)
    choices = ("rho1", "rho2", "identity2", "yaw2")
    bare = variance(without_baseline, 20.0)
    for tried in (trained(build("nvil"), 20.0), build("leave_one_out")):
        found = variance(tried, 20.0)
        assert 2 * sum(found[key] for key in choices) < sum(bare[key] for key in choices)


def test_what_is_summed_has_less_variance() -> None:
    torch.manual_seed(0)
    found = {name: variance(build(name)) for name in ("leave_one_out", "enumerate_counts", "local_expectation")}
    for more, less, kind in (
        ("leave_one_out", "enumerate_counts", "rho"),
        ("enumerate_counts", "local_expectation", "identity"),
    ):
        keys = [f"{kind}{step}" for step in (1, 2)]
        assert 2 * sum(found[less][key] for key in keys) < sum(found[more][key] for key in keys)


def test_what_was_fixed_before_a_choice_cannot_reward_it() -> None:
    torch.manual_seed(0)
    bounds, log_q = torch.randn(5, 4, 4), torch.rand(5, 1, 4).expand(5, 4, 4).log()
    gains, later, _ = advantages(bounds, log_q)
    for changed in (100 * torch.randn(5, 1, 1), 100 * torch.randn(5, 4, 1) * (torch.arange(4) >= 1)):
        changed_gains, changed_later, _ = advantages(bounds + changed, log_q)
        torch.testing.assert_close(gains[..., 1:], changed_gains[..., 1:], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(later, changed_later, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(gains[..., 0], changed_gains[..., 0], atol=1.0)


def test_the_others_of_a_sample_are_those_that_decided_too() -> None:
    reward = torch.tensor([3.0, 5.0, 100.0, 7.0])[None, :, None, None].expand(1, 4, 1, 2)
    taken = torch.tensor([True, True, False, True])[None, :, None, None].expand(1, 4, 1, 2)
    assert leave_one_out.others(reward, taken)[0, :, 0, 0].tolist() == [6.0, 5.0, 5.0, 4.0]
    alone = torch.tensor([True, False, False, False])[None, :, None, None].expand(1, 4, 1, 2)
    assert leave_one_out.others(reward, alone)[0, 0, 0, 0] == 0


def test_the_tilted_prior() -> None:
    prior = torch.tensor([0.25, 0.25, 0.5]).log()
    torch.testing.assert_close(tilted(prior, 2.0).exp(), torch.tensor([0.25, 0.5, 2.0]) / 2.75)
    assert torch.equal(tilted(prior, 1.0), prior)
    tilts = [ScheduleConfig().at(share).prior_tilt for share in (0.0, 0.25, 0.5, 1.0)]
    assert [16.0**tilt for tilt in tilts] == [16.0, 4.0, 1.0, 1.0]


@pytest.mark.parametrize("tilt, odds", [(1.0, 16.0), (0.5, 4.0), (0.0, 1.0)])
def test_an_estimator_is_given_the_prior_as_it_is_tilted_now(tmp_path: Path, tilt: float, odds: float) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    elbo = Elbo(run.model, GradientConfig("nvil", 1, False, prior_odds=16.0), run.scene.catalogue.symmetries)
    given, surrogate = [], elbo.surrogate
    elbo.surrogate = lambda terms, log_prior, least: given.append(log_prior) or surrogate(terms, log_prior, least)
    pictures, view, _ = example(run, 2)
    elbo(pictures, view, Weights(prior_tilt=tilt))
    (seen,) = given
    torch.testing.assert_close(seen.diff(), torch.full((3,), odds).log(), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.logsumexp(0).item(), 0.0, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "overrides, answer",
    [
        (("gradient=leave_one_out", "gradient.samples=1"), "gradient.samples must be at least 2 with leave_one_out"),
        (("gradient=nvil", "gradient.samples=0"), "gradient.samples must be at least 1 with nvil"),
        (("gradient=nvil", "gradient.baseline_learning_rate=0"), "baseline_learning_rate must be above 0"),
        (("gradient=nvil", "gradient.prior_odds=0"), "prior_odds=0.0 must be above 0"),
        (("gradient=nvil", "gradient.sum_yaw=true"), "needs gradient.sum_yaw=false"),
    ],
)
def test_senseless_settings_are_answered(tmp_path: Path, overrides: tuple[str, ...], answer: str) -> None:
    with pytest.raises(UserError, match=answer):
        small_config(tmp_path, *overrides)


def test_the_prior_of_nvil_is_tilted_unless_it_is_set(tmp_path: Path) -> None:
    assert small_config(tmp_path, "gradient=nvil").gradient.prior_odds == 10
    assert small_config(tmp_path, "gradient=nvil", "gradient.prior_odds=3").gradient.prior_odds == 3
    assert small_config(tmp_path).gradient.prior_odds == 1


@pytest.mark.slow
def test_all_estimate_the_same_gradient_of_the_real_network(tmp_path: Path) -> None:
    """Two steps, four identities, the renderer: means over many draws of one picture, with respect to last biases."""
    torch.manual_seed(0)
    run = small_run(tmp_path, "scene=tabletop", "scene.max_objects=2")
    model, posterior = run.model, run.model.posterior
    picture, view, _ = example(run, 1, seed=3, count=2)
    pictures, views = picture.expand(32, -1, -1, -1), view.repeat(32)
    heads = [getattr(posterior, name)[-1].bias for name in ("presence", "identity", "correction")]
    heads.append(posterior.latents["rotation"].head.last.bias)
    with torch.no_grad():
        posterior.presence[-1].bias.fill_(0.3)
        posterior.identity[-1].bias.copy_(torch.tensor([1.0, 0.0, -0.5, 0.5]))

    def estimates(name: str) -> tuple[Tensor, Tensor]:
        elbo, rows = Elbo(model, GradientConfig(name, 2, sum_yaw=False), run.scene.catalogue.symmetries), []
        for _ in range(40):
            terms = elbo.terms(pictures, views, Weights(sigma=1.0), pictures)
            loss = elbo.surrogate(terms, model.prior.log_count, 0).mean()
            rows.append(torch.cat(torch.autograd.grad(loss, heads)))
        return torch.stack(rows).mean(0), torch.stack(rows).var(0) / len(rows)

    mean, variance = estimates("enumerate_counts")
    for name in ("nvil", "leave_one_out", "local_expectation"):
        other, others_variance = estimates(name)
        far = (other - mean).abs() / (variance + others_variance + 1e-12).sqrt()
        print(name, far.max().item(), "standard errors; mean/error:", (mean.abs() / variance.sqrt())[1:5], flush=True)
        assert far.max() < 4.5, name


def test_a_baseline_reaches_nothing_of_the_posterior(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    pictures, view, _ = example(run, 2)
    hidden, symmetries = run.model.posterior.config.hidden, run.scene.catalogue.symmetries
    terms = Elbo(run.model, GradientConfig("nvil", 2, False), symmetries).terms(pictures, view, Weights(), pictures)
    assert terms.context is not None and terms.identity_expectation is None
    assert terms.context.shape == (2, 2, 3, context_size(hidden)) and not terms.context.requires_grad
    terms = Elbo(run.model, GradientConfig("local_expectation"), symmetries).terms(pictures, view, Weights(), pictures)
    assert terms.identity_expectation is not None and terms.context is None
    assert terms.identity_expectation.shape == (2, 2, 3) and terms.identity_expectation.requires_grad

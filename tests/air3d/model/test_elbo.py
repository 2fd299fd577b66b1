"""q(n) and the bound: identities that hold for any numbers, and literal values."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, Normal, kl_divergence

from air3d.model.distributions import Choice, LogitNormal
from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, prefix_bounds

logits = st.lists(st.floats(-30, 30), min_size=1, max_size=9)


@settings(deadline=None, max_examples=50)
@given(logits, st.integers(0, 9))
def test_the_count_posterior_sums_to_one_and_respects_the_least_count(values: list[float], least: int) -> None:
    least = min(least, len(values))
    q = log_count_posterior(torch.tensor([values], dtype=torch.float64), least).exp()[0]
    assert torch.isclose(q.sum(), torch.tensor(1.0, dtype=torch.float64))
    assert (q[:least] == 0).all()


def test_the_count_posterior_of_known_probabilities() -> None:
    rho = torch.tensor([0.9, 0.5, 0.2])
    q = log_count_posterior(rho.logit()).exp()
    torch.testing.assert_close(q, torch.tensor([0.1, 0.9 * 0.5, 0.9 * 0.5 * 0.8, 0.9 * 0.5 * 0.2]))


def test_the_bound_is_the_sum_written_out() -> None:
    likelihood, kl, logit = torch.randn(1, 1, 3), torch.rand(1, 1, 2), torch.randn(1, 1, 2)
    log_prior = torch.tensor([0.2, 0.5, 0.3]).log()
    zeros = torch.zeros(1, 1, 2)
    terms = ElboTerms(likelihood, logit, {"identity": zeros, "rotation": zeros}, kl)
    rho1, rho2 = logit[0, 0].sigmoid().tolist()
    k1, k2 = kl[0, 0].tolist()
    expected = 0.0
    for n, (q, spent) in enumerate(zip([1 - rho1, rho1 * (1 - rho2), rho1 * rho2], [0, k1, k1 + k2], strict=True)):
        expected += q * (likelihood[0, 0, n].item() + log_prior[n].item() - math.log(q) - spent)
    bound = expected_bound(log_count_posterior(logit), prefix_bounds(terms, log_prior))
    torch.testing.assert_close(bound.item(), expected, rtol=1e-5, atol=1e-5)


def test_an_impossible_count_adds_nothing_and_has_a_finite_gradient() -> None:
    logit = torch.zeros(1, 1, 2, requires_grad=True)
    bound = expected_bound(log_count_posterior(logit, 1), torch.tensor([[[-1e9, 2.0, 2.0]]]))
    torch.testing.assert_close(bound.item(), 2.0 + math.log(2))
    bound.sum().backward()
    assert logit.grad is not None and torch.isfinite(logit.grad).all()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-20, 20), min_size=2, max_size=6))
def test_the_kl_of_a_choice_is_not_negative_and_agrees_with_torch(values: list[float]) -> None:
    choice, even = Choice(logits=torch.tensor([values])), Categorical(logits=torch.zeros(1, len(values)))
    assert choice.kl().item() >= -1e-5
    torch.testing.assert_close(
        choice.kl(), kl_divergence(Categorical(logits=choice.logits), even), rtol=1e-4, atol=1e-5
    )


def test_the_box_kl_agrees_with_quadrature() -> None:
    mean, std = 0.7, 0.4
    grid = torch.linspace(-8, 8, 20001, dtype=torch.float64)
    log_q = Normal(mean, std).log_prob(grid)
    log_p = -grid - 2 * torch.nn.functional.softplus(-grid)  # the standard logistic: uniform on (0, 1), unsquashed
    exact = torch.trapezoid(log_q.exp() * (log_q - log_p), grid)
    box = LogitNormal(torch.full((200_000, 1), mean), torch.full((200_000, 1), std))
    torch.manual_seed(0)
    draws = box.kl(box.sample(torch.randn(200_000, 1)), torch.ones(1))
    assert abs(draws.mean().item() - exact.item()) < 5 * (draws.std() / math.sqrt(len(draws))).item()


def test_a_known_axis_costs_nothing() -> None:
    box = LogitNormal(torch.randn(4, 3), torch.rand(4, 3) + 0.1)
    assert (box.kl(box.sample(torch.randn(4, 3)), torch.zeros(3)) == 0).all()

"""The gradient estimator against the exact gradient of a model small enough to enumerate.

Two steps, two identities, a pose of one number per step. Everything the posterior decides depends on what it drew
before, as in the real model; the likelihood is quadratic in the poses, so that their expectation is closed form.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from air3d.elbo import Trace, expected_bound, log_count_posterior
from air3d.gradients import ESTIMATORS
from air3d.gradients.enumerate_counts import advantage

STD = 0.3
LOG_PRIOR = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()


def parameters() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    sizes = {"first": (2,), "second": (2, 2), "rho1": (), "rho2": (2,), "mean1": (2,), "mean2": (2, 2)}
    return {
        name: torch.randn(size, generator=generator, dtype=torch.float64).requires_grad_()
        for name, size in sizes.items()
    }


def log_likelihood(first: Tensor, second: Tensor, pose1: Tensor, pose2: Tensor, variance: float) -> Tensor:
    """Of 0, 1 and 2 objects. `variance` is added where a pose stands for its mean: E (u - a)^2 = (m - a)^2 + s^2."""
    wanted1, wanted2 = 2.0 * first - 0.5, first - 1.5 * second
    one = -3.0 * ((pose1 - wanted1) ** 2 + variance) + 1.5 * first
    two = one - 2.0 * ((pose2 - wanted2) ** 2 + variance) + 2.0 * (first == second)
    return torch.stack([torch.full_like(one, -2.0), one, two], -1)


def exact_bound(theta: dict[str, Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for i, j in itertools.product((0, 1), (0, 1)):
        share = theta["first"].softmax(0)[i] * theta["second"][i].softmax(0)[j]
        first, second = torch.tensor(float(i)), torch.tensor(float(j))
        likelihood = log_likelihood(first, second, theta["mean1"][i], theta["mean2"][i, j], STD**2)
        logits = torch.stack([theta["rho1"], theta["rho2"][i]])
        total = total + share * expected_bound(log_count_posterior(logits), likelihood + LOG_PRIOR - kls(theta, first))
    return total


def kls(theta: dict[str, Tensor], first: Tensor) -> Tensor:
    """sum_{t<=n} KL_t of the identities, exact, for n = 0, 1, 2."""
    one = categorical_kl(theta["first"]).expand(first.shape)
    two = categorical_kl(theta["second"])[first.long()]
    return torch.stack([torch.zeros_like(one), one, one + two], -1)


def categorical_kl(logits: Tensor) -> Tensor:
    return (logits.softmax(-1) * (logits.log_softmax(-1) + torch.log(torch.tensor(2.0)))).sum(-1)


def draw(theta: dict[str, Tensor], pictures: int, samples: int) -> Trace:
    """What the unrolled posterior would leave behind, with the same choices and reparameterised poses."""
    shape = (pictures, samples)
    first = torch.distributions.Categorical(logits=theta["first"].detach()).sample(shape)
    second = torch.distributions.Categorical(logits=theta["second"].detach()[first]).sample()
    pose1 = theta["mean1"][first] + STD * torch.randn(shape, dtype=torch.float64)
    pose2 = theta["mean2"][first, second] + STD * torch.randn(shape, dtype=torch.float64)
    log_first = theta["first"].log_softmax(-1)[first]
    log_second = theta["second"].log_softmax(-1)[first, second]
    kl = kls(theta, first.double()).diff(dim=-1)
    return Trace(
        log_likelihood=log_likelihood(first.double(), second.double(), pose1, pose2, 0.0),
        presence_logit=torch.stack([theta["rho1"].expand(shape), theta["rho2"][first]], -1),
        log_choice=torch.stack([log_first, log_second], -1),
        kl=kl,
        heat=torch.zeros_like(kl),
    )


def gradients(name: str, samples: int, repeats: int = 400, pictures: int = 100) -> dict[str, Tensor]:
    """[repeats, ...] estimates, each the mean over `pictures`."""
    theta = parameters()
    rows: dict[str, list[Tensor]] = {key: [] for key in theta}
    for _ in range(repeats):
        loss = ESTIMATORS[name](draw(theta, pictures, samples), LOG_PRIOR, 0).mean()
        for key, value in zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True):
            rows[key].append(value)
    return {key: torch.stack(values) for key, values in rows.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("samples", [1, 4])
def test_the_mean_of_many_draws_is_the_exact_gradient(name: str, samples: int) -> None:
    torch.manual_seed(0)
    theta = parameters()
    exact = dict(zip(theta, torch.autograd.grad(exact_bound(theta), list(theta.values())), strict=True))
    for key, estimates in gradients(name, samples).items():
        error = estimates.std(0) / len(estimates) ** 0.5
        difference = (estimates.mean(0) - exact[key]).abs()
        assert (difference < 4.5 * error + 1e-9).all(), f"{key}: {difference} with standard error {error}"
        assert (error < 0.1).all(), "too noisy to show anything"


def test_what_was_fixed_before_a_choice_cannot_reward_it() -> None:
    torch.manual_seed(0)
    bounds, weights = torch.randn(5, 4, 4), torch.rand(5, 1, 4).expand(5, 4, 4)
    log_q = weights.log()
    plain = advantage(bounds, log_q, weights)
    whole_picture = advantage(bounds + 100 * torch.randn(5, 1, 1), log_q, weights)
    torch.testing.assert_close(plain, whole_picture, rtol=1e-3, atol=1e-3)
    after_first = advantage(bounds + 100 * torch.randn(5, 4, 1) * (torch.arange(4) >= 1), log_q, weights)
    torch.testing.assert_close(plain[..., 1:], after_first[..., 1:], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(plain[..., 0], after_first[..., 0], atol=1.0)

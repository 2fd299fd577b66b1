"""The gradient estimator against the exact gradient of a model small enough to enumerate.

Two steps, two identities, two yaw bins, and in each bin a pose of one number. Everything the posterior decides depends
on what it drew before, as in the real model; the likelihood is quadratic in the poses, so that their expectation is
closed form.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from air3d.elbo import Trace, expected_bound, log_count_posterior, up_to
from air3d.gradients import ESTIMATORS
from air3d.gradients.enumerate_counts import advantages

STD = 0.3
LOG_PRIOR = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()


def parameters() -> dict[str, Tensor]:
    """Logits and means; indices are what was drawn before, in the order identity, bin, identity, bin."""
    generator = torch.Generator().manual_seed(3)
    sizes = {
        "identity1": (2,), "yaw1": (2, 2), "identity2": (2, 2, 2), "yaw2": (2, 2, 2, 2),
        "rho1": (), "rho2": (2, 2), "mean1": (2, 2), "mean2": (2, 2, 2, 2),
    }  # fmt: skip
    return {
        name: torch.randn(size, generator=generator, dtype=torch.float64).requires_grad_()
        for name, size in sizes.items()
    }


def log_likelihood(i: Tensor, a: Tensor, j: Tensor, b: Tensor, pose1: Tensor, pose2: Tensor, variance: float) -> Tensor:
    """Of 0, 1 and 2 objects. `variance` is added where a pose stands for its mean: E (u - a)^2 = (m - a)^2 + s^2."""
    one = -3.0 * ((pose1 - 2.0 * i + 0.5) ** 2 + variance) + 1.5 * i + 2.0 * (i != a)
    two = one - 2.0 * ((pose2 - i + 1.5 * j) ** 2 + variance) + 2.0 * (i == j) - 1.0 * (a == b) + 0.5 * i * b
    return torch.stack([torch.full_like(one, -2.0), one, two], -1)


def exact_bound(theta: dict[str, Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for i, a, j, b in itertools.product((0, 1), repeat=4):
        share = theta["identity1"].softmax(0)[i] * theta["yaw1"][i].softmax(0)[a]
        share = share * theta["identity2"][i, a].softmax(0)[j] * theta["yaw2"][i, a, j].softmax(0)[b]
        drawn = [torch.tensor(x) for x in (i, a, j, b)]
        likelihood = log_likelihood(*drawn, theta["mean1"][i, a], theta["mean2"][i, a, j, b], STD**2)
        logits = torch.stack([theta["rho1"], theta["rho2"][i, a]])
        total = total + share * expected_bound(
            log_count_posterior(logits), likelihood + LOG_PRIOR - up_to(kls(theta, *drawn[:3]))
        )
    return total


def kls(theta: dict[str, Tensor], i: Tensor, a: Tensor, j: Tensor) -> Tensor:
    """KL_1 and KL_2, exact: of the choices, and of the poses (from a standard Gaussian) summed over the bins."""
    one = categorical_kl(theta["identity1"]) + categorical_kl(theta["yaw1"])[i]
    two = categorical_kl(theta["identity2"])[i, a] + categorical_kl(theta["yaw2"])[i, a, j]
    one = one + (theta["yaw1"].softmax(-1) * theta["mean1"].square() / 2).sum(-1)[i]
    two = two + (theta["yaw2"].softmax(-1) * theta["mean2"].square() / 2).sum(-1)[i, a, j]
    return torch.stack([one, two], -1)


def categorical_kl(logits: Tensor) -> Tensor:
    return (logits.softmax(-1) * (logits.log_softmax(-1) + torch.log(torch.tensor(2.0)))).sum(-1)


def draw(theta: dict[str, Tensor], pictures: int, samples: int, sum_yaw: bool) -> Trace:
    """What the unrolled posterior would leave behind, with the same choices and reparameterised poses."""
    shape = (pictures, samples)

    def choose(logits: Tensor) -> tuple[Tensor, Tensor]:
        choice = torch.distributions.Categorical(logits=logits.detach()).sample()
        return choice, logits.log_softmax(-1).gather(-1, choice[..., None]).squeeze(-1)

    i, log_i = choose(theta["identity1"].expand(*shape, 2))
    a, log_a = choose(theta["yaw1"][i])
    j, log_j = choose(theta["identity2"][i, a])
    b, log_b = choose(theta["yaw2"][i, a, j])
    pose1 = theta["mean1"][i] + STD * torch.randn(*shape, 2, dtype=torch.float64)
    pose2 = theta["mean2"][i, a, j] + STD * torch.randn(*shape, 2, dtype=torch.float64)

    def likelihood(a: Tensor, b: Tensor) -> Tensor:
        poses = (pose.gather(-1, bin[..., None]).squeeze(-1) for pose, bin in ((pose1, a), (pose2, b)))
        return log_likelihood(i, a, j, b, *poses, 0.0)

    bins = torch.zeros_like(i), torch.ones_like(i)
    turn1 = torch.stack([likelihood(bin, b)[..., 1] for bin in bins], -1).detach()
    turn2 = torch.stack([likelihood(a, bin)[..., 2] for bin in bins], -1).detach()
    turned = [(theta["yaw1"][i].softmax(-1) * turn1).sum(-1), (theta["yaw2"][i, a, j].softmax(-1) * turn2).sum(-1)]
    kl = kls(theta, i, a, j)
    return Trace(
        log_likelihood=likelihood(a, b),
        presence_logit=torch.stack([theta["rho1"].expand(shape), theta["rho2"][i, a]], -1),
        log_identity=torch.stack([log_i, log_j], -1),
        log_yaw=torch.stack([log_a, log_b], -1),
        turned=torch.stack(turned, -1)[:, 0] if sum_yaw else None,
        kl=kl,
        heat=torch.zeros_like(kl),
    )


def gradients(name: str, samples: int, sum_yaw: bool, repeats: int = 400, pictures: int = 100) -> dict[str, Tensor]:
    """[repeats, ...] estimates, each the mean over `pictures`."""
    theta = parameters()
    rows: dict[str, list[Tensor]] = {key: [] for key in theta}
    for _ in range(repeats):
        loss = ESTIMATORS[name](draw(theta, pictures, samples, sum_yaw), LOG_PRIOR, 0).mean()
        for key, value in zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True):
            rows[key].append(value)
    return {key: torch.stack(values) for key, values in rows.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("sum_yaw", [False, True])
def test_the_mean_of_many_draws_is_the_exact_gradient(name: str, samples: int, sum_yaw: bool) -> None:
    torch.manual_seed(0)
    theta = parameters()
    exact = dict(zip(theta, torch.autograd.grad(exact_bound(theta), list(theta.values())), strict=True))
    for key, estimates in gradients(name, samples, sum_yaw).items():
        error = estimates.std(0) / len(estimates) ** 0.5
        difference = (estimates.mean(0) - exact[key]).abs()
        assert (difference < 4.5 * error + 1e-9).all(), f"{key}: {difference} with standard error {error}"
        assert (error < 0.1).all(), "too noisy to show anything"


def test_what_was_fixed_before_a_choice_cannot_reward_it() -> None:
    torch.manual_seed(0)
    bounds, weights = torch.randn(5, 4, 4), torch.rand(5, 1, 4).expand(5, 4, 4)
    log_q = weights.log()
    identity, yaw, _ = advantages(bounds, log_q, weights)
    for changed in (100 * torch.randn(5, 1, 1), 100 * torch.randn(5, 4, 1) * (torch.arange(4) >= 1)):
        later_identity, later_yaw, _ = advantages(bounds + changed, log_q, weights)
        torch.testing.assert_close(identity[..., 1:], later_identity[..., 1:], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(yaw, later_yaw, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(identity[..., 0], later_identity[..., 0], atol=1.0)

"""A model small enough to enumerate: two steps, two identities, two yaw bins, and in each bin a pose of one number.

Everything the posterior decides depends on what it drew before, as in the real model; the likelihood is quadratic in
the poses, so that their expectation is closed form.

With a `colour`, each object has a Gaussian factor besides, of that standard deviation: it is fitted in closed form and
held, and its cost joins the KL, as in air3d/model/colour.py.

With a `world`, the picture has one more number, inferred before all objects and shared by all samples. What is said of
the first object depends on it, and what is seen with and without objects. Its expectation is a quadrature.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from air3d.gradients import ESTIMATORS, Estimator
from air3d.gradients.nvil import Nvil
from air3d.model.distributions import Choice
from air3d.model.elbo import ElboTerms, expected_bound, log_count_posterior, up_to

STD = 0.3
LOG_PRIOR = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).log()
SHIFT = 0.4
"""How far a world of 1 shifts the first object's pose."""

CONTEXT = 4
"""Length of what a baseline may know of a step."""


def parameters(world: bool = False) -> dict[str, Tensor]:
    """Logits and means; indices are what was drawn before, in the order identity, bin, identity, bin. `world`: mean
    and logarithm of the standard deviation."""
    generator = torch.Generator().manual_seed(3)
    sizes = {
        "identity1": (2,), "yaw1": (2, 2), "identity2": (2, 2, 2), "yaw2": (2, 2, 2, 2),
        "rho1": (), "rho2": (2, 2), "mean1": (2, 2), "mean2": (2, 2, 2, 2),
    }  # fmt: skip
    if world:
        sizes["world"] = (2,)
    return {
        name: torch.randn(size, generator=generator, dtype=torch.float64).requires_grad_()
        for name, size in sizes.items()
    }


def told(theta: dict[str, Tensor], world: Tensor) -> dict[str, Tensor]:
    """What the posterior says of objects once it has drawn the world, a number or [picture, 1]."""
    towards = torch.tensor([0.8, -0.4], dtype=torch.float64)
    shifted = {"identity1": theta["identity1"] + world[..., None] * towards, "rho1": theta["rho1"] - 0.7 * world}
    return {**theta, **shifted}


def seen_of_world(world: Tensor) -> Tensor:
    """What it adds to the log likelihood of 0, 1 and 2 objects."""
    return torch.stack([1.2 * world - world**2, 0.5 * world, -0.3 * world**2 + world], -1)


def world_kl(theta: dict[str, Tensor]) -> Tensor:
    mean, log_std = theta["world"]
    return (mean**2 + (2 * log_std).exp() - 1) / 2 - log_std


Fit = Callable[[Tensor, Tensor, float], Tensor]
"""(what is left of a pixel, the object's share of it, weight of its square) to the square that counts."""


def log_likelihood(i: Tensor, a: Tensor, j: Tensor, b: Tensor, pose1: Tensor, pose2: Tensor, fit: Fit) -> Tensor:
    """Of 0, 1 and 2 objects."""
    one = -3.0 * fit(pose1 - 2.0 * i + 0.5, 0.5 + 0.4 * i + 0.3 * a, 3.0) + 1.5 * i + 2.0 * (i != a)
    more = -2.0 * fit(pose2 - i + 1.5 * j, 0.8 - 0.3 * j + 0.4 * b, 2.0)
    two = one + more + 2.0 * (i == j) - 1.0 * (a == b) + 0.5 * i * b
    return torch.stack([torch.full_like(one, -2.0), one, two], -1)


def expected(colour: float) -> Fit:
    """For poses that stand for their mean, E (u - a)^2 = (m - a)^2 + s^2; with a colour of that standard deviation
    integrated out, log N(left; 0, s^2 + (colour share)^2) less log N(0; 0, s^2), s^2 = 1 / (2 weight)."""

    def fit(left: Tensor, share: Tensor, weight: float) -> Tensor:
        wider = 1 + 2 * weight * (colour * share) ** 2
        return (left**2 + STD**2) / wider + wider.log() / (2 * weight)

    return fit


class Fitted:
    """For poses that were drawn: the colour is fitted without gradient, and what it costs is kept for the KL."""

    def __init__(self, colour: float) -> None:
        self.colour, self.costs = colour, []

    def __call__(self, left: Tensor, share: Tensor, weight: float) -> Tensor:
        if not self.colour:
            self.costs.append(torch.zeros_like(left))
            return left**2
        with torch.no_grad():
            precision = self.colour**-2 + 2 * weight * share**2
            excess = -2 * weight * share * left / precision
            self.costs.append((excess / self.colour) ** 2 / 2 + (self.colour**2 * precision).log() / 2)
        return (left + share * excess) ** 2


def exact_bound(
    theta: dict[str, Tensor], min_count: int = 0, colour: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    if "world" not in theta:
        return bound_in_world(theta, torch.zeros((), dtype=torch.float64), min_count, colour, weights)
    places, shares = (torch.from_numpy(array) for array in np.polynomial.hermite_e.hermegauss(40))
    mean, log_std = theta["world"]
    bounds = [bound_in_world(told(theta, w), w, min_count, colour, weights) for w in mean + log_std.exp() * places]
    return (shares / shares.sum() * torch.stack(bounds)).sum() - world_kl(theta)


def bound_in_world(
    theta: dict[str, Tensor], world: Tensor, min_count: int, colour: float, weights: Tensor | None
) -> Tensor:
    total, bare = torch.zeros((), dtype=torch.float64), seen_of_world(world)
    for i, a, j, b in itertools.product((0, 1), repeat=4):
        share = theta["identity1"].softmax(0)[i] * theta["yaw1"][i].softmax(0)[a]
        share = share * theta["identity2"][i, a].softmax(0)[j] * theta["yaw2"][i, a, j].softmax(0)[b]
        drawn = [torch.tensor(x) for x in (i, a, j, b)]
        pose1, fit = theta["mean1"][i, a] + SHIFT * world, expected(colour)
        likelihood = bare + log_likelihood(*drawn, pose1, theta["mean2"][i, a, j, b], fit)
        log_q = log_count_posterior(torch.stack([theta["rho1"], theta["rho2"][i, a]]), min_count)
        costs = kls(theta, *drawn[:3], partial(divergence, weights=weights))
        total = total + share * expected_bound(log_q, likelihood + LOG_PRIOR - up_to(costs))
    return total


def kls(theta: dict[str, Tensor], i: Tensor, a: Tensor, j: Tensor, of_identity: Callable[[Tensor], Tensor]) -> Tensor:
    """KL_1 and KL_2, exact: of the choices, and of the poses (from a standard Gaussian) summed over the bins."""
    one = of_identity(theta["identity1"]) + divergence(theta["yaw1"])[i]
    two = of_identity(theta["identity2"])[i, a] + divergence(theta["yaw2"])[i, a, j]
    one = one + (theta["yaw1"].softmax(-1) * theta["mean1"].square() / 2).sum(-1)[i]
    two = two + (theta["yaw2"].softmax(-1) * theta["mean2"].square() / 2).sum(-1)[i, a, j]
    return torch.stack([one, two], -1)


def divergence(logits: Tensor, weights: Tensor | None = None) -> Tensor:
    """Of a choice between two from one of these weights, or from an even one."""
    log_prior = -torch.log(torch.tensor(2.0)) if weights is None else weights.log()
    return (logits.softmax(-1) * (logits.log_softmax(-1) - log_prior)).sum(-1)


def choose(logits: Tensor) -> tuple[Tensor, Tensor]:
    choice = torch.distributions.Categorical(logits=logits.detach()).sample()
    return choice, logits.log_softmax(-1).gather(-1, choice[..., None]).squeeze(-1)


def draw(
    theta: dict[str, Tensor], pictures: int, samples: int, sum_yaw: bool = False, colour: float = 0.0,
    weights: Tensor | None = None,
) -> ElboTerms:  # fmt: skip
    """What the unrolled posterior would leave behind, with the same choices and reparameterised poses. What identities
    cost is said by the model's own `Choice`."""

    def costs_of(i: Tensor, a: Tensor, j: Tensor) -> Tensor:
        return kls(theta, i, a, j, lambda logits: Choice(logits, None if weights is None else weights.log()).kl())

    shape, world = (pictures, samples), torch.zeros(pictures, 1, dtype=torch.float64)
    of_world = None
    if "world" in theta:
        world = theta["world"][0] + theta["world"][1].exp() * torch.randn_like(world)
        theta, of_world = told(theta, world), world_kl(theta).expand(pictures)
    i, log_i = choose(theta["identity1"].expand(*shape, 2))
    a, log_a = choose(theta["yaw1"][i])
    j, log_j = choose(theta["identity2"][i, a])
    b, log_b = choose(theta["yaw2"][i, a, j])
    noise = torch.randn(2, *shape, 2, dtype=torch.float64)

    def likelihood(i: Tensor, a: Tensor, j: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """And what the colours of both objects cost."""
        poses = theta["mean1"][i] + STD * noise[0], theta["mean2"][i, a, j] + STD * noise[1]
        pose1, pose2 = (pose.gather(-1, bin[..., None]).squeeze(-1) for pose, bin in zip(poses, (a, b), strict=True))
        fit = Fitted(colour)
        explained = seen_of_world(world) + log_likelihood(i, a, j, b, pose1 + SHIFT * world, pose2, fit)
        return explained, torch.stack(fit.costs, -1)

    def worth(i: Tensor, a: Tensor, j: Tensor, b: Tensor) -> Tensor:
        """The likelihood of 1 and 2 objects, less what the colour of the last one costs."""
        value, cost = likelihood(i, a, j, b)
        return value[..., 1:] - cost

    def yaw_expectation() -> Tensor:
        bins = torch.zeros_like(i), torch.ones_like(i)
        turn1 = torch.stack([worth(i, bin, j, b)[..., 0] for bin in bins], -1).detach()
        turn2 = torch.stack([worth(i, a, j, bin)[..., 1] for bin in bins], -1).detach()
        turns = [(theta["yaw1"][i].softmax(-1) * turn1).sum(-1), (theta["yaw2"][i, a, j].softmax(-1) * turn2).sum(-1)]
        return torch.stack(turns, -1)[:, 0]

    def identity_expectation() -> Tensor:
        """The other identity with a yaw bin of its own, and the same random number for its pose."""
        bin1, bin2 = choose(theta["yaw1"][1 - i])[0], choose(theta["yaw2"][i, a, 1 - j])[0]
        one = worth(1 - i, bin1, j, b)[..., 0] - costs_of(1 - i, a, j)[..., 0]
        two = worth(i, a, 1 - j, bin2)[..., 1] - costs_of(i, a, 1 - j)[..., 1]
        own = worth(i, a, j, b) - costs_of(i, a, j)
        gains = (torch.stack([one, two], -1) - own).detach()
        return torch.stack([1 - log_i.exp(), 1 - log_j.exp()], -1) * gains

    first = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64).expand(*shape, CONTEXT)
    second = torch.stack([torch.zeros_like(i), torch.ones_like(i), i, a], -1).double()
    explained, costs = likelihood(i, a, j, b)
    return ElboTerms(
        log_likelihood=explained,
        presence_logit=torch.stack([theta["rho1"].expand(shape), theta["rho2"][i, a]], -1),
        log_choice={"identity": torch.stack([log_i, log_j], -1), "rotation": torch.stack([log_a, log_b], -1)},
        yaw_expectation=yaw_expectation() if sum_yaw else None,
        identity_expectation=identity_expectation(),
        context=torch.stack([first, second], -2),
        kl=costs_of(i, a, j) + costs,
        world_kl=of_world,
    )


def estimator(name: str) -> Estimator:
    """The estimator of that name; the baseline of nvil for what a step says here."""
    return Nvil(CONTEXT).double() if name == "nvil" else ESTIMATORS[name].build(0)


def gradients(
    estimator: Estimator, samples: int, repeats: int = 100, pictures: int = 400, min_count: int = 0,
    sum_yaw: bool = False, world: bool = False, colour: float = 0.0, weights: Tensor | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """Estimates [repeats, ...] of the gradient of each parameter, each the mean over `pictures` independent ones."""
    theta = parameters(world)
    rows: dict[str, list[Tensor]] = {key: [] for key in theta}
    for _ in range(repeats):
        terms = draw(theta, pictures, samples, sum_yaw, colour, weights)
        loss = estimator(terms, LOG_PRIOR, min_count).mean()
        for key, value in zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True):
            rows[key].append(value)
    return {key: torch.stack(values) for key, values in rows.items()}

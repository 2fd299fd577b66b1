"""The colour of an object in closed form: against matrices, against the evidence of a few pixels, and as painted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from small_runs import example, small_run
from torch import Tensor
from torch.distributions import MultivariateNormal

from air3d.model.air import Air, Place
from air3d.model.colour import EXPOSURE, RANGE, TINT, WHITE_BALANCE, ColourPrior
from air3d.model.likelihood import log_likelihood
from scenes.objects import Objects
from scenes.view_states import ViewStates

PRIORS = [ColourPrior(0.2, 0.1), ColourPrior(0.0, 0.06), ColourPrior(0.3, 0.01)]
SIGMA = 0.1


def toy(pixels: int, prior: ColourPrior, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A picture of one row, its painting, and what of it is the object: `x = image + front (f - 1) + noise`."""
    random = torch.Generator().manual_seed(seed)
    image, front = torch.rand(2, 1, 1, pixels, 3, generator=random, dtype=torch.float64)
    front[:, :, pixels // 2 :] *= 0.1
    excess = prior.common * torch.randn(1, generator=random, dtype=torch.float64)
    excess = excess + prior.channel * torch.randn(3, generator=random, dtype=torch.float64)
    noise = SIGMA * torch.randn(image.shape, generator=random, dtype=torch.float64)
    return image + front * excess + noise, image, front


def fitted(prior: ColourPrior, picture: Tensor, image: Tensor, front: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    sums = front.square().sum((1, 2)), (front * (picture - image)).sum((1, 2))
    return prior.posterior(*sums, sigma)


def covariance(prior: ColourPrior) -> Float[Tensor, "3 3"]:
    return prior.common**2 + prior.channel**2 * torch.eye(3, dtype=torch.float64)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("sigma", [0.01, 0.1, 3.0])
def test_its_mean_and_cost_are_those_of_the_matrices(prior: ColourPrior, sigma: float) -> None:
    """Of Gaussians that are written out, and KL(q || p) as torch has it; the cost is that and what q blurs."""
    picture, image, front = toy(12, prior)
    excess, cost = fitted(prior, picture, image, front, sigma)
    within, seen = covariance(prior), front.square().sum((1, 2))[0] / sigma**2
    precision = torch.linalg.inv(within) + torch.diag(seen)
    mean = torch.linalg.solve(precision, (front * (picture - image)).sum((1, 2))[0] / sigma**2)
    assert mean.min() > RANGE[0] - 1 and mean.max() < RANGE[1] - 1
    torch.testing.assert_close(excess[0], mean, rtol=1e-9, atol=1e-12)
    q = MultivariateNormal(mean, precision_matrix=precision)
    kl = torch.distributions.kl_divergence(q, MultivariateNormal(torch.zeros(3).double(), within))
    blurred = (seen * q.covariance_matrix.diagonal()).sum() / 2  # E_q of the squared error beyond that of the mean
    torch.testing.assert_close(cost[0], kl + blurred, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("pixels", [2, 12])
def test_the_likelihood_less_the_cost_is_the_evidence(prior: ColourPrior, pixels: int) -> None:
    """q is exact, so the bound is: log Normal(x; image, sigma^2 I + front C front') with the whole covariance."""
    picture, image, front = toy(pixels, prior, seed=1)
    excess, cost = fitted(prior, picture, image, front, SIGMA)
    bound = log_likelihood(image + front * excess, picture, SIGMA) - cost
    rows = torch.diag_embed(front.flatten(0, 2)).flatten(0, 1)  # a row for each number of the picture
    whole = SIGMA**2 * torch.eye(len(rows)).double() + rows @ covariance(prior) @ rows.T
    evidence = MultivariateNormal(image.flatten(), whole).log_prob(picture.flatten())
    torch.testing.assert_close(bound[0], evidence, rtol=1e-9, atol=1e-8)
    assert cost > 0 and (excess.abs() > 1e-4).all()


def test_the_evidence_by_sampling() -> None:
    """The mean of p(x | f) over many draws from the prior."""
    prior = ColourPrior(0.1, 0.1)
    picture, image, front = toy(2, prior, seed=2)
    excess, cost = fitted(prior, picture, image, front, SIGMA)
    bound = log_likelihood(image + front * excess, picture, SIGMA) - cost
    drawn = MultivariateNormal(torch.zeros(3).double(), covariance(prior)).sample((200_000, 1, 1))
    each = log_likelihood(image + front * drawn, picture.expand(len(drawn), -1, -1, -1), SIGMA)
    torch.testing.assert_close(bound[0], each.logsumexp(0) - torch.tensor(len(drawn)).log(), rtol=0, atol=0.02)


def test_a_colour_out_of_range_costs_more_than_it_explains() -> None:
    """An object that would have to be black stands at the least factor, and the bound is lower than the evidence."""
    prior = ColourPrior(0.5, 0.5)
    picture, image, front = toy(12, prior)
    picture = image - 0.95 * front
    excess, cost = fitted(prior, picture, image, front, SIGMA)
    torch.testing.assert_close(excess, torch.full_like(excess, RANGE[0] - 1))
    rows = torch.diag_embed(front.flatten(0, 2)).flatten(0, 1)
    whole = SIGMA**2 * torch.eye(len(rows)).double() + rows @ covariance(prior) @ rows.T
    evidence = MultivariateNormal(image.flatten(), whole).log_prob(picture.flatten())
    assert log_likelihood(image + front * excess, picture, SIGMA) - cost < evidence - 1


def test_what_is_not_seen_has_the_colour_of_its_mesh_and_costs_nothing() -> None:
    for prior in PRIORS:
        excess, cost = prior.posterior(torch.zeros(2, 3), torch.zeros(2, 3), 0.05)
        assert not excess.any() and cost.abs().max() < 1e-3


def test_each_object_is_coloured_as_if_it_were_alone() -> None:
    square, product = 50 * torch.rand(5, 3), 5 * torch.randn(5, 3)
    excess, cost = PRIORS[0].posterior(square, product, 0.1)
    for row in range(5):
        alone = PRIORS[0].posterior(square[row : row + 1], product[row : row + 1], 0.1)
        assert torch.equal(alone[0][0], excess[row]) and torch.equal(alone[1][0], cost[row])


def test_what_is_open_about_colours() -> None:
    """The tint is open to one who is told the light, and nothing where all is known."""

    def of(gain: str, tint: str, told: bool) -> ColourPrior | None:
        return ColourPrior.of(ViewStates(gain=gain, tint=tint), told)

    assert of("known", "varied", False) is of("known", "varied", True) is of("inferred", "varied", True) is None
    assert of("varied", "varied", False) is None, "the configured light stands for all"
    assert of("inferred", "varied", False) == ColourPrior(EXPOSURE, WHITE_BALANCE)
    assert of("known", "inferred", False) == of("inferred", "inferred", True) == ColourPrior(0.0, TINT)
    both = of("inferred", "inferred", False)
    assert both is not None and both.common == EXPOSURE
    assert both.channel**2 == pytest.approx(WHITE_BALANCE**2 + TINT**2)


def worlds(folder: Path, *states: str) -> tuple[Air, Tensor, Objects]:
    """A model with these states, a blank table of the configured world for each kind of object, and one on each."""
    run = small_run(folder, "scene=tabletop", "scene.image_size=48", *(f"scene.view.{state}" for state in states))
    kinds = len(run.scene.catalogue)
    _, view, truth = example(run, kinds, seed=5, count=1)
    return run.model, view, replace(truth.slot(0), identity=torch.arange(kinds)[:, None])


FACTOR = torch.tensor([[0.8, 0.85, 0.75], [1.25, 1.2, 1.1], [0.9, 1.0, 1.1], [1.05, 0.9, 0.95]])


@pytest.mark.parametrize("noise, near", [(0.0, 0.002), (0.02, 0.06)])
def test_the_factor_of_an_unknown_light_is_found(tmp_path: Path, noise: float, near: float) -> None:
    """Every kind of object under a light of another colour: as if it were painted with that gain, to two parts in a
    thousand; in a noisy picture as well as the channel that shows least of it says."""
    model, view, truth = worlds(tmp_path, "gain=inferred")
    lit = model.generate(truth, replace(view, gain=FACTOR))
    picture = lit + noise * torch.randn_like(lit)
    place = Place(model.renderer.blank(view), picture, view, told=False)
    painted = model.paint(place, truth, sigma=max(noise, 1e-3))
    factor = of_canvas(painted.canvas) / of_canvas(model.renderer.paint(place.before, truth, view))
    torch.testing.assert_close(factor, FACTOR, rtol=near, atol=0)
    torch.testing.assert_close(painted.image, lit, rtol=0, atol=near / 4)
    assert painted.colour_cost is not None and (painted.colour_cost > 1).all()


def of_canvas(canvas: Tensor) -> Float[Tensor, "batch 3"]:
    """All that there is of each colour."""
    return canvas[..., 2:5].sum((1, 2))


def test_who_is_told_the_light_finds_the_tint_alone(tmp_path: Path) -> None:
    model, view, truth = worlds(tmp_path, "gain=inferred", "tint=inferred")
    lit = replace(view, gain=FACTOR)
    tint = 1 + 0.2 * (torch.rand(4, 1, 3) - 0.5)
    picture, blank = model.generate(replace(truth, tint=tint), lit), model.renderer.blank(view)
    told = model.paint(Place(blank, picture, lit, told=True), truth, sigma=1e-3)
    factor = of_canvas(told.canvas) / of_canvas(model.renderer.paint(blank, truth, lit))
    torch.testing.assert_close(factor, tint[:, 0], rtol=0.005, atol=0)
    untold = model.paint(Place(blank, picture, view, told=False), truth, sigma=1e-3)
    factor = of_canvas(untold.canvas) / of_canvas(model.renderer.paint(blank, truth, view))
    torch.testing.assert_close(factor, tint[:, 0] * FACTOR, rtol=0.005, atol=0)


def test_two_objects_each_have_a_colour_of_their_own(tmp_path: Path) -> None:
    """One after the other, apart on the table; the second changes nothing of the first."""
    model, view, truth = worlds(tmp_path, "tint=inferred")
    left, right = (replace(truth, position=truth.position.new_tensor([[[x, 0.0, 0.0]]]).expand(4, 1, 3))
                   for x in (-0.15, 0.15))  # fmt: skip
    tints = 1 + 0.2 * (torch.rand(2, 4, 1, 3) - 0.5)
    both = Objects.join([replace(one, tint=tint) for one, tint in zip((left, right), tints, strict=True)])
    picture, canvas = model.generate(both, view), model.renderer.blank(view)
    for one in (left, right):
        canvas = model.paint(Place(canvas, picture, view, told=False), one, sigma=1e-3).canvas
    torch.testing.assert_close(model.renderer.develop(canvas, view), picture, rtol=0, atol=0.003)


def test_where_no_colour_is_open_painting_is_the_renderers(tmp_path: Path) -> None:
    model, view, truth = worlds(tmp_path)
    picture = model.generate(truth, replace(view, gain=FACTOR))
    place = Place(model.renderer.blank(view), picture, view, told=False)
    painted = model.paint(place, truth, 0.1)
    assert painted.colour_cost is None
    assert torch.equal(painted.canvas, model.renderer.paint(place.before, truth, view))
    assert torch.equal(painted.image, model.renderer.develop(painted.canvas, view))


def test_colours_cost_in_the_bound_what_they_cost(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.view.gain=inferred")
    pictures, view, _ = example(run, 3)
    steps = []
    terms, _ = run.model.elbo_terms(pictures, view, 2, 0.1, steps.append)
    costs = torch.stack([step.decision.kl + step.painted.colour_cost for step in steps], -1)
    torch.testing.assert_close(terms.kl.flatten(0, 1), costs)
    weights = torch.stack([step.decision.log_weight - step.painted.colour_cost for step in steps], -1)
    assert terms.log_weight is not None
    torch.testing.assert_close(terms.log_weight.flatten(0, 1), weights)
    assert (torch.stack([step.painted.colour_cost for step in steps]) > 1e-3).any()

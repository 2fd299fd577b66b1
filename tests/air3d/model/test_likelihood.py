"""The likelihood: the density it claims to be."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal

from air3d.model.likelihood import gain, log_likelihood, log_likelihood_with_outliers


def test_it_is_the_normal_density() -> None:
    image, picture = torch.rand(2, 8, 8, 3), torch.rand(2, 8, 8, 3)
    expected = Normal(image, 0.3).log_prob(picture).sum((1, 2, 3))
    torch.testing.assert_close(log_likelihood(image, picture, 0.3), expected, rtol=1e-5, atol=1e-3)


def test_its_gradient_by_finite_differences() -> None:
    image, picture = torch.rand(1, 16, 16, 3, dtype=torch.float64), torch.rand(1, 16, 16, 3, dtype=torch.float64)
    torch.autograd.gradcheck(lambda x: log_likelihood(x, picture, 0.7), image.requires_grad_())


def test_with_outliers_it_is_the_mixture() -> None:
    """Against both densities of every pixel, written out."""
    image, picture = torch.rand(2, 2, 8, 8, 3, dtype=torch.float64)
    for share, sigma in ((0.01, 0.05), (0.3, 0.3), (0.9, 0.1)):
        normal = Normal(image, sigma).log_prob(picture).sum(-1).exp()
        expected = ((1 - share) * normal + share).log().sum((1, 2))
        found = log_likelihood_with_outliers(image, picture, sigma, share)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-9)


def test_literal_outliers() -> None:
    """One pixel that is right and one that is hopeless, sigma 0.1 and one per cent of outliers."""
    image, picture = torch.zeros(1, 1, 2, 3), torch.tensor([[[[0.0] * 3, [1.0] * 3]]])
    found = log_likelihood_with_outliers(image, picture, 0.1, 0.01).item()
    # 0.99 (0.1 sqrt(2 pi))^-3 + 0.01 = 62.868..; and 0.01, to which e^-150 adds nothing
    assert found == pytest.approx(math.log(0.99 * 63.4936 + 0.01) + math.log(0.01), abs=1e-4)


def test_without_outliers_it_is_the_gaussian() -> None:
    image, picture = torch.rand(2, 3, 8, 8, 3, dtype=torch.float64)
    found = log_likelihood_with_outliers(image, picture, 0.3, 1e-12)
    torch.testing.assert_close(found, log_likelihood(image, picture, 0.3), rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_a_gain_is_a_difference_of_log_likelihoods(sigma: float, share: float) -> None:
    """From the pixels that change alone, some of them for the better and some for the worse."""
    before, picture = torch.rand(2, 3, 8, 8, 3, dtype=torch.float64)
    after = before.clone()
    after[:, :3] = picture[:, :3] + 0.1 * torch.randn(3, 3, 8, 3, dtype=torch.float64)
    after[:, 3] = 1 - picture[:, 3].round()
    explained = [
        log_likelihood_with_outliers(image, picture, sigma, share) if share else log_likelihood(image, picture, sigma)
        for image in (before, after)
    ]
    errors = [(picture - image)[:, :4].square().sum(-1).flatten(1) for image in (before, after)]
    torch.testing.assert_close(gain(*errors, sigma, share).sum(-1), explained[1] - explained[0], rtol=1e-9, atol=1e-9)
    assert (gain(*errors, sigma, share).sum(-1).abs() > 1).all()


@pytest.mark.parametrize("sigma, share", [(0.05, 0.01), (0.1, 0.1), (0.3, 0.01)])
def test_no_pixel_costs_more_than_an_outlier(sigma: float, share: float) -> None:
    """The most that a pixel can cost, against one that is right, and how near the farthest come to it."""
    image, picture = torch.zeros(1001, 1, 1, 3).double(), torch.linspace(0, 10, 1001).double()[:, None, None, None]
    explained = log_likelihood_with_outliers(image, picture.expand(-1, 1, 1, 3), sigma, share)
    cost, most = explained[0] - explained, math.log(1 / share) - 3 * math.log(sigma * math.sqrt(2 * math.pi))
    assert (cost.diff() >= 0).all() and cost.max() <= most + share
    assert cost.max() > most - 0.5 and cost[1] < 0.3


def test_the_gradient_with_outliers_by_finite_differences() -> None:
    """Pixels that are right, doubtful and hopeless; the last pull at nothing."""
    picture = torch.rand(1, 4, 4, 3, dtype=torch.float64)
    image = picture + 0.1 * torch.randn(1, 4, 4, 3, dtype=torch.float64)
    image[0, 0, 0] = picture[0, 0, 0] + 2.0
    image.requires_grad_()
    torch.autograd.gradcheck(lambda x: log_likelihood_with_outliers(x, picture, 0.1, 0.05), image)
    (gradient,) = torch.autograd.grad(log_likelihood_with_outliers(image, picture, 0.1, 0.05).sum(), image)
    assert gradient[0, 0, 0].abs().max() < 1e-6 < gradient[0, 1:].abs().amax(-1).min()

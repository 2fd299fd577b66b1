"""The likelihood: the density it claims to be, and its coarse levels."""

from __future__ import annotations

import torch
from torch.distributions import Normal

from air3d.model.likelihood import log_likelihood, pyramid_error


def test_without_pyramid_it_is_the_normal_density() -> None:
    image, picture = torch.rand(2, 8, 8, 3), torch.rand(2, 8, 8, 3)
    expected = Normal(image, 0.3).log_prob(picture).sum((1, 2, 3))
    torch.testing.assert_close(log_likelihood(image, picture, 0.3), expected, rtol=1e-5, atol=1e-3)


def test_its_gradient_by_finite_differences() -> None:
    image, picture = torch.rand(1, 16, 16, 3, dtype=torch.float64), torch.rand(1, 16, 16, 3, dtype=torch.float64)
    torch.autograd.gradcheck(lambda x: log_likelihood(x, picture, 0.7, 0.5), image.requires_grad_())


def test_the_pyramid_does_not_make_the_border_cheaper() -> None:
    """On average over the 16 x 16 positions of a dot relative to the windows of the coarsest level."""

    def mean_error(corner: int) -> float:
        dots = torch.zeros(256, 64, 64, 3)
        for index in range(256):
            dots[index, corner + index // 16, corner + index % 16] = 1
        return pyramid_error(dots).mean().item()

    assert 0.8 < mean_error(0) / mean_error(24) < 1.6
    assert 0.8 < mean_error(48) / mean_error(24) < 1.6


def test_the_pyramid_pulls_towards_a_picture_that_the_pixels_cannot_see() -> None:
    picture, far, near = torch.zeros(3, 1, 64, 64, 3)
    picture[:, 30:34, 10:14] = 1
    far[:, 30:34, 40:44] = 1
    near[:, 30:34, 24:28] = 1
    assert torch.equal(log_likelihood(far, picture, 0.3), log_likelihood(near, picture, 0.3))
    assert log_likelihood(near, picture, 0.3, 1.0) > log_likelihood(far, picture, 0.3, 1.0) + 1

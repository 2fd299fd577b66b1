"""Noise of a camera's sensor: of the stated deviation, each picture's own, and none where none is stated."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import small_view

from renderers.sensor import photograph

SEEDS = [(3, index) for index in range(4)]


def grey(level: float = 0.5, batch: int = 4) -> torch.Tensor:
    return torch.full((batch, 24, 24, 3), level)


def test_without_noise_a_picture_stays_as_it_is() -> None:
    images = torch.rand(4, 24, 24, 3)
    assert torch.equal(photograph(images, small_view(4), SEEDS), images)


def test_noise_has_the_stated_deviation_in_every_channel() -> None:
    view = replace(small_view(4), noise=torch.tensor([0.0, 0.01, 0.05, 0.1]))
    off = photograph(grey(), view, SEEDS) - 0.5
    assert torch.equal(off[0], torch.zeros_like(off[0]))
    torch.testing.assert_close(off.std((1, 2))[1:], view.noise[1:, None].expand(3, 3), rtol=0.12, atol=0)
    assert off.mean((1, 2)).abs().amax() < 0.015
    channels = off[3].flatten(0, 1).T
    assert torch.corrcoef(channels).fill_diagonal_(0).abs().max() < 0.15, "channels and pixels are independent"
    assert torch.corrcoef(off[2:].flatten(1))[0, 1].abs() < 0.1, "so are pictures"


def test_any_picture_is_the_same_alone_and_other_seeds_give_others() -> None:
    view = small_view(4, noise=0.1)
    images = photograph(grey(), view, SEEDS)
    assert torch.equal(photograph(grey(batch=1), view[2], SEEDS[2:3])[0], images[2])
    assert not torch.equal(photograph(grey(), view, [(4, index) for index in range(4)]), images)


def test_a_sensor_says_nothing_beyond_black_and_white() -> None:
    view = small_view(4, noise=0.1)
    assert photograph(grey(0.0), view, SEEDS).min() == 0 and photograph(grey(1.0), view, SEEDS).max() == 1
    assert photograph(grey(1.5), small_view(4), SEEDS).max() == 1


def test_bits_are_steps() -> None:
    images = photograph(grey(), small_view(4, noise=0.1), SEEDS, bits=8)
    assert torch.equal((images * 255).round() / 255, images) and 40 < len(images.unique()) <= 256
    assert (images - photograph(grey(), small_view(4, noise=0.1), SEEDS)).abs().max() <= 0.5 / 255 + 1e-6


def test_each_picture_has_a_view_and_a_seed() -> None:
    with pytest.raises(ValueError, match="4 images, 4 views, 3 seeds"):
        photograph(grey(), small_view(4), SEEDS[:3])

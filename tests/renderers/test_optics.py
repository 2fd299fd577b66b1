"""What a camera does beside noise: its lens blurs, its tone curve bends, its file compresses, in that order."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from render_tools import small_view
from torch import Tensor

from renderers.sensor import photograph

SIDE, MIDDLE = 25, 12
SEEDS = [(3, index) for index in range(4)]


def point() -> Tensor:
    """Four black pictures with one bright pixel in the middle."""
    images = torch.zeros(4, SIDE, SIDE, 3)
    images[:, MIDDLE, MIDDLE] = torch.tensor([1.0, 0.5, 0.25])
    return images


def any_picture(seed: int = 0) -> Tensor:
    """Smooth, in every colour, so that a file of it is no noise."""
    torch.manual_seed(seed)
    coarse = torch.rand(4, 3, 6, 6)
    return torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear").permute(0, 2, 3, 1).contiguous()


def test_a_point_is_as_wide_as_the_view_says_in_each_picture() -> None:
    deviations = torch.tensor([0.0, 0.7, 1.2, 2.0])
    images = photograph(point(), replace(small_view(4), blur=deviations), SEEDS)
    assert torch.equal(images[0], point()[0]), "without blur nothing moves"
    offsets = (torch.arange(SIDE) - MIDDLE).float()
    torch.testing.assert_close(images.sum((1, 2)), point().sum((1, 2)), rtol=1e-5, atol=0)
    for axis in (1, 2):
        profile = images.sum(3 - axis)[..., 0]
        assert (profile @ offsets).abs().max() < 1e-5, "it stays where it is"
        width = (profile @ offsets.square()).sqrt()
        torch.testing.assert_close(width[1:], deviations[1:], rtol=0.03, atol=0)
    along, across = images[3, MIDDLE, :, 0], images[3, :, MIDDLE, 0]
    torch.testing.assert_close(along, across)
    assert along[MIDDLE + 2] / along[MIDDLE] == pytest.approx(math.exp(-0.5), rel=1e-4), "a Gaussian"


def test_outside_a_picture_goes_on_as_at_its_border() -> None:
    """One colour stays that colour, and of an edge nothing is mixed in from the other side."""
    grey = torch.full((4, SIDE, SIDE, 3), 0.3)
    blurry = small_view(4, blur=3.0)
    torch.testing.assert_close(photograph(grey, blurry, SEEDS), grey, rtol=0, atol=1e-6)
    half = grey.clone()
    half[:, :, 20:] = 0.9
    seen = photograph(half, blurry, SEEDS)
    torch.testing.assert_close(seen[:, :, :5], grey[:, :, :5], rtol=0, atol=1e-6)
    assert (seen[:, :, -1] < 0.9).all() and (seen[:, :, -1] > 0.8).all()


def test_tone_is_a_power_of_each_picture_s_own() -> None:
    powers = torch.tensor([0.5, 1.0, 1.5, 2.0])
    view = replace(small_view(4), tone=powers)
    images = photograph(torch.full((4, SIDE, SIDE, 3), 0.5), view, SEEDS)
    torch.testing.assert_close(images, (0.5**powers)[:, None, None, None].expand_as(images), rtol=1e-6, atol=0)
    for level in (0.0, 1.0):
        assert (photograph(torch.full((4, SIDE, SIDE, 3), level), view, SEEDS) == level).all(), "black, and white"


def test_a_file_is_pillow_s_and_of_quality_0_there_is_none() -> None:
    images, quality = any_picture(), [0.0, 30.0, 0.0, 95.4]
    seen = photograph(images, replace(small_view(4), jpeg=torch.tensor(quality)), SEEDS)
    assert torch.equal(seen[0], images[0]) and torch.equal(seen[2], images[2])
    errors = []
    for row in (1, 3):
        stored, picture = io.BytesIO(), (images[row].numpy() * 255).round().astype(np.uint8)
        Image.fromarray(picture).save(stored, "JPEG", quality=round(quality[row]))
        read = np.asarray(Image.open(stored).convert("RGB"))
        np.testing.assert_array_equal((seen[row] * 255).round().numpy().astype(np.uint8), read)
        errors.append((seen[row] - images[row]).abs().mean().item())
    assert errors[0] > errors[1] > 0.001


def test_light_passes_the_lens_then_the_curve_then_the_noise_then_the_file() -> None:
    images = any_picture()
    blur, tone, noise, jpeg = ({name: value} for name, value in
                               {"blur": 1.0, "tone": 1.8, "noise": 0.1, "jpeg": 50.0}.items())  # fmt: skip

    def taken(given: Tensor, **said: Any) -> Tensor:
        return photograph(given, small_view(4, **said), SEEDS)

    at_once = taken(images, **blur, **tone, **noise, **jpeg)
    grain = taken(torch.full_like(images, 0.5), noise=0.01) - 0.5
    grained = (taken(taken(images, **blur), **tone) + 10 * grain).clamp(0, 1)
    one_by_one = taken(grained, **jpeg)
    assert (at_once - one_by_one).abs().mean() < 2e-3
    torch.testing.assert_close(at_once * 255, (at_once * 255).round(), rtol=0, atol=1e-4, msg="a file has 256 levels")
    for wrong in (
        taken(taken(taken(images, **tone), **blur), **noise),
        taken(taken(images, **blur, **noise), **tone),
    ):
        assert (at_once - taken(wrong, **jpeg)).abs().mean() > 5e-3


def test_any_picture_is_the_same_alone() -> None:
    """Whatever blur the others of its batch have."""
    images, view = any_picture(), small_view(4, noise=0.05)
    view = replace(view, blur=torch.tensor([0.0, 0.4, 3.0, 1.0]), tone=torch.tensor([1.0, 0.7, 1.3, 1.0]))
    view = replace(view, jpeg=torch.tensor([0.0, 60.0, 0.0, 90.0]))
    together = photograph(images, view, SEEDS)
    for row in range(4):
        alone = photograph(images[row : row + 1], view[row], SEEDS[row : row + 1])[0]
        torch.testing.assert_close(alone, together[row], rtol=0, atol=1e-2 if view.jpeg[row] else 1e-5)

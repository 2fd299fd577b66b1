"""Coverage of regions, and how often the most probable count is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from predicted import MUG, SYMMETRY

from air3d.evaluation.calibration import coverage, reliability
from air3d.inference.conformal import ConformalRegions, Residuals, Spread
from scenes.objects import Objects


def test_reliability_of_counts() -> None:
    rho = torch.tensor([[0.95, 0.1], [0.95, 0.1], [0.15, 0.5], [0.4, 0.5]])  # counts 1, 1, 0, 0
    truth = Objects.empty(4, 2)
    truth.presence[[0, 3], 0] = True
    found = reliability(rho, truth, 0)
    assert found["right"] == 0.5 and [bar["scenes"] for bar in found["bars"]] == [1, 3]
    assert found["bars"][1]["confidence"] == pytest.approx((0.855 + 0.855 + 0.85) / 3)
    assert found["bars"][1]["right"] == pytest.approx(2 / 3) and found["bars"][0]["right"] == 0
    assert found["ece"] == pytest.approx((abs(0.6 - 0) + 3 * abs(2.56 / 3 - 2 / 3)) / 4)


@pytest.mark.parametrize("number", [249, 99, 100])
def test_coverage_counts_exactly_the_truths_inside_the_regions(number: int) -> None:
    """Also where (n + 1) c is whole, as with 249 and 99: levels of truths fall onto c there."""
    rng = np.random.default_rng(0)
    values, tested = rng.random(number), rng.random(4000)
    ones = Spread(np.ones((number, 2)), np.ones(number))
    conformal = ConformalRegions(Residuals(np.full(number, MUG), values, values, ones), SYMMETRY)
    levels = conformal.levels("position", np.full(4000, MUG), tested)
    for level, share in coverage({"position": levels})["position"].items():
        assert share == np.mean(tested <= conformal.reach("position", MUG, float(level))), level
    assert number == 100 or (levels == 0.9).any(), "the border is met"

"""Conformal regions: they hold what they promise, whatever the posterior says of itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from predicted import CUBE, MUG, PLATE, PRIOR, SYMMETRY, predictions

from air3d.inference.conformal import ConformalRegions, Residuals, Spread, spread


def seen(identity: int, position: np.ndarray, rotation: np.ndarray) -> Residuals:
    some = np.full(len(position), identity)
    return Residuals(some, position, rotation, Spread(np.ones((len(position), 2)), np.ones(len(position))))


def test_the_spread_is_what_the_posterior_says() -> None:
    middle, sure, torn = -math.pi / 4, [-50.0, 0.0, -50.0, -50.0], [-50.0, 0.0, -50.0, math.log(0.25)]
    here = spread(predictions([MUG, MUG, PLATE, CUBE], [middle] * 4, [sure, torn, sure, torn]), PRIOR, SYMMETRY)
    np.testing.assert_allclose(here.axes, [[0.25 * 0.02 * 1.0, 0.25 * 0.02 * 0.8]] * 4, rtol=1e-5)
    within = 0.25 * 0.2 * math.pi / 2 * math.sqrt(2 / math.pi)  # E|.| of a Gaussian of that width in radians
    assert here.turn[0] == pytest.approx(within, rel=0.05), "in cells of a degree and a half, here"
    assert here.turn[1] == pytest.approx(0.2 * math.pi + 0.8 * within, rel=0.02), "a fifth of it half a turn away"
    assert np.isnan(here.turn[2]), "a body of revolution"
    assert here.turn[3] == pytest.approx(within, rel=0.05), "half a turn of a cube is none"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 0.99), st.floats(0, 100))
def test_level_and_reach_agree(calibrating: list[float], level: float, residual: float) -> None:
    conformal = ConformalRegions(seen(MUG, np.array(calibrating), np.array(calibrating)), SYMMETRY)
    reach = conformal.reach("position", MUG, level)
    inside = conformal.levels("position", np.array([MUG]), np.array([residual]))[0] < level
    assert inside == (residual <= reach)
    assert math.isinf(conformal.reach("rotation", CUBE, level)), "no cube was seen"
    assert np.mean(np.array(calibrating) <= reach) >= level or math.isinf(reach)


@pytest.mark.parametrize("too_sure", [1.0, 0.2])
def test_regions_hold_their_share_however_sure_the_posterior_is(too_sure: float) -> None:
    """Errors with heavy tails, of objects of very different difficulty."""
    rng = np.random.default_rng(0)

    def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
        width = rng.lognormal(0.0, 1.0, number)
        return np.abs(width * rng.standard_t(2, number)), too_sure * width

    error, width = drawn(3000)
    conformal = ConformalRegions(seen(MUG, error / width, error / width), SYMMETRY)
    error, width = drawn(3000)
    for level in (0.5, 0.9):
        ours = conformal.regions(Spread(width[:, None].repeat(2, 1), width), np.full(3000, MUG), level)
        assert np.mean(error <= ours.axes[:, 0]) == pytest.approx(level, abs=0.03)
        held = (error <= ours.turn) | (ours.turn == math.pi)
        assert np.mean(held) >= level - 0.03 and ours.turn.max() <= math.pi, "nothing turns by more than half a turn"

"""Intervals over pictures: draws, shares and medians."""

from __future__ import annotations

import numpy as np
import pytest

from air3d.evaluation.bootstrap import draws, interval, medians, shares


def test_draws_are_of_as_many_pictures_and_the_same_every_time() -> None:
    drawn = draws(7, 500)
    assert drawn.shape == (500, 7) and (drawn.sum(1) == 7).all()
    np.testing.assert_array_equal(drawn, draws(7, 500))
    assert (drawn != draws(7, 500, seed=1)).any()
    assert drawn.mean(0) == pytest.approx(np.ones(7), abs=0.2)


def test_a_share_has_the_spread_of_a_binomial() -> None:
    """80 of 100: a standard deviation of 4 %, so 95 % lie within 8 % or so."""
    right = np.arange(100) < 80
    assert interval(shares(right, np.ones(100), draws(100, 4000))) == pytest.approx([0.72, 0.87], abs=0.015)


def test_nothing_has_no_interval() -> None:
    drawn = draws(3, 10)
    assert interval(shares(np.zeros(3), np.zeros(3), drawn)) is None
    assert interval(medians(np.zeros(0), np.zeros(0, int), drawn)) is None


@pytest.mark.parametrize("objects", [1, 2, 5, 30])
def test_medians_are_those_of_the_values_drawn(objects: int) -> None:
    rng = np.random.default_rng(objects)
    values, picture = rng.normal(size=objects), rng.integers(0, 8, objects)
    drawn = draws(8, 50)
    for draw, median in zip(drawn, medians(values, picture, drawn), strict=True):
        repeated = np.repeat(values, draw[picture])
        assert median == pytest.approx(np.median(repeated) if len(repeated) else np.nan, nan_ok=True)

"""Intervals of a figure over the pictures that it was measured on: the percentile bootstrap (Efron 1979).

Pictures are drawn again, as many as there are, with replacement, and the figure is taken of each draw. A draw is how
often each picture is in it, so that what was matched once need not be matched again.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped

LEVEL = 0.95
DRAWS = 1000
SEED = 0

Draws = Int[np.ndarray, "draw picture"]
Interval = list[float] | None


def draws(pictures: int, number: int = DRAWS, seed: int = SEED) -> Draws:
    """How often each picture is in each draw."""
    return np.random.default_rng(seed).multinomial(pictures, np.full(pictures, 1 / pictures), number)


def interval(values: Float[np.ndarray, " draw"], level: float = LEVEL) -> Interval:
    """Between which values the middle share `level` of the draws lies; None where a figure has none in any draw."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    return np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist()


def shares(
    right: Shaped[np.ndarray, " picture"], of: Shaped[np.ndarray, " picture"], drawn: Draws
) -> Float[np.ndarray, " draw"]:
    """What share is right in each draw, given how many are, and of how many, in each picture; NaN of nothing."""
    whole = drawn @ of
    return np.divide(drawn @ right, whole, out=np.full(len(drawn), np.nan), where=whole > 0)


def medians(
    values: Float[np.ndarray, " object"], picture: Int[np.ndarray, " object"], drawn: Draws
) -> Float[np.ndarray, " draw"]:
    """The median of the values in each draw, each of which counts as often as its picture; NaN of none."""
    if not len(values):
        return np.full(len(drawn), np.nan)
    rising = np.argsort(values)
    reached = drawn[:, picture[rising]].cumsum(1)
    number = reached[:, -1:]
    places = np.concatenate([(number - 1) // 2, number // 2], 1)  # the two in the middle, or twice the one
    chosen = np.stack([(reached <= place[:, None]).sum(1) for place in places.T]).clip(max=len(values) - 1)
    return np.where(number[:, 0] > 0, values[rising][chosen].mean(0), np.nan)

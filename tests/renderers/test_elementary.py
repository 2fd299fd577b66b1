"""The polynomials against numpy in float64, compiled as the kernels compile them."""

from __future__ import annotations

import numpy as np
from numba import njit

from renderers.streaming import elementary
from renderers.streaming.compiler import OPTIONS

exp, log1p = njit(inline="always", **OPTIONS)(elementary.exp), njit(inline="always", **OPTIONS)(elementary.log1p)


@njit(**OPTIONS)
def both(x, out):
    for i in range(len(x)):
        out[0, i], out[1, i] = exp(-x[i]), log1p(x[i])


def evaluate(x: np.ndarray) -> np.ndarray:
    out = np.empty((2, len(x)), np.float32)
    both(x, out)
    return out.astype(np.float64)


def test_exp() -> None:
    x = np.concatenate([np.linspace(0, 80, 100_001), np.geomspace(1e-12, 80, 100_000)]).astype(np.float32)
    truth = np.exp(-x.astype(np.float64))
    assert np.abs(evaluate(x)[0] / truth - 1).max() < 3e-7
    assert evaluate(np.float32([0]))[0] == 1, "a layer that is not covered must not fade"
    far = evaluate(np.float32([81, 1e4, 3e38, np.inf]))[0]
    assert (far < 2e-35).all() and (far >= 0).all()


def test_log1p() -> None:
    x = np.concatenate([np.linspace(0, 1, 100_001), np.geomspace(1e-30, 1, 100_000)]).astype(np.float32)
    truth = np.log1p(x.astype(np.float64))
    found = evaluate(x)[1]
    assert np.abs(found[1:] / truth[1:] - 1).max() < 3e-7
    assert found[0] == 0

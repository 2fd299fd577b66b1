"""exp and log1p as polynomials: loops that call them can be vectorised, which no call of the C library allows.

float32 throughout. Both are within 3e-7 of their true value, relatively, over the ranges below.
"""

from __future__ import annotations

import numpy as np

ONE, TWO, HALF = np.float32(1), np.float32(2), np.float32(0.5)
LEAST = np.float32(-80)  # e-35: what is computed from it is still a normal float32
PER_LOG2 = np.float32(1.44269504)  # 1 / log 2
LOG2_HIGH, LOG2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)  # their sum is log 2; the first is short
E7, E6, E5, E4, E3 = map(np.float32, (1.9875691e-4, 1.3981999e-3, 8.3334519e-3, 4.1665795e-2, 1.6666666e-1))
ATANH = tuple(np.float32(2 / n) for n in (3, 5, 7, 9, 11, 13))


def exp(x):
    """e^x for x <= 0, after Cephes' expf: x = n log 2 + r, with 2^n put together from its bits."""
    x = max(x, LEAST)
    n = np.floor(x * PER_LOG2 + HALF)
    r = x - n * LOG2_HIGH - n * LOG2_LOW
    series = ((((E7 * r + E6) * r + E5) * r + E4) * r + E3) * r + HALF
    power = (np.int32(n) + np.int32(127)) << np.int32(23)
    return (series * r * r + r + ONE) * np.int32(power).view(np.float32)


def log1p(x):
    """log(1 + x) for 0 <= x <= 1: 2 atanh(s) with s = x / (2 + x) <= 1/3, by its series."""
    s = x / (TWO + x)
    q = s * s
    series = ((((ATANH[5] * q + ATANH[4]) * q + ATANH[3]) * q + ATANH[2]) * q + ATANH[1]) * q + ATANH[0]
    return s * (TWO + q * series)

"""Random generators that belong to one thing about one picture: drawing more of one thing changes nothing else."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Part(IntEnum):
    """What is drawn about a picture beside its objects, whose generator is seeded by (seed, index) alone.

    Never 0: numpy takes (seed, index, 0) for (seed, index).
    """

    CAMERA = 1
    LIGHT = 2
    GAIN = 3
    NOISE = 4
    TABLE = 5
    TINT = 6
    SENSOR = 7
    LAMP = 8
    SKY = 9
    TABLE_TOP = 10
    RAYS = 11
    OPTICS = 12


def generator(seed: int, index: int, part: Part) -> np.random.Generator:
    """Of picture number `index` of data set `seed`: always the same, whatever else was drawn before."""
    return np.random.default_rng([seed, index, part])

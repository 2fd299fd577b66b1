"""Crockery in real sizes. Profiles are (radius, height) in centimetres, from the axis below back to the axis inside."""

from __future__ import annotations

import numpy as np

from scenes.mesh import Mesh, build
from scenes.parts import CENTIMETRE, bar, either, plain, revolve, unite

IVORY, BLUE, RED = (0.96, 0.94, 0.86), (0.20, 0.45, 0.95), (0.92, 0.22, 0.15)
STEEL, OAK = (0.62, 0.66, 0.70), (0.90, 0.68, 0.30)


def plate() -> Mesh:
    """20 cm across, 2.2 cm high."""
    profile = [(0, 0), (5.5, 0), (10, 1.7), (10, 2.2), (6.2, 0.9), (0, 0.7)]
    return build("plate", revolve(profile, sections=20), plain(IVORY), symmetry=0)


def bowl() -> Mesh:
    """14 cm across, 6 cm high."""
    profile = [(0, 0), (3.4, 0), (5.9, 2.4), (7, 6), (6.5, 6), (5.3, 2.9), (3.1, 0.8), (0, 0.7)]
    return build("bowl", revolve(profile, sections=18), plain(BLUE), symmetry=0)


def mug() -> Mesh:
    """9 cm across, 10 cm high, with a handle that reaches 4.3 cm out along +X at yaw 0."""
    profile = [(0, 0), (4.5, 0), (4.5, 5), (4.5, 10), (3.9, 10), (3.9, 0.8), (0, 0.8)]
    path = [(4.2, 8.4), (6.6, 8.4), (8.1, 7.1), (8.1, 4.1), (6.6, 2.2), (4.2, 2.2)]
    solid = unite(revolve(profile, sections=16), bar(path, width=1.9, thickness=1.4))
    return build("mug", solid, plain(RED), symmetry=1)


def saucepan() -> Mesh:
    """16 cm across, 8 cm high, iron, with a straight oak handle of 14 cm along +X at yaw 0."""
    profile = [(0, 0), (8, 0), (8, 8), (7.4, 8), (7.4, 0.8), (0, 0.8)]
    path = [(7.7, 6.7), (12, 7.2), (17, 7.7), (22, 8.2)]
    solid = unite(revolve(profile, sections=18), bar(path, width=2.6, thickness=1.6))
    handle = either(lambda centre: np.linalg.norm(centre[:, :2], axis=1) > 8.01 * CENTIMETRE, OAK, STEEL)
    return build("saucepan", solid, handle, symmetry=1)

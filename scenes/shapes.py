"""The paper's three solids: red cube, blue sphere, textured cylinder."""

from __future__ import annotations

import numpy as np
import trimesh

from scenes.mesh import Mesh, build
from scenes.parts import CENTIMETRE, either, plain, revolve

RED, ORANGE, BLUE = (0.90, 0.15, 0.12), (1.0, 0.62, 0.10), (0.20, 0.40, 0.95)
GREEN, CREAM = (0.20, 0.65, 0.35), (0.95, 0.90, 0.60)


def _box(edge: float) -> trimesh.Trimesh:
    return trimesh.creation.box(extents=[edge * CENTIMETRE] * 3).subdivide()


def cube() -> Mesh:
    """7 cm, plain red: its yaw is known only modulo a quarter turn."""
    return build("cube", _box(7.0), plain(RED), symmetry=4)


def marked_cube() -> Mesh:
    """The cube with one orange side, so that its yaw is known altogether."""
    return build("marked_cube", _box(7.0), either(lambda centre: centre[:, 0] > 0.0349, ORANGE, RED), symmetry=1)


def sphere() -> Mesh:
    """7.6 cm across, plain blue."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 9)
    radius = 3.8 * np.cos(angle)
    radius[[0, -1]] = 0
    profile = list(zip(radius, 3.8 + 3.8 * np.sin(angle), strict=True))
    return build("sphere", revolve(profile, sections=16), plain(BLUE), symmetry=0)


def cylinder() -> Mesh:
    """6.4 cm across, 8 cm high, one half green and the other cream, lid included.

    Two halves instead of stripes: at 64 pixels a stripe would be narrower than a pixel. The lid shows the yaw from any
    side, and no wrong yaw looks like the right one.
    """
    profile = [(0, 0), (3.2, 0), (3.2, 4), (3.2, 8), (0, 8)]
    halves = either(lambda centre: centre[:, 1] > 0, CREAM, GREEN)
    return build("cylinder", revolve(profile, sections=16), halves, symmetry=1)

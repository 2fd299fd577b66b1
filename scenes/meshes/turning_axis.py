"""About which vertical line a mesh is turned. That of a mug runs through its body, not between body and handle: where
the wrong turn moves the body too, a picture of it looks best beside the true place, and neither turn nor place is
found."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from scenes.meshes.surface import FAR, Surface
from scenes.meshes.symmetry import fold
from scenes.meshes.turns import UP, turn

TURNS = 90, 180, 270  # degrees
POINTS = 400  # of a surface
REACH, STEPS = 0.15, 9  # how far from the middle axes are tried, as a share of the diameter, and how many a side
BETTER = 0.7  # of what a turn about the middle changes: another axis must leave less than that


def turning_axis(surface: Surface, middle: Float[np.ndarray, "2"]) -> Float[np.ndarray, "2"]:
    """The middle of the footprint, as a symmetry asks for; or, where there is none, the line about which turns change
    much less, if there is such a one.

    What a turn changes is the mean distance of its points from the surface, each up to `FAR` tolerances: so the most of
    a mesh, its body, decides, however far the rest sticks out."""
    if fold(surface, middle) != 1:
        return middle
    asked, far = surface.points[surface.asked[:POINTS]], FAR * surface.tolerance

    def change(axis: Float[np.ndarray, "2"]) -> float:
        about = np.array([*axis, 0.0])
        turned = np.concatenate([(asked - about) @ turn(UP, degrees).T + about for degrees in TURNS])
        return float(np.minimum(surface.tree.query(turned, distance_upper_bound=far)[0], far).mean())

    steps = np.linspace(-REACH, REACH, STEPS) * surface.diameter
    near = min(middle + np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2), key=change)
    simplex = near + np.array([[0, 0], [1, 0], [0, 1]]) * (steps[1] - steps[0]) / 2
    options = {"initial_simplex": simplex, "xatol": 1e-4 * surface.diameter, "fatol": 1e-3 * far}
    found = minimize(change, near, method="Nelder-Mead", options=options)
    return found.x if found.fun < BETTER * change(middle) else middle

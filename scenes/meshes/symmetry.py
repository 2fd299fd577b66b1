"""Which turns change nothing that a picture shows: shape and colour together, measured on the surface itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, zip_longest

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from scenes.meshes.surface import Surface
from scenes.meshes.turns import UP, across, ball, closed, distinct, known, turn

STEP = 5.0  # degrees between the turns that stand for all of a body of revolution
LARGEST = 12  # fold: what has more looks like a body of revolution, or like nothing that has a symmetry
GOLDEN = 180 * (3 - 5**0.5)  # degrees: multiples of it lie far from those of any whole share of a turn
EQUAL = 0.12  # relative difference below which two principal moments may be equal
POLYHEDRAL = 2, 3, 4, 5  # orders about an axis between two sides of a solid that is as wide as it is long
SIDES = 14  # of the hull, the largest, whose directions are tried as axes
ONE_SIDE = np.cos(np.radians(9.0))  # between normals of the hull that are one side


@dataclass(frozen=True, eq=False)
class Symmetries:
    """All turns that change nothing.

    group [S, 4, 4]: rigid motions in the mesh's own frame, the identity first; what turns continuously is there in
    steps of 5 degrees, a ball in a coarser sample of its own.
    axes [A, 3]: about which it turns continuously: none, one, or three for a ball.
    centre [3]: what they all leave in its place.
    """

    group: Float[np.ndarray, "turn 4 4"]
    axes: Float[np.ndarray, "axis 3"]
    centre: Float[np.ndarray, "3"]


def fold(surface: Surface, about: Float[np.ndarray, "2"] | None = None) -> int:
    """n for n-fold symmetry about the vertical line through `about` (default: the middle of the footprint), at most 12;
    1 for none, 0 for a body of revolution or what a picture shows as one."""
    centre = surface.middle if about is None else np.array([*about, 0.0])
    return fold_about(surface, UP, centre)


def fold_about(surface: Surface, axis: Float[np.ndarray, "3"], centre: Float[np.ndarray, "3"]) -> int:
    """The same about any axis."""
    known: dict[int, bool] = {}

    def holds(degrees: float | int) -> bool:
        key = round(100 * min(degrees % 360, -degrees % 360))  # a turn and its inverse are one question
        if key not in known:
            known[key] = surface.alike(turn(axis, key / 100), centre)
        return known[key]

    if all(holds(GOLDEN * step) for step in range(1, LARGEST + 1)):
        return 0
    orders = (n for n in range(LARGEST, 1, -1) if all(holds(360 / n * k) for k in range(1, n // 2 + 1)))
    return next(orders, 1)


def symmetry_group(surface: Surface) -> Symmetries:
    """All rotations that change nothing, about whatever axis. The principal moments say which there can be: about each
    principal axis a half turn; where two moments are equal, any share of a turn about the third axis, and half turns
    across it; where all are, those of a ball or a regular solid."""
    centre = surface.centre
    if all(surface.alike(each, centre) for each in Rotation.random(8, np.random.default_rng(0)).as_matrix()):
        return Symmetries(_about(ball(), centre), np.eye(3), centre)
    moments, vectors = np.linalg.eigh(surface.hull.moment_inertia)
    equal = [moments[1] - moments[0] < EQUAL * moments[1], moments[2] - moments[1] < EQUAL * moments[2]]
    lone = vectors[:, 0 if equal[1] else 2]
    own = [each for each in np.eye(3) if abs(each @ lone) > ONE_SIDE] + [lone]  # a file's axis is not off by rounding
    if all(equal):
        own = list(distinct([*sides(surface), *np.eye(3), *vectors.T]))
    axis = next((axis for axis in own if any(equal) and fold_about(surface, axis, centre) == 0), None)
    if axis is not None:
        turns = dihedral(surface, axis, round(360 / STEP), [across(axis)])
    elif all(equal):
        between = (a + b for a, b in combinations(sides(surface), 2) if a @ b > -0.9)
        orders = [range(2, LARGEST + 1)] * len(own)
        tried = zip_longest(distinct([*own, *between]), orders, fillvalue=POLYHEDRAL)
        turns = generated(surface, tried)  # pyright: ignore[reportArgumentType]
    elif any(equal):
        orders = [fold_about(surface, each, centre) for each in own]
        lone = own[int(np.argmax(orders))]
        flat = distinct(side - side @ lone * lone for side in sides(surface) if abs(side @ lone) < 0.2)
        beside = (turn(lone, angle) @ across(lone) for angle in np.arange(0, 180, STEP))
        turns = dihedral(surface, lone, max(orders), [*flat, *beside])
    else:
        turns = generated(surface, [(axis, (2,)) for axis in vectors.T])
    return Symmetries(_about(turns, centre), np.zeros((0, 3)) if axis is None else axis[None], centre)


def dihedral(
    surface: Surface, axis: Float[np.ndarray, "3"], order: int, flat: list[np.ndarray]
) -> Float[np.ndarray, "turn 3 3"]:
    """The turns about an axis, `order` of them, and as many half turns across it, if one about any of `flat` holds:
    the one after which the shape covers itself best, aligned (iterated closest points)."""
    turns = [turn(axis, 360 / order * step) for step in range(order)]
    aligned = (surface.aligned(turn(each, 180), surface.centre) for each in flat)
    halves = [turn(each, 180) for each in [*flat, *(half_axis(each) for each in aligned if each is not None)]]
    halves = [half for half in halves if surface.alike(half, surface.centre)]
    if halves:
        best = min(halves, key=lambda half: round(surface.misfit(half, surface.centre) / surface.tolerance, 3))
        turns += [each @ best for each in turns]
    return np.stack(turns)


def half_axis(half: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """The axis of what is nearly a half turn."""
    vector = Rotation.from_matrix(half).as_rotvec()
    return vector / np.linalg.norm(vector)


def sides(surface: Surface) -> list[np.ndarray]:
    """Directions of the largest sides of the convex hull, [3] each; sides within some degrees are one."""
    remaining, areas = np.asarray(surface.hull.face_normals), np.asarray(surface.hull.area_faces)
    found: list[np.ndarray] = []
    while len(areas) and len(found) < SIDES:
        near = remaining @ remaining[areas.argmax()] > ONE_SIDE
        mean = areas[near] @ remaining[near]
        found.append(mean / np.linalg.norm(mean))
        remaining, areas = remaining[~near], areas[~near]
    return found


def generated(surface: Surface, tried: Iterable[tuple[np.ndarray, Iterable[int]]]) -> Float[np.ndarray, "turn 3 3"]:
    """The group of the turns that hold, of all those tried: axes, and orders about each."""
    found = [np.eye(3)]
    for axis, orders in tried:
        for order in orders:
            wanted = turn(axis, 360 / order)
            if not known(found, wanted) and surface.alike(wanted, surface.centre):
                found.append(wanted)
    return closed(found)


def _about(turns: Float[np.ndarray, "turn 3 3"], centre: Float[np.ndarray, "3"]) -> Float[np.ndarray, "turn 4 4"]:
    """Turns about a centre as rigid motions."""
    motions = np.tile(np.eye(4), (len(turns), 1, 1))
    motions[:, :3, :3], motions[:, :3, 3] = turns, centre - turns @ centre
    return motions

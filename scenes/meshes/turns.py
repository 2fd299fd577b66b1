"""Rotations as matrices that act on column vectors: about an axis, from one direction to another, groups of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

UP = np.array([0.0, 0.0, 1.0])
NEAR = 14.0  # degrees: turns closer than this are one; those of a group are at least 30 apart
MOST = 60  # turns in the largest finite group, the icosahedron's
DIRECTIONS, TURNS = 62, 36  # where the top of a ball may go, and turns about it


def turn(axis: Float[np.ndarray, "3"], degrees: float | int) -> Float[np.ndarray, "3 3"]:
    """The rotation (of column vectors) about a unit axis, counter-clockwise seen from its tip."""
    return Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()


def ball() -> Float[np.ndarray, "turn 3 3"]:
    """Turns that stand for all: those about +Z in steps of 10 degrees, then +Z to directions spread over a sphere."""
    height = np.linspace(1, -1, DIRECTIONS)
    golden, radius = np.pi * (3 - 5**0.5) * np.arange(DIRECTIONS), np.sqrt(1 - height**2)
    towards = np.stack([radius * np.cos(golden), radius * np.sin(golden), height], 1)
    spun = [turn(UP, 360 / TURNS * step) for step in range(TURNS)]
    return np.stack([leading(UP, direction) @ each for direction in towards for each in spun])


def leading(start: Float[np.ndarray, "3"], end: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest turn that takes one direction to another; to its opposite, about an axis that is always the same."""
    axis, cosine = np.cross(start, end), float(start @ end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else turn(across(start), 180)
    return turn(axis / sine, np.degrees(np.arctan2(sine, cosine)))


def across(axis: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """A direction at right angles to another, always the same: +X for +Z."""
    other = np.eye(3)[0 if abs(axis[0]) < 0.8 else 1]
    flat = other - other @ axis * axis
    return flat / np.linalg.norm(flat)


def closed(turns: list[np.ndarray]) -> Float[np.ndarray, "turn 3 3"]:
    """The group that some turns generate; rounding apart, so that at most the largest finite group comes out."""
    group = fresh = [np.eye(3)]
    while fresh and len(group) < MOST:
        products, fresh = [each @ generator for each in fresh for generator in turns], []
        for product in products:
            if not known(group, product) and len(group) < MOST:
                group, fresh = [*group, product], [*fresh, product]
    return np.stack(group)


def known(turns: list[np.ndarray], wanted: np.ndarray) -> bool:
    """Whether a turn is among others, to within some degrees: the trace of what is between them says the angle."""
    traces = np.einsum("nij,ij->n", np.stack(turns), wanted)
    return bool((traces > 1 + 2 * np.cos(np.radians(NEAR))).any())


def distinct(axes: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Axes, without regard to sign, that are not within half a degree of an earlier one."""
    kept = np.zeros((0, 3))
    for axis in axes:
        unit = axis / np.linalg.norm(axis)
        if not (np.abs(kept @ unit) > np.cos(np.radians(0.5))).any():
            kept = np.concatenate([kept, unit[None]])
            yield unit

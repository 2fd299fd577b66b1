"""sizes.csv beside the meshes: how large each of them is, as libraries of furniture list it.

name,width_cm,depth_cm,height_cm          name (or folder, or mesh): of the mesh, its file or its folder
mug,8.5,12,10.8
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scenes.errors import UserError
from scenes.meshes.files import Unusable, read_inside
from scenes.meshes.find import Found
from scenes.meshes.units import AXES

NAME = "sizes.csv"
MOST_BYTES = 2**20
KEYS = ("folder", "mesh", "name")
SIDES = ("width_cm", "depth_cm", "height_cm")

ALIKE = 0.1
"""Difference of a height, as a share of the longest side, up to which an axis may be the one that points up."""


def listed_sizes(folder: Path, found: Iterable[Found]) -> dict[Path, np.ndarray]:
    """Width, depth and height in metres of each file that sizes.csv lists; nothing where there is no sizes.csv.
    UserError, one line, for one that cannot be read."""
    path = folder / NAME
    if not path.is_symlink() and not path.exists():
        return {}
    try:
        rows = list(csv.DictReader(read_inside(folder, path, MOST_BYTES).decode().splitlines()))
    except Unusable as error:
        raise UserError(f"{path} {error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no readable table: {error}") from error
    columns = set(rows[0]) if rows else set()
    if rows and not (set(SIDES) <= columns and columns & set(KEYS)):
        raise UserError(f"{path} needs the columns name (or folder), {', '.join(SIDES)}")
    listed = {row[key]: sides(row, path) for row in rows for key in KEYS if row.get(key)}
    names = {each.path: (each.name, each.path.stem, each.path.parent.name) for each in found}
    return {path: listed[name] for path, called in names.items() for name in called[::-1] if name in listed}


def sides(row: dict[str, str | None], path: Path) -> np.ndarray:
    try:
        metres = np.array([float(row[side] or "") / 100 for side in SIDES])
    except ValueError:
        metres = np.full(3, math.nan)
    if not (np.isfinite(metres).all() and (metres > 0).all()):
        raise UserError(f"{path}: {', '.join(str(value) for value in row.values())}: sizes must be above 0")
    return metres


def up_of(listed: np.ndarray, extents: np.ndarray, guessed: str) -> str:
    """The axis of the file that points up, such that a mesh with those extents [3] is as high as it is listed: the
    guessed one where it can be."""
    height, shares = listed[2] / listed.max(), np.asarray(extents) / np.max(extents)
    off = {axis: abs(shares["xyz".index(axis[-1])] - height) for axis in AXES}
    return guessed if off[guessed] <= ALIKE else min(AXES, key=lambda axis: off[axis])

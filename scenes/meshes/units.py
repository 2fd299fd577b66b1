"""How large a mesh is and which of its axes points up: given, or guessed by stated rules."""

from __future__ import annotations

import numpy as np
import trimesh
from jaxtyping import Float

from scenes.meshes.files import Unusable

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
"""Metres."""

GUESSED = ("m", "cm", "mm")
"""In the order in which they are tried. Not inches: what is 0.6 to 2 units large was made so large, whatever it is."""

NAMES = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}

USUAL = (0.02, 0.60)
"""Longest side of what lies on a table, in metres: the first unit by which a mesh is of such a size is its unit."""

POSSIBLE = (0.005, 2.0)
"""Longest side in metres of what is taken when its units are given."""

THINNEST = 1e-3
"""Least side as a share of the longest: below it a mesh is a sheet, without an inside."""

AXES = ("x", "y", "z", "-x", "-y", "-z")

ON_THE_GROUND = 0.02
"""A mesh stands on the plane z = 0 of its file if its lowest point is this share of its size from it."""

LEVEL = 0.98
"""Cosine between the vertical and the normal of a face that a mesh stands on."""

FIRMER = 1.5
"""How many times the base along z must be that along y."""


def scale(extents: np.ndarray, units: float | None = None, size: float | None = None) -> tuple[float, str]:
    """Metres for one unit of the file, and how that is known. extents [3]; units, size: as given, metres for one unit
    and of the longest side. Unusable for what has no size, or none that stands on a table."""
    longest = float(extents.max())
    if not longest > 0:
        raise Unusable("has no extent: all its points are one")
    if size is not None:
        return size / longest, "size given"
    if units is not None:
        if not POSSIBLE[0] <= longest * units <= POSSIBLE[1]:
            raise Unusable(f"is {longest * units * 100:,.4g} cm large in the given units: give units or size")
        return units, "units given"
    for name in GUESSED:
        if USUAL[0] <= longest * UNITS[name] <= USUAL[1]:
            return UNITS[name], f"{NAMES[name]} guessed"
    raise Unusable(
        f"is {longest:,.4g} units large, which is between 2 and 60 cm neither in metres, centimetres nor millimetres: "
        "give its size or units in meshes.yaml, or list it in sizes.csv"
    )


def not_flat(extents: np.ndarray, low: float = THINNEST) -> None:
    """Unusable for a sheet: nothing can be said about how it rests."""
    if extents.min() < low * extents.max():
        raise Unusable("is flat: give it a thickness")


def up_axis(kind: str, solid: trimesh.Trimesh) -> tuple[str, str]:
    """The axis of the file that points up, and how that is known, where nobody says it.

    glTF is y up by its standard. STL, PLY and OFF come from scanners and CAD, which are z up. OBJ files are y up, as
    Blender, Sweet Home 3D and most others write them, unless the mesh stands on z = 0 and not on y = 0, or stands on
    neither and has by far the larger base along z, as scans do.
    solid: in the units and axes of the file.
    """
    if kind in ("glb", "gltf"):
        return "y", "y up by the standard"
    if kind != "obj":
        return "z", "z up guessed"
    near = np.abs(solid.bounds[0]) <= ON_THE_GROUND * solid.extents.max()
    if near[2] and not near[1]:
        return "z", "z up: stands on z = 0"
    if not near[1] and base(solid, 2) > FIRMER * base(solid, 1):
        return "z", "z up: stands best so"
    return "y", "y up guessed"


def base(solid: trimesh.Trimesh, axis: int) -> float:
    """The share of a mesh's footprint along an axis that its convex hull stands on."""
    hull = solid.convex_hull
    facing, areas = hull.face_normals[:, axis], hull.area_faces
    return float(areas[facing < -LEVEL].sum() / (areas * np.abs(facing)).sum() * 2)


def upright(up: str) -> Float[np.ndarray, "3 3"]:
    """The rotation (of column vectors) that turns an axis of the file to +Z; y up becomes z up as usual, x staying."""
    return {
        "z": np.eye(3),
        "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        "x": np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
        "-z": np.diag([1.0, -1, -1]),
        "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
        "-x": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    }[up]

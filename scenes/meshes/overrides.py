"""meshes.yaml beside the meshes: what somebody knows better than the guesses.

mug_scan:                 the name of a mesh, or its file
  name: mug               what it is to be called
  use: false              leave it out
  units: mm               m, cm, mm, in, or metres as a number; instead of it
  size: 12.5              its longest side in centimetres
  up: z                   the axis of the file that points up: x, y, z, -x, -y, -z
  colour: [0.9, 0.1, 0.1] all of it in one colour, 0..1
  rest: [0, 2]            the resting faces it may stand on, as numbered; 0 is the likeliest, or upright
  symmetry: 4             turns about +Z that look the same on face 0: 1 none, 0 a body of revolution
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenes.errors import UserError, nearest
from scenes.meshes.files import Unusable, read_inside
from scenes.meshes.find import Found
from scenes.meshes.units import AXES, UNITS
from scenes.parsing import plain_yaml

NAME = "meshes.yaml"
MOST_BYTES = 2**20


@dataclass(frozen=True)
class Override:
    """What meshes.yaml says about one mesh; None where it says nothing. size in metres."""

    name: str | None = None
    use: bool = True
    units: float | None = None
    size: float | None = None
    up: str | None = None
    colour: tuple[float, float, float] | None = None
    rest: tuple[int, ...] | None = None
    symmetry: int | None = None


def overrides(folder: Path, found: Iterable[Found]) -> dict[Path, Override]:
    """What meshes.yaml says about each file that it names. UserError, one line, for all that it must not say."""
    path = folder / NAME
    if not path.is_symlink() and not path.exists():
        return {}
    try:
        content = plain_yaml(read_inside(folder, path, MOST_BYTES), path)
    except Unusable as error:
        raise UserError(f"{path} {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold names of meshes with settings under them, as 'mug: {{units: mm}}'")
    files = {key: each.path for each in found for key in (each.path.as_posix(), each.name)}
    said = {}
    for key, settings in content.items():
        if str(key) not in files:
            raise UserError(f"{path}: there is no mesh {key}; {nearest(str(key), files)}")
        said[files[str(key)]] = override(settings, f"{path}: {key}")
    return said


def override(settings: Any, where: str) -> Override:
    """One mesh's settings, checked."""
    if not isinstance(settings, dict):
        raise UserError(f"{where} must be followed by settings, as 'units: mm'")
    if unknown := [str(key) for key in settings if key not in CHECKS]:
        raise UserError(f"{where}: there is no setting {unknown[0]}; {nearest(unknown[0], CHECKS)}")
    if "units" in settings and "size" in settings:
        raise UserError(f"{where}: give units or size, not both")
    checked = {}
    for key, value in settings.items():
        wanted, check = CHECKS[key]
        try:
            checked[key] = check(value)
        except (TypeError, ValueError, KeyError, OverflowError):
            raise UserError(f"{where}: {key} is {value}: it must be {wanted}") from None
    return Override(**checked)


def text(value: Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool) or not str(value).strip():
        raise ValueError
    return str(value)


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def positive(value: Any) -> float:
    if isinstance(value, (bool, str)) or not (0 < float(value) < math.inf):
        raise ValueError
    return float(value)


def metres(value: Any) -> float:
    return UNITS[value] if isinstance(value, str) else positive(value)


def axis(value: Any) -> str:
    if value not in AXES:
        raise ValueError
    return value


def share(value: Any) -> float:
    if isinstance(value, (bool, str)) or not 0 <= float(value) <= 1:
        raise ValueError
    return float(value)


def colour(value: Any) -> tuple[float, float, float]:
    red, green, blue = (share(each) for each in value)
    return red, green, blue


def whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def numbers(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(sorted({whole(each) for each in value}))


CHECKS = {
    "name": ("a name", text),
    "use": ("true or false", truth),
    "units": (f"{', '.join(UNITS)}, or metres as a number above 0", metres),
    "size": ("the longest side in centimetres", lambda value: positive(value) / 100),
    "up": (f"one of {', '.join(AXES)}", axis),
    "colour": ("three numbers in 0..1", colour),
    "rest": ("a list of numbers of resting faces, as [0, 2]", numbers),
    "symmetry": ("a whole number: 1 for none, 0 for a body of revolution", whole),
}

"""What differs from picture to picture of a scene: ranges about its configured world, nothing by default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from scenes.errors import UserError

Range = tuple[float, float]

SHARES = ("exposure", "white_balance", "gradient", "tint")
BOUNDS = {
    "elevation": (0.0, 90.0, "degrees above the table, from 0 to 90"),
    "ambient": (0.0, 1.0, "from 0 to 1"),
    "diffuse": (0.0, 1.0, "from 0 to 1"),
    "table": (0.0, 1.0, "from 0, black, to 1, white"),
    "noise": (0.0, 1.0, "a standard deviation from 0 to 1"),
    "jpeg": (1.0, 100.0, "a quality from 1 to 100"),
    "lamp": (0.0, 1.0, "a radius from 0 to 1, as the tangent of an angle"),
}
"""Setting -> smallest, largest, in words."""


@dataclass
class Variation:
    """Ranges that every picture draws from, uniformly and each for itself; what is null or 0 is as configured.

    elevation: of the light above the table, in degrees, from any side; ambient, diffuse: the light's parts.
    lamp: radius of the lamp, as the tangent of the angle at which the table sees it: how soft shadows are; null: none.
    exposure: of the whole picture: a factor 1 - exposure to 1 + exposure; white_balance: the same, for each channel.
    table: brightness of the table's own colour; colour: how far its channels may fall below that, as a share;
    gradient: how far its light may rise or fall from the middle of the picture to the border, as a share; texture: the
    largest difference between its light and its dark places; clutter: at most so many flat foreign things on it.
    noise: standard deviation of the sensor's noise; pictures have it, renderers do not paint it.
    blur: of the lens, at most so many pixels (the standard deviation of a Gaussian); tone: the sensor takes each
    brightness to a power of exp(-tone) to exp(tone); jpeg: quality of every second file, null: of none.
    tint: of each object's channels: a factor 1 - tint to 1 + tint.
    turn, shift: largest angle (degrees, about any axis) and distance (metres) of the camera from the configured one.
    """

    elevation: Range | None = None
    ambient: Range | None = None
    diffuse: Range | None = None
    lamp: Range | None = None
    exposure: float = 0.0
    white_balance: float = 0.0
    table: Range | None = None
    colour: float = 0.0
    gradient: float = 0.0
    texture: float = 0.0
    clutter: int = 0
    noise: Range | None = None
    blur: float = 0.0
    tone: float = 0.0
    jpeg: Range | None = None
    tint: float = 0.0
    turn: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high, words) in BOUNDS.items():
            if (given := getattr(self, name)) is not None:
                fine = pair(given) and low <= given[0] <= given[1] <= high
                wanted(fine, name, given, f"null, or two rising numbers, {words}")
                setattr(self, name, (float(given[0]), float(given[1])))
        for name in SHARES:
            wanted(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share from 0 to below 1")
        for name in ("colour", "texture"):
            wanted(0 <= getattr(self, name) <= 1, name, getattr(self, name), "between 0 and 1")
        wanted(0 <= self.clutter <= 20, "clutter", self.clutter, "0 to 20 things")
        wanted(0 <= self.blur <= 10, "blur", self.blur, "0 to 10 pixels")
        wanted(0 <= self.tone <= 2, "tone", self.tone, "0 to 2")
        wanted(0 <= self.turn < 90, "turn", self.turn, "0 or an angle below 90 degrees")
        wanted(0 <= self.shift < math.inf, "shift", self.shift, "0 or a distance in metres")

    def __bool__(self) -> bool:
        """Whether anything varies."""
        return any(value is not None and value != 0 for value in astuple(self))


def pair(given: Any) -> bool:
    """Whether something is two finite numbers."""
    return isinstance(given, Sequence) and len(given) == 2 and all(math.isfinite(number) for number in given)


def wanted(fine: bool, name: str, value: Any, words: str) -> None:
    """UserError about a setting that is not `fine`."""
    if not fine:
        shown = list(value) if isinstance(value, tuple) else value
        raise UserError(f"scene.vary.{name} is {shown}: it must be {words}")

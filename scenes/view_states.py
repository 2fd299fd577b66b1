"""What is known about the world that a picture shows beside its objects, and what has to be read off the picture."""

from __future__ import annotations

from dataclasses import dataclass

from scenes.errors import UserError

STATES = {
    "camera": ("known", "inferred", "varied"),
    "light": ("known", "inferred", "varied"),
    "gain": ("known", "inferred", "varied"),
    "background": ("known", "inferred", "varied"),
    "noise": ("known", "inferred", "varied"),
    "tint": ("varied", "inferred"),
}
"""Part -> the states that it can be in."""


@dataclass
class ViewStates:
    """How a model takes each part of a picture's world (see docs/method.md, "The picture's own world").

    known: as it is given with the picture, or configured where nothing is; inferred: read off the picture, whatever is
    given; varied: differs from picture to picture, and the configured one stands for all.

    tint is of the objects: with `varied` they have the colours of their meshes.
    outliers: the share of pixels that may show what no object and no table explains, as shadows, highlights and foreign
    things; with 0, every pixel must be explained.
    """

    camera: str = "known"
    light: str = "known"
    gain: str = "known"
    background: str = "known"
    noise: str = "known"
    tint: str = "varied"
    outliers: float = 0.0

    def __post_init__(self) -> None:
        for name, states in STATES.items():
            if (given := getattr(self, name)) not in states:
                raise UserError(f"scene.view.{name}={given}: it must be {' or '.join(states)}")
        if not 0 <= self.outliers < 1:
            raise UserError(f"scene.view.outliers={self.outliers}: give a share from 0 to below 1")

    def parts(self, state: str) -> tuple[str, ...]:
        """The parts in that state."""
        return tuple(name for name in STATES if getattr(self, name) == state)


__all__ = ["STATES", "ViewStates"]

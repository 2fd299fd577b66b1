"""The settings of a painter."""

from __future__ import annotations

from dataclasses import dataclass

from scenes.errors import UserError, nearest
from scenes.view_labels import PARTS

NAMES = ("air3d", "mitsuba")
MOST_RAYS = 2**16


@dataclass
class PainterConfig:
    """What configs/painter/*.yaml fills; all but the name is for ``mitsuba``.

    rays: of light a pixel; bounces: surfaces that light may touch on its way, 1 being direct light alone; own_lights: a
    lamp and a sky of its own in every picture, instead of its view's light; own_tables: a table of its own, instead of
    its view's background.
    """

    name: str = "air3d"
    rays: int = 64
    bounces: int = 4
    own_lights: bool = False
    own_tables: bool = False

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise UserError(f"there is no painter.name={self.name}; {nearest(self.name, NAMES)}")
        if not 1 <= self.rays <= MOST_RAYS:
            raise UserError(f"painter.rays={self.rays}: give a whole number from 1 to {MOST_RAYS}")
        if self.bounces < 1:
            raise UserError(f"painter.bounces={self.bounces}: give at least 1, which is direct light alone")

    @property
    def stated(self) -> tuple[str, ...]:
        """What a data set can say of the worlds that it shows, in the words of ``scenes.view_labels``: the lamps and
        tables of a painter's own are no light and no background that a view could describe."""
        unsaid = {"light": self.own_lights, "background": self.own_lights or self.own_tables}
        return tuple(part for part in PARTS if not unsaid.get(part))

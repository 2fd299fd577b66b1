"""Views in scenes.json: what all pictures share of their worlds stands in its head, what differs beside each picture.

Four parts: `camera` (intrinsics fx, fy, cx, cy; rotation R and translation T; height, width: as in `Camera`), `light`
(direction towards it, ambient, diffuse, gain; lamp where there are shadows), `background` (a colour, or the name of a
picture of the empty table in backgrounds/), `noise`, and where there is any, `sensor` (blur, tone, jpeg).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scenes.arrays import shared
from scenes.view import View

PARTS = {
    "camera": {"intrinsics": "intrinsics", "rotation": "camera_rotation", "translation": "camera_translation"},
    "light": {"direction": "light", "ambient": "ambient", "diffuse": "diffuse", "gain": "gain", "lamp": "lamp"},
    "background": {"background": "background"},
    "noise": {"noise": "noise"},
    "sensor": {"blur": "blur", "tone": "tone", "jpeg": "jpeg"},
}
"""Part of scenes.json -> its names there -> fields of `View`."""


def view_labels(view: View, stated: Sequence[str] = tuple(PARTS)) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The parts that all pictures of a view (numpy) share, and for each picture those that it has for itself; of the
    `stated` parts alone."""
    common: dict[str, Any] = {}
    own: list[dict[str, Any]] = [{} for _ in range(len(view))]
    for part in stated:
        names = PARTS[part]
        if all(shared(getattr(view, field)) for field in names.values()):
            common[part] = written(view, part, 0)
        else:
            for row, entry in enumerate(own):
                entry[part] = written(view, part, row)
    return common, own


def written(view: View, part: str, row: int) -> Any:
    """One part of one picture's world, in what JSON can hold."""
    values = {name: getattr(view, field)[row] for name, field in PARTS[part].items()}
    if part == "background" and values[part].ndim == 3:
        return background_name(row)
    plain = {name: value.tolist() for name, value in values.items() if name != "lamp" or value > 0}
    if part == "camera":
        plain |= {"height": view.height, "width": view.width}
    return plain.get(part, plain)


def background_name(row: int) -> str:
    """The file in backgrounds/ that holds a picture's empty table."""
    return f"{row:06d}.png"

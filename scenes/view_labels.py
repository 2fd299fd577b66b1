"""Views in scenes.json: what all pictures share of their worlds stands in its head, what differs beside each picture.

Five parts: `camera` (intrinsics fx, fy, cx, cy; rotation R and translation T; height, width: as in `Camera`), `light`
(direction towards it, ambient, diffuse, gain; lamp where there are shadows), `background` (a colour, or the name of a
picture of the empty table in backgrounds/), `noise`, and `sensor` (blur, tone, jpeg), where it did anything else.
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

UNSAID = {"lamp": 0.0, "blur": 0.0, "tone": 1.0, "jpeg": 0.0}
"""What goes without saying: data sets without any of it stay what they were before there was a word for it."""


def view_labels(view: View, stated: Sequence[str] = tuple(PARTS)) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The parts that all pictures of a view (numpy) share, and for each picture those that it has for itself; of the
    `stated` parts alone."""
    common: dict[str, Any] = {}
    own: list[dict[str, Any]] = [{} for _ in range(len(view))]
    for part in stated:
        names = PARTS[part]
        if all(shared(getattr(view, field)) for field in names.values()):
            common |= stated_of(view, part, 0)
        else:
            for row, entry in enumerate(own):
                entry |= stated_of(view, part, row)
    return common, own


def stated_of(view: View, part: str, row: int) -> dict[str, Any]:
    """One part of one picture's world by its name; nothing where all of it goes without saying."""
    content = written(view, part, row)
    return {} if content == {} else {part: content}


def written(view: View, part: str, row: int) -> Any:
    """One part of one picture's world, in what JSON can hold."""
    values = {name: getattr(view, field)[row] for name, field in PARTS[part].items()}
    if part == "background" and values[part].ndim == 3:
        return background_name(row)
    plain = {name: value.tolist() for name, value in values.items() if not unsaid(name, value)}
    if part == "camera":
        plain |= {"height": view.height, "width": view.width}
    return plain.get(part, plain)


def unsaid(name: str, value: Any) -> bool:
    return name in UNSAID and bool(value == UNSAID[name])


def background_name(row: int) -> str:
    """The file in backgrounds/ that holds a picture's empty table."""
    return f"{row:06d}.png"

"""The labels of a data set: objects to CLEVR's words and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from scenes.camera import Camera
from scenes.errors import UserError
from scenes.objects import Objects

UNKNOWN = -1  # visible pixels that nobody counted


def scene_labels(
    names: Sequence[str], camera: Camera, objects: Objects, visible: Sequence[int]
) -> list[dict[str, Any]]:
    """CLEVR's entries for the objects of one scene (a batch of one)."""
    labels = []
    for slot in np.flatnonzero(objects.presence[0]).tolist():
        position = objects.position[0, slot]
        ndc = camera.project(position)
        column, row = camera.to_pixels(ndc)
        labels.append(
            {
                "shape": names[int(objects.identity[0, slot])],
                "3d_coords": [float(number) for number in position],
                "pixel_coords": [round(float(number), 4) for number in (column, row, ndc[2])],
                "rotation": float(objects.rotation[0, slot]),
                "visible_pixels": int(visible[slot]),
            }
        )
    return labels


def parse_names(info: dict[str, Any], path: Path) -> tuple[str, ...]:
    """The catalogue's names from the head of scenes.json."""
    names = info.get("catalogue")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: info.catalogue must list the names of the shapes")
    return tuple(names)


def parse_camera(info: dict[str, Any], path: Path) -> Camera:
    """The camera from the head of scenes.json; its height and width are the size of every picture."""
    given = info.get("camera")
    if not isinstance(given, dict) or not {"position", "target", "field_of_view", "height", "width"} <= set(given):
        raise UserError(f"{path}: info.camera must give position, target, field_of_view, height and width")
    known = {field.name for field in fields(Camera)}
    values: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    for name in ("position", "target"):
        values[name] = tuple(_numbers(values[name], 3, f"info.camera.{name}", path))
    for name in set(values) - {"position", "target"}:
        values[name] = _numbers([values[name]], 1, f"info.camera.{name}", path)[0]
    for name in ("height", "width"):
        values[name] = int(values[name])
    return Camera(**values)


def parse_objects(scenes: list[Any], names: tuple[str, ...], path: Path) -> tuple[Objects, np.ndarray]:
    """Labels of all scenes -> Objects [B, N] and visible pixels [B, N], N the largest count (at least 1)."""
    lists = [scene.get("objects") if isinstance(scene, dict) else None for scene in scenes]
    for index, entries in enumerate(lists):
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{path}: scene {index} has no list of 'objects'")
    slots = max(1, *(len(entries or ()) for entries in lists))
    objects, visible = Objects.empty(len(lists), slots), np.full((len(lists), slots), UNKNOWN)
    for index, entries in enumerate(lists):
        for slot, entry in enumerate(entries or ()):
            where = f"scene {index}, object {slot}"
            if entry.get("shape") not in names:
                known = ", ".join(names)
                raise UserError(f"{path}: {where} has the unknown shape {entry.get('shape')!r}: known are {known}")
            objects.identity[index, slot] = names.index(entry["shape"])
            objects.position[index, slot] = _numbers(entry.get("3d_coords"), 3, f"{where}: 3d_coords", path)
            (yaw,) = _numbers([entry.get("rotation")], 1, f"{where}: rotation", path)
            objects.rotation[index, slot] = np.pi - (np.pi - yaw) % (2 * np.pi) if not -np.pi < yaw <= np.pi else yaw
            (visible[index, slot],) = _numbers([entry.get("visible_pixels", UNKNOWN)], 1, f"{where}: visible", path)
            objects.presence[index, slot] = True
    return objects, visible


def _numbers(value: Any, length: int, what: str, path: Path) -> list[float]:
    fine = isinstance(value, list) and len(value) == length
    if not fine or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in value):
        raise UserError(f"{path}: {what} must be {length} finite number{'s' if length > 1 else ''}")
    return value

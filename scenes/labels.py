"""The labels of a data set: objects to CLEVR's words and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.parsing import number, numbers
from scenes.poses import camera_poses, world_rotations
from scenes.view import View

UNKNOWN = -1  # visible pixels that nobody counted
DIGITS = 9  # of a matrix's numbers


def scene_labels(catalogue: Catalogue, objects: Objects, view: View, visible: Sequence[int]) -> list[dict[str, Any]]:
    """CLEVR's entries for the objects of one scene (a batch of one, numpy), and their full poses: see `poses`."""
    camera, world = view.camera(0), world_rotations(objects, catalogue)
    poses = {
        "R_world": world,
        **dict(zip(("R_camera", "t_camera"), camera_poses(objects, catalogue, view), strict=True)),
    }
    labels = []
    for slot in np.flatnonzero(objects.presence[0]).tolist():
        position = objects.position[0, slot]
        ndc = camera.project(position)
        column, row = camera.to_pixels(ndc)
        looks = {name: getattr(objects, name) for name in ("tint", "size")}
        labels.append(
            {
                "shape": catalogue.names[int(objects.identity[0, slot])],
                "3d_coords": [float(each) for each in position],
                "pixel_coords": [round(float(each), 4) for each in (column, row, ndc[2])],
                "rotation": float(objects.rotation[0, slot]),
                "face": int(objects.face[0, slot]),
                "visible_pixels": int(visible[slot]),
                **{name: (matrix[0, slot].round(DIGITS) + 0.0).tolist() for name, matrix in poses.items()},
                **{name: array[0, slot].tolist() for name, array in looks.items() if array is not None},
            }
        )
    return labels


def parse_names(info: dict[str, Any], path: Path) -> tuple[str, ...]:
    """The catalogue's names from the head of scenes.json."""
    names = info.get("catalogue")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: info.catalogue must list the names of the shapes")
    return tuple(names)


def parse_objects(scenes: list[dict[str, Any]], names: tuple[str, ...], path: Path) -> tuple[Objects, np.ndarray]:
    """Labels of all scenes -> Objects [B, N] and visible pixels [B, N], N the largest count (at least 1)."""
    lists = [scene.get("objects") for scene in scenes]
    for index, entries in enumerate(lists):
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UserError(f"{path}: scene {index} has no list of 'objects'")
    slots = max(1, *(len(entries or ()) for entries in lists))
    objects, visible = Objects.empty(len(lists), slots), np.full((len(lists), slots), UNKNOWN)
    every = [entry for entries in lists for entry in entries or ()]
    objects.tint = np.ones((*visible.shape, 3), np.float32) if any("tint" in entry for entry in every) else None
    objects.size = np.ones(visible.shape, np.float32) if any("size" in entry for entry in every) else None
    for index, entries in enumerate(lists):
        for slot, entry in enumerate(entries or ()):
            _read_object(objects, (index, slot), entry, names, path)
            where = f"scene {index}, object {slot}: visible_pixels"
            visible[index, slot] = number(entry.get("visible_pixels", UNKNOWN), where, path)
    return objects, visible


def _read_object(
    objects: Objects, at: tuple[int, int], entry: dict[str, Any], names: tuple[str, ...], path: Path
) -> None:
    where = f"scene {at[0]}, object {at[1]}"
    if entry.get("shape") not in names:
        known = ", ".join(names)
        raise UserError(f"{path}: {where} has the unknown shape {entry.get('shape')!r}: known are {known}")
    objects.identity[at] = names.index(entry["shape"])
    objects.position[at] = numbers(entry.get("3d_coords"), 3, f"{where}: 3d_coords", path)
    yaw = number(entry.get("rotation"), f"{where}: rotation", path)
    objects.rotation[at] = np.pi - (np.pi - yaw) % (2 * np.pi) if not -np.pi < yaw <= np.pi else yaw
    objects.presence[at] = True
    face = number(entry.get("face", 0), f"{where}: face", path)
    if face < 0 or face != int(face):
        raise UserError(f"{path}: {where}: face is {face}: it must be a whole number, 0 for upright")
    objects.face[at] = int(face)
    if "tint" in entry and objects.tint is not None:
        objects.tint[at] = numbers(entry["tint"], 3, f"{where}: tint", path)
    if "size" in entry and objects.size is not None:
        objects.size[at] = number(entry["size"], f"{where}: size", path)

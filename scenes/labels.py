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

PIXELS = 1e9  # more than any picture has
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
        mesh = catalogue.meshes[int(objects.identity[0, slot])]
        position = objects.position[0, slot]
        ndc = camera.project(position)
        column, row = camera.to_pixels(ndc)
        looks = {name: getattr(objects, name) for name in ("tint", "size")}
        labels.append(
            {
                "shape": mesh.name,
                "3d_coords": [float(each) for each in position],
                "pixel_coords": [round(float(each), 4) for each in (column, row, ndc[2])],
                "rotation": float(objects.rotation[0, slot]),
                "face": mesh.face,
                "visible_pixels": int(visible[slot]),
                **{name: (matrix[0, slot].round(DIGITS) + 0.0).tolist() for name, matrix in poses.items()},
                **{name: array[0, slot].tolist() for name, array in looks.items() if array is not None},
            }
        )
    return labels


Entries = list[tuple[str, int]]
"""The shape and the resting face that each identity stands for."""


def parse_entries(info: dict[str, Any], scenes: list[dict[str, Any]], path: Path) -> Entries:
    """The identities of a data set that is read without a catalogue: the shapes in the head of scenes.json, each
    upright and on whatever other faces occur."""
    names = info.get("catalogue")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: info.catalogue must list the names of the shapes")
    faces = {name: {0} for name in names}
    for index, labels in enumerate(_label_lists(scenes, path)):
        for slot, label in enumerate(labels):
            if isinstance(label.get("shape"), str) and label["shape"] in faces:
                faces[label["shape"]].add(_face(label, f"scene {index}, object {slot}", path))
    return [(name, face) for name in names for face in sorted(faces[name])]


def parse_objects(scenes: list[dict[str, Any]], entries: Entries, path: Path) -> tuple[Objects, np.ndarray]:
    """Labels of all scenes -> Objects [B, N] and visible pixels [B, N], N the largest count (at least 1).

    entries: what each identity stands for. UserError for a shape or a face that is not among them.
    """
    lists = _label_lists(scenes, path)
    slots = max(1, *map(len, lists))
    objects, visible = Objects.empty(len(lists), slots), np.full((len(lists), slots), UNKNOWN)
    every = [label for labels in lists for label in labels]
    objects.tint = np.ones((*visible.shape, 3), np.float32) if any("tint" in label for label in every) else None
    objects.size = np.ones(visible.shape, np.float32) if any("size" in label for label in every) else None
    for index, labels in enumerate(lists):
        for slot, label in enumerate(labels):
            _read_object(objects, (index, slot), label, entries, path)
            where = f"scene {index}, object {slot}: visible_pixels"
            visible[index, slot] = number(label.get("visible_pixels", UNKNOWN), where, path, PIXELS)
    return objects, visible


def _label_lists(scenes: list[dict[str, Any]], path: Path) -> list[list[dict[str, Any]]]:
    """The labels of each scene's objects."""
    lists = []
    for index, scene in enumerate(scenes):
        labels = scene.get("objects")
        if not isinstance(labels, list) or not all(isinstance(label, dict) for label in labels):
            raise UserError(f"{path}: scene {index} has no list of 'objects'")
        lists.append(labels)
    return lists


def _read_object(objects: Objects, at: tuple[int, int], label: dict[str, Any], entries: Entries, path: Path) -> None:
    where = f"scene {at[0]}, object {at[1]}"
    objects.identity[at] = _identity(label, entries, where, path)
    objects.position[at] = numbers(label.get("3d_coords"), 3, f"{where}: 3d_coords", path)
    yaw = number(label.get("rotation"), f"{where}: rotation", path)
    objects.rotation[at] = np.pi - (np.pi - yaw) % (2 * np.pi) if not -np.pi < yaw <= np.pi else yaw
    objects.presence[at] = True
    if "tint" in label and objects.tint is not None:
        objects.tint[at] = numbers(label["tint"], 3, f"{where}: tint", path)
    if "size" in label and objects.size is not None:
        objects.size[at] = number(label["size"], f"{where}: size", path)


def _identity(label: dict[str, Any], entries: Entries, where: str, path: Path) -> int:
    """The entry that a label names."""
    shape, face = label.get("shape"), _face(label, where, path)
    known = ", ".join(dict.fromkeys(name for name, _ in entries))
    if not (faces := [face for name, face in entries if name == shape]):
        raise UserError(f"{path}: {where} has the unknown shape {shape!r}: known are {known}")
    if face not in faces:
        raise UserError(f"{path}: {where}: no '{shape}' stands on face {face}: known are {', '.join(map(str, faces))}")
    return entries.index((shape, face))  # pyright: ignore[reportArgumentType]


def _face(label: dict[str, Any], where: str, path: Path) -> int:
    """The resting face that a label names; upright where it names none."""
    face = number(label.get("face", 0), f"{where}: face", path)
    if face < 0 or face != int(face):
        raise UserError(f"{path}: {where}: face is {face}: it must be a whole number, 0 for upright")
    return int(face)

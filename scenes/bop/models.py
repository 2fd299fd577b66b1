"""Which kind of a catalogue each number of a BOP data set is, and what the data set says of it.

A kind is the object of a number if it is called obj_NUMBER, as BOP's own model files are (obj_000008), or if
models/offsets.json says so: `{"mug": {"obj_id": 14, "mesh_to_model_offset_m": [x, y, z]}}`, with what is added to a
point of the mesh's file (metres) to have it in the frame that the data set's poses are of; without an offset both
frames are one. models_info.json gives diameters and symmetries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from scenes.bop.files import MILLIMETRES, bounded_json, scene_folders
from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.parsing import number, numbers

FOLDERS = ("models_eval", "models")
STEPS = 315  # of a full turn: the surface moves by 1 % of the diameter at most, as in BOP's toolkit
MOTIONS = 100_000
"""A symmetry group of more is refused."""


@dataclass(frozen=True, eq=False)
class BopModel:
    """What a data set says of one kind of a catalogue. Everything in the frame of the mesh's own file, metres.

    obj_id: its number; offset [4, 4]: from the mesh's frame to the data set's; group [S, 4, 4] and diameter: None where
    the data set does not say.
    """

    obj_id: int
    offset: np.ndarray
    group: np.ndarray | None = None
    diameter: float | None = None


def read_models(folder: Path | str, catalogue: Catalogue) -> dict[int, BopModel]:
    """By number of the kind; kinds that the data set does not know are left out."""
    offsets, infos = stated(folder, "offsets.json"), stated(folder, "models_info.json")
    models = {}
    for kind, name in enumerate(catalogue.kinds):
        path, entry = offsets[0], offsets[1].get(name)
        by_name = re.fullmatch(r"obj_0*(\d+)", name)
        if entry is None and by_name is None:
            continue
        offset, obj_id = np.eye(4), int(by_name[1]) if by_name else -1
        if entry is not None:
            if not isinstance(entry, dict) or not isinstance(entry.get("obj_id"), int):
                raise UserError(f"{path}: {name} must give obj_id, a whole number")
            obj_id = entry["obj_id"]
            shift = entry.get("mesh_to_model_offset_m", [0, 0, 0])
            offset[:3, 3] = numbers(shift, 3, f"{name}: mesh_to_model_offset_m", path)
        about = infos[1].get(str(obj_id))
        models[kind] = BopModel(obj_id, offset) if about is None else informed(obj_id, offset, about, infos[0])
    return models


def stated(folder: Path | str, name: str) -> tuple[Path, dict[str, Any]]:
    """A file of that name beside the data set's models, empty where there is none."""
    root = scene_folders(folder)[0].parent.parent
    paths = [root / each / name for each in FOLDERS]
    there = next((path for path in paths if path.is_file()), None)
    return (paths[-1], {}) if there is None else (there, bounded_json(there))


def informed(obj_id: int, offset: Float[np.ndarray, "4 4"], about: Any, path: Path) -> BopModel:
    """A model with what models_info.json says of it."""
    if not isinstance(about, dict):
        raise UserError(f"{path}: object {obj_id} must be a JSON object")
    diameter = number(about["diameter"], f"object {obj_id}: diameter", path) if "diameter" in about else None
    if diameter is not None and diameter <= 0:
        raise UserError(f"{path}: object {obj_id}: the diameter must be above 0 mm")
    group = symmetries(about, f"object {obj_id}", path)
    if group is not None:
        group = np.linalg.inv(offset) @ group @ offset
    return BopModel(obj_id, offset, group, None if diameter is None else diameter / MILLIMETRES)


def symmetries(about: dict[str, Any], where: str, path: Path) -> Float[np.ndarray, "motion 4 4"] | None:
    """The group that symmetries_discrete and symmetries_continuous (mm) span, the first motion none; None where neither
    is given: whoever measured a model and found no symmetry writes nothing."""
    given = [about.get(f"symmetries_{name}", []) for name in ("discrete", "continuous")]
    if not any(given):
        return None
    if not all(isinstance(each, list) for each in given):
        raise UserError(f"{path}: {where}: symmetries must be lists")
    discrete = [np.eye(4), *(discrete_motion(each, where, path) for each in given[0])]
    group = np.stack(discrete)
    for axis in given[1]:
        group = (turns(axis, where, path)[:, None] @ group).reshape(-1, 4, 4)
        if len(group) > MOTIONS:
            raise UserError(f"{path}: {where}: {len(group):,} symmetries are more than {MOTIONS:,}")
    return group


def discrete_motion(given: Any, where: str, path: Path) -> Float[np.ndarray, "4 4"]:
    motion = np.reshape(numbers(given, 16, f"{where}: symmetries_discrete", path), (4, 4)).astype(float)
    turn = motion[:3, :3]
    if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-2 or np.linalg.det(turn) < 0 or (motion[3] != [0, 0, 0, 1]).any():
        raise UserError(f"{path}: {where}: symmetries_discrete must be rigid motions, 4 x 4")
    motion[:3, 3] /= MILLIMETRES
    return motion


def turns(given: Any, where: str, path: Path) -> Float[np.ndarray, "step 4 4"]:
    """Steps of a full turn about an axis through a point."""
    if not isinstance(given, dict):
        raise UserError(f"{path}: {where}: symmetries_continuous must give axis and offset")
    axis = np.array(numbers(given.get("axis"), 3, f"{where}: symmetries_continuous: axis", path), float)
    through = np.array(numbers(given.get("offset", [0, 0, 0]), 3, f"{where}: offset", path)) / MILLIMETRES
    if not np.linalg.norm(axis) > 0:
        raise UserError(f"{path}: {where}: the axis of symmetries_continuous must have a direction")
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angles = (2 * np.pi * np.arange(STEPS) / STEPS)[:, None, None]
    motions = np.tile(np.eye(4), (STEPS, 1, 1))
    motions[:, :3, :3] = np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * cross @ cross
    motions[:, :3, 3] = through - motions[:, :3, :3] @ through
    return motions

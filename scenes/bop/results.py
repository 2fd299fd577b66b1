"""Estimated poses as BOP's results: a line each, `scene_id,im_id,obj_id,score,R,t,time`, millimetres and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from scenes.bop.files import MILLIMETRES, scene_folders
from scenes.bop.models import BopModel
from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.poses import camera_poses
from scenes.view import View

HEAD = "scene_id,im_id,obj_id,score,R,t,time"


def results(
    objects: Objects,
    view: View,
    catalogue: Catalogue,
    models: dict[int, BopModel],
    ids: Int[np.ndarray, "picture 2"],
    score: Float[np.ndarray, "picture slot"],
    seconds: float,
) -> str:
    """The file's text. objects, view: numpy, as they were inferred; score: how sure each slot is; seconds: that a
    picture took. UserError for a kind that the data set has no number for."""
    if unknown := [name for kind, name in enumerate(catalogue.kinds) if kind not in models]:
        raise UserError(f"the data set has no number for {unknown[0]}: say in models/offsets.json which object it is")
    rotations, translations = camera_poses(objects, catalogue, view)
    lines = [HEAD]
    for row, slot in np.argwhere(np.asarray(objects.presence) > 0.5).tolist():
        model = models[int(catalogue.kind_of[objects.identity[row, slot]])]
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotations[row, slot], translations[row, slot]
        pose = pose @ np.linalg.inv(model.offset)
        turn, shift = (written(array) for array in (pose[:3, :3].ravel(), MILLIMETRES * pose[:3, 3]))
        scene_id, im_id = ids[row]
        lines.append(f"{scene_id},{im_id},{model.obj_id},{score[row, slot]:.6g},{turn},{shift},{seconds:.6g}")
    return "\n".join(lines) + "\n"


def written(numbers: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{number:.9g}" for number in numbers)


def results_name(folder: Path | str) -> str:
    """METHOD_DATASET-SPLIT.csv, as BOP wants its files called."""
    split = scene_folders(folder)[0].resolve().parent
    return f"air3d_{split.parent.name.replace('_', '')}-{split.name.replace('_', '')}.csv"

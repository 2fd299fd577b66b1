"""Our data sets in BOP's layout: models, pictures, cameras, poses, and how much of each object is seen.

    camera.json  dataset_info.json  test_targets_bop24.json
    models/      obj_000001.ply ..  models_info.json  offsets.json
    test/000000/ rgb/000000.png ..  scene_camera.json  scene_gt.json  scene_gt_info.json

The world of scene_camera.json is ours: +Z up, the table at z = 0. As BOP has it, the origin of a model is the middle of
its bounding box; models/offsets.json says how far that is from the mesh's own, and which mesh it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scenes.bop.files import MILLIMETRES
from scenes.bop.written_models import centring, write_json, write_models
from scenes.catalogue import Catalogue
from scenes.catalogue_file import save_catalogue
from scenes.dataset import appearing
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.parsing import read_json
from scenes.poses import OPENCV, camera_poses
from scenes.view import View

SCENE = Path("test", "000000")


def taken(out: str | os.PathLike[str], info: dict[str, Any]) -> bool:
    """Whether `out` already holds exactly this data set; False where it is free. UserError if something else is there:
    nothing is ever overwritten."""
    out = Path(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        there = read_json(out / "dataset_info.json")
    except UserError:
        there = None
    if there != json.loads(json.dumps(info)):
        raise UserError(f"{out} exists and does not hold this data set: choose another out, or delete it first")
    return True


def write_bop(
    out: str | os.PathLike[str],
    info: dict[str, Any],
    catalogue: Catalogue,
    objects: Objects,
    view: View,
    pictures: Iterable[tuple[np.ndarray, Sequence[int], Sequence[int]]],
) -> None:
    """Writes a data set; it appears under its name only when complete.

    info: from `dataset.describe`; objects, view: numpy, of B scenes, of the meshes' own size; pictures: for every scene
    in turn uint8 [H, W, 3], the visible pixels of each slot, and those that it would have alone. UserError where `out`
    is taken or cannot be made, and for objects of other sizes, which no BOP pose can say.
    """
    if objects.size is not None and (objects.size != 1).any():
        raise UserError("objects of several sizes cannot be written as BOP: its poses have none")
    if taken(out, info):
        return
    try:
        Path(out).absolute().parent.mkdir(parents=True, exist_ok=True)
        with appearing(Path(out).absolute()) as folder:
            write_json(folder / "dataset_info.json", info)
            write_json(folder / "camera.json", camera_entry(view))
            write_models(folder / "models", catalogue)
            if "catalogue_file" in info:
                save_catalogue(folder / info["catalogue_file"], catalogue)
            numbers = write_scene(folder / SCENE, catalogue, objects, view, pictures)
            targets = [{"scene_id": int(SCENE.name), "im_id": im_id} for im_id in range(numbers)]
            write_json(folder / "test_targets_bop24.json", targets)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from error


def camera_entry(view: View) -> dict[str, float]:
    """The first picture's camera, for those who paint their own."""
    fx, fy, cx, cy = view.intrinsics[0].tolist()
    return {"fx": fx, "fy": fy, "cx": cx, "cy": cy, "height": view.height, "width": view.width, "depth_scale": 1.0}


def write_scene(
    folder: Path,
    catalogue: Catalogue,
    objects: Objects,
    view: View,
    pictures: Iterable[tuple[np.ndarray, Sequence[int], Sequence[int]]],
) -> int:
    """Pictures and what is known of each; how many there are."""
    (folder / "rgb").mkdir(parents=True)
    rotations, translations = camera_poses(objects, catalogue, view)
    offsets = [centring(catalogue.meshes[catalogue.entries_of(kind)[0]]) for kind in range(len(catalogue.kinds))]
    cameras, truths, infos = {}, {}, {}
    for row, (image, visible, whole) in enumerate(pictures):
        Image.fromarray(image).save(folder / "rgb" / f"{row:06d}.png")
        present = np.flatnonzero(np.asarray(objects.presence[row]) > 0.5).tolist()
        kinds = {slot: int(catalogue.kind_of[objects.identity[row, slot]]) for slot in present}
        cameras[str(row)] = scene_camera(view, row)
        truths[str(row)] = [
            posed(rotations[row, slot], translations[row, slot], offsets[kind]) | {"obj_id": kind + 1}
            for slot, kind in kinds.items()
        ]
        infos[str(row)] = [
            {"px_count_all": int(whole[slot]), "px_count_visib": int(visible[slot]),
             "visib_fract": int(visible[slot]) / max(int(whole[slot]), 1)} for slot in present
        ]  # fmt: skip
    if not len(cameras) == len(objects):
        raise ValueError(f"{len(cameras)} pictures for {len(objects)} scenes")
    for name, content in {"camera": cameras, "gt": truths, "gt_info": infos}.items():
        write_json(folder / f"scene_{name}.json", content)
    return len(cameras)


def scene_camera(view: View, row: int) -> dict[str, Any]:
    """K and our world in the camera's axes."""
    fx, fy, cx, cy = view.intrinsics[row].tolist()
    turn = (np.asarray(view.camera_rotation[row], float) * OPENCV).T
    shift = MILLIMETRES * np.asarray(view.camera_translation[row], float) * OPENCV
    matrix = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    return {"cam_K": matrix, "depth_scale": 1.0, "cam_R_w2c": turn.ravel().tolist(), "cam_t_w2c": shift.tolist()}


def posed(rotation: np.ndarray, translation: np.ndarray, offset: np.ndarray) -> dict[str, list[float]]:
    """A pose of the model, whose points are those of the mesh moved by `offset`."""
    shift = MILLIMETRES * (translation - rotation @ offset)
    return {"cam_R_m2c": rotation.ravel().tolist(), "cam_t_m2c": shift.tolist()}

"""What the files of a BOP data set say, looked at before it is believed: cameras, poses, pictures, visibility.

A scene is a folder with scene_camera.json, scene_gt.json where poses are known, scene_gt_info.json where somebody
counted pixels, and pictures in rgb/ or gray/. Lengths are metres from here on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from scenes.errors import UserError
from scenes.parsing import numbers, read_json

ENDINGS = ("png", "jpg", "jpeg", "tif", "tiff")
SKEW = 1e-6  # of the focal length: what a camera matrix may have beside focal lengths and principal point
ROUNDING = 1e-3  # of a rotation matrix that was written with few digits
MILLIMETRES = 1000.0


@dataclass(frozen=True, eq=False)
class Annotation:
    """A true object: its number in the data set, the pose [4, 4] that takes its model's points to the camera, and the
    share of it that can be seen (NaN where nobody said)."""

    obj_id: int
    pose: np.ndarray
    visibility: float


@dataclass(frozen=True, eq=False)
class BopPicture:
    """One picture: where it is, K as fx, fy, cx, cy [4], the pose [4, 4] of the world in the camera's axes, None where
    the data set has no world, and what is known to stand there, None where nothing is known."""

    scene_id: int
    im_id: int
    path: Path
    intrinsics: np.ndarray
    world: np.ndarray | None
    truth: tuple[Annotation, ...] | None


def is_bop(folder: Path | str) -> bool:
    """Whether a folder is a BOP data set, a split of one or a scene of one."""
    folder = Path(folder)
    return any(next(folder.glob(f"{above}scene_camera.json"), None) for above in ("", "*/", "*/*/"))


def scene_folders(folder: Path | str) -> list[Path]:
    """The scenes in a scene's, a split's or a data set's folder. UserError for none, and for several splits."""
    folder = Path(folder)
    for above in ("", "*/", "*/*/"):
        found = sorted(path.parent for path in folder.glob(f"{above}scene_camera.json"))
        splits = sorted({path.parent.name for path in found})
        if len(splits) > 1 and above == "*/*/":
            raise UserError(f"{folder} has several splits: give one of them, {', '.join(splits)}")
        if found:
            return found
    raise UserError(f"{folder} is no BOP data set: no scene in it has a scene_camera.json")


def read_pictures(folder: Path | str) -> list[BopPicture]:
    """All pictures of a scene, a split or a data set, by scene and number."""
    return [picture for scene in scene_folders(folder) for picture in scene_pictures(scene)]


def scene_pictures(scene: Path) -> list[BopPicture]:
    """The pictures of one scene. UserError, naming the file, for whatever is missing or not what it should be."""
    scene_id = number_of(scene.name, scene, "a scene's folder")
    path, truth_path, info_path = (scene / f"scene_{name}.json" for name in ("camera", "gt", "gt_info"))
    cameras = bounded_json(path)
    truths = bounded_json(truth_path) if truth_path.is_file() else None
    infos = bounded_json(info_path) if info_path.is_file() else {}
    if not cameras:
        raise UserError(f"{path} names no picture")
    keys = sorted(cameras, key=lambda key: number_of(key, path, "a picture"))
    if truths is not None and (strange := sorted(set(cameras) ^ set(truths))):
        raise UserError(f"{truth_path} and {path.name} must name the same pictures: only one of them has {strange[0]}")
    pictures = []
    for key in keys:
        im_id = int(key)
        truth = None if truths is None else parse_truth(truths[key], infos.get(key), f"picture {key}", truth_path)
        intrinsics, world = parse_camera(cameras[key], f"picture {key}", path)
        pictures.append(BopPicture(scene_id, im_id, picture_path(scene, im_id), intrinsics, world, truth))
    return pictures


def bounded_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path} is missing")
    return read_json(path)


def number_of(text: str, path: Path, what: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise UserError(f"{path}: {what} is named by a number, not {text!r}")
    return int(text)


def picture_path(scene: Path, im_id: int) -> Path:
    """The file of a picture."""
    for kind in ("rgb", "gray"):
        for ending in ENDINGS:
            if (path := scene / kind / f"{im_id:06d}.{ending}").is_file():
                return path
    raise UserError(f"{scene / 'rgb' / f'{im_id:06d}.png'} is missing: scene_camera.json names picture {im_id}")


def parse_camera(given: Any, where: str, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """K as fx, fy, cx, cy, and the world in the camera's axes."""
    if not isinstance(given, dict):
        raise UserError(f"{path}: {where} must give cam_K")
    matrix = np.reshape(numbers(given.get("cam_K"), 9, f"{where}: cam_K", path), (3, 3))
    fx, fy = matrix[0, 0], matrix[1, 1]
    others = np.abs([matrix[0, 1], matrix[1, 0], *matrix[2, :2], matrix[2, 2] - 1])
    if fx <= 0 or fy <= 0 or (others > SKEW * max(fx, 1)).any():
        raise UserError(f"{path}: {where}: cam_K must be [fx, 0, cx, 0, fy, cy, 0, 0, 1] with fx and fy above 0")
    world = pose_of(given, "w2c", where, path) if "cam_R_w2c" in given or "cam_t_w2c" in given else None
    return np.array([fx, fy, matrix[0, 2], matrix[1, 2]]), world


def parse_truth(given: Any, info: Any, where: str, path: Path) -> tuple[Annotation, ...]:
    """The true objects of a picture."""
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise UserError(f"{path}: {where} must list its objects")
    if info is not None and (not isinstance(info, list) or len(info) != len(given)):
        raise UserError(f"{path.with_name('scene_gt_info.json')}: {where} must have as many entries as in {path.name}")
    found = []
    for slot, entry in enumerate(given):
        at = f"{where}, object {slot}"
        obj_id = entry.get("obj_id")
        if not isinstance(obj_id, int) or isinstance(obj_id, bool):
            raise UserError(f"{path}: {at}: obj_id must be a whole number")
        seen = info[slot].get("visib_fract") if info is not None and isinstance(info[slot], dict) else None
        visible = np.nan if seen is None else numbers([seen], 1, f"{at}: visib_fract", path)[0]
        found.append(Annotation(obj_id, pose_of(entry, "m2c", at, path), float(visible)))
    return tuple(found)


def pose_of(entry: dict[str, Any], what: str, where: str, path: Path) -> Float[np.ndarray, "4 4"]:
    """cam_R_... and cam_t_... (mm) as one matrix in metres; digits that were cut off the rotation are put back."""
    turn = np.reshape(numbers(entry.get(f"cam_R_{what}"), 9, f"{where}: cam_R_{what}", path), (3, 3))
    pose = np.eye(4)
    pose[:3, 3] = np.divide(numbers(entry.get(f"cam_t_{what}"), 3, f"{where}: cam_t_{what}", path), MILLIMETRES)
    left, stretch, right = np.linalg.svd(turn)
    if np.abs(stretch - 1).max() > ROUNDING or np.linalg.det(turn) < 0:
        raise UserError(f"{path}: {where}: cam_R_{what} is no rotation matrix (orthogonal, determinant +1)")
    pose[:3, :3] = left @ right
    return pose

"""A BOP data set as pictures, views and objects on a table, at the size that a network sees.

Where the data set has a world (cam_R_w2c, cam_t_w2c), its z = 0 is taken for the table; where it has none, the table is
found from the true poses (`table`), in every picture anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from scenes.bop.files import BopPicture, read_pictures
from scenes.bop.models import BopModel, read_models
from scenes.bop.resting import HEIGHT, TILT, Stand, stand
from scenes.bop.worlds import mesh_pose, tilted_worlds, world_of
from scenes.camera import Camera
from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.photographs import Frame, Photograph, read_photograph
from scenes.poses import OPENCV
from scenes.view import View

SHOWN = 5  # objects that a line names


@dataclass(frozen=True, eq=False)
class FullPoses:
    """What a BOP data set says of true objects beyond where they stand.

    poses [B, N, 4, 4]: from points of the mesh's file (metres) to the camera in OpenCV's axes; visibility [B, N]: the
    share that can be seen, NaN where nobody said; models: by kind of the catalogue, of those that the data set knows.
    """

    poses: np.ndarray
    visibility: np.ndarray
    models: dict[int, BopModel]


@dataclass(frozen=True, eq=False)
class BopData:
    """What `read_bop` gives back, all of it numpy.

    images [B, H, W, 3] uint8; view: of each picture; objects: the entries that fit best to the true poses, full: the
    poses themselves; None where a data set has no truth; ids [B, 2]: scene_id and im_id; photographs: whole pictures;
    models: by kind of the catalogue, of those that the data set knows; remarks: one line each.
    """

    images: np.ndarray
    view: View
    objects: Objects | None
    full: FullPoses | None
    ids: np.ndarray
    photographs: tuple[Photograph, ...]
    models: dict[int, BopModel]
    remarks: list[str] = field(default_factory=list)


def read_bop(
    folder: Path | str,
    catalogue: Catalogue,
    default: View,
    size: tuple[int, int],
    first: int | None = None,
    judged: bool = True,
) -> BopData:
    """Read and check a data set, a split or a scene, the first `first` pictures of it.

    judged: whether the truth is wanted; if not, it only serves to find the table, and may hold unknown objects;
    default: light, background and noise (of its first picture), and the camera's place where neither the data set nor
    true poses say it; size: height and width that pictures are cropped and brought to. UserError, one line, for what is
    missing, unreadable, or labelled with objects that the catalogue does not have.
    """
    pictures = read_pictures(folder)[:first]
    models, remarks = read_models(folder, catalogue), []
    kinds = {model.obj_id: kind for kind, model in models.items()}
    if judged:
        check_known(pictures, kinds, catalogue, folder)
    else:
        pictures = [known_of(picture, kinds) for picture in pictures]
    worlds = [world_of(picture, kinds, models, catalogue) for picture in pictures]
    if missing := sum(world is None for world in worlds):
        remarks.append(
            f"{missing} of {len(worlds)} pictures have no world and no true poses to find the table from: they are "
            "taken to be seen from where the run's camera stands"
        )
    if all(picture.world is None for picture in pictures) and missing < len(worlds):
        remarks.append("no world is given: the table is the plane through the lowest points of the objects")
    photographs = tuple(photograph_of(picture.path, size) for picture in pictures)
    images = np.stack([photograph.pixels for photograph in photographs])
    parts = zip(pictures, photographs, worlds, strict=True)
    view = View.stack(
        [view_of(picture, photograph.frame, world, default, size) for picture, photograph, world in parts]
    )
    ids = np.array([[picture.scene_id, picture.im_id] for picture in pictures])
    if not judged or any(picture.truth is None for picture in pictures):
        return BopData(images, view, None, None, ids, photographs, models, remarks)
    remarks += tilted_worlds(pictures, kinds, models, catalogue)
    objects, full, leaning = truth_of(pictures, worlds, kinds, models, catalogue, default)
    if leaning:
        more = f" and {len(leaning) - SHOWN} more" if len(leaning) > SHOWN else ""
        remarks.append(
            f"{len(leaning)} of {int(objects.presence.sum())} objects rest on no known face within {TILT:g} degrees "
            f"and {100 * HEIGHT:g} cm: {', '.join(leaning[:SHOWN])}{more}; MSSD and the like take their full poses"
        )
    return BopData(images, view, objects, full, ids, photographs, models, remarks)


def known_of(picture: BopPicture, kinds: dict[int, int]) -> BopPicture:
    """With those of its true objects that are of the catalogue."""
    return replace(picture, truth=tuple(each for each in picture.truth or () if each.obj_id in kinds))


def check_known(
    pictures: Sequence[BopPicture], kinds: dict[int, int], catalogue: Catalogue, folder: Path | str
) -> None:
    """UserError for a number in the truth that is no kind of the catalogue."""
    numbers = {each.obj_id for picture in pictures for each in picture.truth or ()}
    if unknown := sorted(numbers - set(kinds)):
        listed, names = ", ".join(map(str, unknown[:SHOWN])), ", ".join(catalogue.kinds)
        raise UserError(
            f"{folder}: the objects {listed} are none of the catalogue's ({names}): name the meshes obj_000001 and so "
            "on, or say in models/offsets.json which is which"
        )


def photograph_of(path: Path, size: tuple[int, int]) -> Photograph:
    """One picture; UserError, naming the file, also for one that is transparent: what is behind is not known."""
    try:
        return read_photograph(path, *size, behind=None)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def view_of(
    picture: BopPicture,
    frame: Frame,
    world: Float[np.ndarray, "4 4"] | None,
    default: View,
    size: tuple[int, int],
) -> View:
    """The view of what is seen of one picture, at `size`."""
    rotation, translation = default.camera_rotation[0], default.camera_translation[0]
    if world is not None:
        rotation, translation = (world[:3, :3].T * OPENCV, world[:3, 3] * OPENCV)
    return default[0].behind(View.of(Camera(frame.inward(picture.intrinsics), rotation, translation, *size)))


def truth_of(
    pictures: Sequence[BopPicture],
    worlds: Sequence[np.ndarray | None],
    kinds: dict[int, int],
    models: dict[int, BopModel],
    catalogue: Catalogue,
    default: View,
) -> tuple[Objects, FullPoses, list[str]]:
    """The true objects as entries and as full poses, and in words those that do not rest on any."""
    slots = max(1, *(len(picture.truth or ()) for picture in pictures))
    objects, leaning = Objects.empty(len(pictures), slots), []
    poses = np.tile(np.eye(4), (len(pictures), slots, 1, 1))
    visibility = np.full((len(pictures), slots), np.nan)
    for row, (picture, world) in enumerate(zip(pictures, worlds, strict=True)):
        seen_from = assumed(default) if world is None else world
        for slot, annotation in enumerate(picture.truth or ()):
            kind = kinds[annotation.obj_id]
            poses[row, slot] = mesh_pose(annotation, models[kind])
            visibility[row, slot] = annotation.visibility
            found = stand(np.linalg.inv(seen_from) @ poses[row, slot], kind, catalogue)
            put(objects, (row, slot), found)
            if not found.rests:
                off = f"leans {found.tilt:.0f} degrees, its lowest point at {100 * found.lowest:.1f} cm"
                leaning.append(f"{catalogue.kinds[kind]} in {picture.path.name} {off}")
    return objects, FullPoses(poses, visibility, models), leaning


def assumed(view: View) -> Float[np.ndarray, "4 4"]:
    """The world in OpenCV's axes of a view's first camera."""
    pose = np.eye(4)
    pose[:3, :3] = (np.asarray(view.camera_rotation[0], float) * OPENCV).T
    pose[:3, 3] = np.asarray(view.camera_translation[0], float) * OPENCV
    return pose


def put(objects: Objects, at: tuple[int, int], found: Stand) -> None:
    objects.identity[at], objects.position[at], objects.presence[at] = found.entry, found.position, True
    objects.rotation[at] = np.float32(np.clip(found.yaw, -3.141592, 3.141592))

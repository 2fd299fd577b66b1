"""The world that a picture of a BOP data set is in: the one that is given, or that whose table its objects stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from scenes.bop.files import Annotation, BopPicture
from scenes.bop.models import BopModel
from scenes.bop.table import table_pose
from scenes.catalogue import Catalogue

TILTED = 2.0  # degrees between a world that is given and the plane below the objects, from which on a line says so


def mesh_pose(annotation: Annotation, model: BopModel) -> Float[np.ndarray, "4 4"]:
    """From the mesh's own frame to the camera."""
    return annotation.pose @ model.offset


def world_of(
    picture: BopPicture, kinds: dict[int, int], models: dict[int, BopModel], catalogue: Catalogue
) -> Float[np.ndarray, "4 4"] | None:
    """The world in the camera's axes (OpenCV's): given, or found from true poses; None where there is neither."""
    if picture.world is not None or not picture.truth:
        return picture.world
    of = [kinds[each.obj_id] for each in picture.truth]
    poses = [mesh_pose(each, models[kind]) for each, kind in zip(picture.truth, of, strict=True)]
    return table_pose(poses, of, catalogue)


def tilted_worlds(
    pictures: Sequence[BopPicture], kinds: dict[int, int], models: dict[int, BopModel], catalogue: Catalogue
) -> list[str]:
    """Whether the world that is given is the table that objects stand on, in the first picture of each scene; one line
    about the scene where it is furthest off."""
    firsts = {picture.scene_id: picture for picture in reversed(pictures)}
    off = []
    for scene_id, picture in sorted(firsts.items()):
        found = world_of(replace(picture, world=None), kinds, models, catalogue)
        if picture.world is not None and found is not None:
            cosine = float(np.clip(picture.world[:3, 2] @ found[:3, 2], -1, 1))
            off.append((float(np.degrees(np.arccos(cosine))), scene_id))
    if not off or (worst := max(off))[0] <= TILTED:
        return []
    return [
        f"the world of scene {worst[1]} is {worst[0]:.1f} degrees off the plane that its objects stand on: without "
        "cam_R_w2c and cam_t_w2c that plane would be the table"
    ]

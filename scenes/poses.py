"""Poses as matrices, of column vectors as BOP wants them, in the world and in the camera.

With v a vertex of the mesh as its file has it (in metres, see `Mesh.in_file`), an object's `size` s and::

    x_world = s R_world v + t_world         world axes, +Z up, metres
    x_camera = s R_camera v + t_camera      OpenCV's axes: x right, y down, z forward

The entry's placement (see `Mesh`) puts the mesh down on its face with the base point in the origin; the yaw about +Z
turns it there: `R_world = Rz(yaw) @ R_placement`, `t_world = position + s Rz(yaw) @ t_placement`. Our own meshes stand
as they are made, and their t_world is the object's `position`.
Other code here multiplies row vectors by the transposed matrices: `v @ R_world.T`. An empty slot has the pose of what
it holds.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.view import View

OPENCV = np.array([-1.0, -1.0, 1.0])
"""From view axes (+X left, +Y up, +Z into the scene) to OpenCV's."""


def world_rotations(objects: Objects, catalogue: Catalogue) -> Float[np.ndarray, "batch object 3 3"]:
    """R_world of every slot (numpy)."""
    return yaw_matrices(objects) @ placements(objects, catalogue)[..., :3, :3]


def world_poses(
    objects: Objects, catalogue: Catalogue
) -> tuple[Float[np.ndarray, "batch object 3 3"], Float[np.ndarray, "batch object 3"]]:
    """R_world and t_world (metres) of every slot (numpy)."""
    yaw, placement = yaw_matrices(objects), placements(objects, catalogue)
    size = 1.0 if objects.size is None else np.asarray(objects.size, float)[..., None]
    moved = size * (yaw @ placement[..., :3, 3:])[..., 0]
    return yaw @ placement[..., :3, :3], np.asarray(objects.position, float) + moved


def camera_poses(
    objects: Objects, catalogue: Catalogue, view: View
) -> tuple[Float[np.ndarray, "batch object 3 3"], Float[np.ndarray, "batch object 3"]]:
    """R_camera and t_camera (metres) of every slot (numpy); a view of one picture serves any number."""
    rotation, translation = world_poses(objects, catalogue)
    axes = (np.asarray(view.camera_rotation, float) * OPENCV).swapaxes(-1, -2)[:, None]
    origin = np.asarray(view.camera_translation, float)[:, None] * OPENCV
    return axes @ rotation, (axes @ translation[..., None])[..., 0] + origin


def yaw_matrices(objects: Objects) -> Float[np.ndarray, "batch object 3 3"]:
    """Rz of every slot: counter-clockwise seen from above, of column vectors."""
    yaw = np.asarray(objects.rotation, float)
    cos, sin, zero, one = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw), np.ones_like(yaw)
    return np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], -1).reshape(*yaw.shape, 3, 3)


def placements(objects: Objects, catalogue: Catalogue) -> Float[np.ndarray, "batch object 4 4"]:
    """The placement of each slot's entry. Raises IndexError for an identity that the catalogue does not have."""
    identity = np.asarray(objects.identity)
    if not ((identity >= 0) & (identity < len(catalogue))).all():
        raise IndexError(f"an identity is not one of the {len(catalogue)} entries of the catalogue")
    return np.stack([np.asarray(mesh.placement, float) for mesh in catalogue.meshes])[identity]

"""Poses as matrices, of column vectors as BOP wants them, in the world and in the camera.

With v a vertex of the mesh as `Mesh.vertices` has it (upright, the origin its base point), an object's `size` s and::

    x_world = s R_world v + t_world         world axes, +Z up, metres
    x_camera = s R_camera v + t_camera      OpenCV's axes: x right, y down, z forward

R_world is the turn of the resting face, followed by the yaw about +Z: `Rz(yaw) @ R_face`. Upright, t_world is the
object's `position`; on another face the origin of the mesh stands elsewhere than the base point (see `Mesh.rested`).
Other code here multiplies row vectors by the transposed matrices: `v @ R_world.T`. An empty slot has the pose of what
it holds.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.view import View

OPENCV = np.array([-1.0, -1.0, 1.0])
"""From view axes (+X left, +Y up, +Z into the scene) to OpenCV's."""


def world_rotations(objects: Objects, catalogue: Catalogue) -> Float[np.ndarray, "batch object 3 3"]:
    """R_world of every slot (numpy)."""
    return yaw_matrices(objects) @ resting_poses(objects, catalogue)[0]


def world_poses(
    objects: Objects, catalogue: Catalogue
) -> tuple[Float[np.ndarray, "batch object 3 3"], Float[np.ndarray, "batch object 3"]]:
    """R_world and t_world (metres) of every slot (numpy)."""
    yaw, (turn, shift) = yaw_matrices(objects), resting_poses(objects, catalogue)
    size = 1.0 if objects.size is None else np.asarray(objects.size, float)[..., None]
    moved = size * (yaw @ shift[..., None])[..., 0]
    return yaw @ turn, np.asarray(objects.position, float) + moved


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


def resting_poses(
    objects: Objects, catalogue: Catalogue
) -> tuple[Float[np.ndarray, "batch object 3 3"], Float[np.ndarray, "batch object 3"]]:
    """R and t that put each slot's mesh down on its resting face with the base point in the origin, at yaw 0.

    Raises IndexError for an identity or a face that the catalogue does not have.
    """
    meshes = [[mesh.resting_pose(face) for face in range(len(mesh.resting))] for mesh in catalogue.meshes]
    entry = entries(objects, catalogue)
    turns, shifts = (np.stack([pose[part] for poses in meshes for pose in poses]) for part in (0, 1))
    return turns[entry], shifts[entry]


def entries(objects: Objects, catalogue: Catalogue) -> Int[np.ndarray, "batch object"]:
    """Which (mesh, resting face) each slot is, in the order of `Catalogue.packed`."""
    identity, face = np.asarray(objects.identity), np.asarray(objects.face)
    faces = np.array([len(mesh.resting) for mesh in catalogue.meshes])
    if not ((identity >= 0) & (identity < len(faces))).all():
        raise IndexError(f"an identity is not one of the {len(faces)} meshes of the catalogue")
    if not ((face >= 0) & (face < faces[identity])).all():
        raise IndexError("a resting face is not one of its mesh's")
    return (np.cumsum(faces) - faces)[identity] + face

"""Where the table is in a picture of a data set that has no world: under what stands on it.

Every resting face of every object says which way is up; that way is taken which most objects agree with, standing on
one plane. The plane is then fitted through their lowest points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from scenes.bop.resting import HEIGHT, TILT
from scenes.catalogue import Catalogue

CONTACT = 0.003  # metres above an object's lowest point up to which its corners touch the table
WIDE = 0.01  # metres that contacts must spread over in two directions, to say which way is up

Up = Float[np.ndarray, "3"]


def table_pose(
    poses: Sequence[Float[np.ndarray, "4 4"]], kinds: Sequence[int], catalogue: Catalogue
) -> Float[np.ndarray, "4 4"] | None:
    """The world (+Z up, the table at z = 0) in the camera's axes (OpenCV's, metres), from the poses of objects there.

    Its origin is below the middle of the objects, and +Y leads away from the camera. None where no face of any object
    looks up to the camera.
    """
    corners = [hull_of(pose, kind, catalogue) for pose, kind in zip(poses, kinds, strict=True)]
    ways = [ups(pose, kind, catalogue) for pose, kind in zip(poses, kinds, strict=True)]
    candidates = [(up, index) for index, each in enumerate(ways) for up in each]
    judged = [(agreement(up, index, corners, ways), up) for up, index in candidates]
    seen = [each for each in judged if each[0][0] > 0]
    if not seen:
        return None
    (_, _, plane, standing), up = max(seen, key=lambda each: each[0][:2])
    up, height = fitted(up, plane, [corners[index] for index in standing])
    return world_of(up, height, np.mean([each.mean(0) for each in corners], 0))


def hull_of(pose: Float[np.ndarray, "4 4"], kind: int, catalogue: Catalogue) -> Float[np.ndarray, "corner 3"]:
    """The corners of an object in the camera's axes."""
    mesh = catalogue.meshes[catalogue.entries_of(kind)[0]]
    matrix = pose @ np.linalg.inv(mesh.placement)
    return mesh.hull @ matrix[:3, :3].T + matrix[:3, 3]


def ups(pose: Float[np.ndarray, "4 4"], kind: int, catalogue: Catalogue) -> Float[np.ndarray, "way 3"]:
    """The directions, in the camera's axes, that would be up if the object rested on each of its faces."""
    meshes = [catalogue.meshes[entry] for entry in catalogue.entries_of(kind)]
    ways = np.concatenate([np.asarray(mesh.group, float)[:, :3, :3] @ mesh.placement[2, :3] for mesh in meshes])
    return np.unique(ways.round(4), axis=0) @ pose[:3, :3].T


def agreement(
    up: Up, own: int, corners: Sequence[np.ndarray], ways: Sequence[np.ndarray]
) -> tuple[int, float, float, list[int]]:
    """How many objects stand on the plane below object `own`, minus how far apart their lowest points are (metres), how
    high the plane is along `up`, and which objects those are; none where the camera would be below the table."""
    lowest = np.array([(points @ up).min() for points in corners])
    if lowest[own] >= 0:  # the camera is at 0
        return 0, 0.0, 0.0, []
    agree = np.array([(each @ up).max() >= np.cos(np.radians(TILT)) for each in ways])
    standing = np.flatnonzero(agree & (np.abs(lowest - lowest[own]) < HEIGHT)).tolist()
    return len(standing), -float(np.ptp(lowest[standing])), float(lowest[own]), standing


def fitted(up: Up, height: float, corners: Sequence[np.ndarray]) -> tuple[Up, float]:
    """The plane through what touches the table, each object weighing the same: its normal, and its height along it."""
    touching = [points[points @ up < (points @ up).min() + CONTACT] for points in corners]
    weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in touching])
    points = np.concatenate(touching)
    middle = np.average(points, axis=0, weights=weights)
    _, spread, axes = np.linalg.svd((points - middle) * np.sqrt(weights / weights.sum())[:, None], full_matrices=False)
    if len(spread) < 3 or spread[1] < WIDE:
        return up, height
    normal = axes[2] * np.sign(axes[2] @ up)
    return normal, float(normal @ middle)


def world_of(up: Up, height: float, middle: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """The pose of the world whose +Z is `up`."""
    pose = np.eye(4)
    ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(ahead) < 1e-3:  # it looks straight down: away from it is what is upwards in the picture
        ahead = np.array([0.0, -1.0, 0.0]) + up[1] * up
    ahead /= np.linalg.norm(ahead)
    pose[:3, :3] = np.stack([np.cross(ahead, up), ahead, up], 1)
    pose[:3, 3] = middle + (height - middle @ up) * up
    return pose

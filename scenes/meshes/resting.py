"""The faces that a mesh can rest on, each with its probability when it is dropped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
import trimesh
from jaxtyping import Float

from scenes.meshes.drops import drops
from scenes.meshes.surface import Surface, hull_of
from scenes.meshes.symmetry import Symmetries, symmetry_group
from scenes.meshes.turns import UP, leading, turn

LEAST = 0.05  # share of the drops below which a face is left out
SAME = np.cos(np.radians(9.0))  # between directions of gravity that are one face
UPRIGHT = np.cos(np.radians(12.0))  # of a stable pose that is the upright one but for uneven feet
LEVEL = 0.005  # of the diameter: how uneven feet may be
KNOCK = 0.003  # of the diameter, by which a centre of mass is lifted by chance: a round body rolls on
ROLLED = np.cos(np.radians(25.0))  # between directions of gravity of one face that pictures tell apart
OTHERS = 0.3  # share of a face's drops that end so, above which it rolls
STEADY = np.tan(
    np.radians(5.0)
)  # how far a mesh that stands can be tilted before it falls, if chance puts it so rarely
FINE = 1000  # triangles of a hull above which it is made coarser: the time grows with them
SUPPORTS = 600  # directions in which a coarser hull keeps its outermost points


@dataclass(frozen=True, eq=False)
class Resting:
    """One face: rotation [3, 3] of column vectors, from the mesh's own axes to +Z up; weight, its share of the drops;
    upright: whether the mesh's own up is up; rolls: whether it stands for all turns about an axis of its shape, which
    colours may tell apart; left_out: share of the drops that ends on none of the mesh's faces that are kept."""

    rotation: Float[np.ndarray, "3 3"]
    weight: float
    upright: bool = False
    rolls: bool = False
    left_out: float = 0.0

    @property
    def down(self) -> Float[np.ndarray, "3"]:
        """Direction of gravity in the mesh's own axes."""
        return -self.rotation[2]


def resting_faces(
    solid: trimesh.Trimesh,
    least: float = LEAST,
    up: Float[np.ndarray, "3"] = UP,
    alike: Symmetries | None = None,
    shape: Symmetries | None = None,
) -> list[Resting]:
    """Faces that a mesh may rest on, upright first if it can stand that way, then by weight; weights sum to 1.

    Quasi-static drops of the convex hull from a random pose, see `drops`.
    Poses that a picture cannot tell apart, equal up to a turn about +Z and a symmetry, are one; so are those of a body
    whose shape rolls, whatever is painted on it. What is below `least` is left out, except standing upright.

    up: in the mesh's own axes; alike: its symmetries, of shape and colour; shape: of the shape alone (both measured
    where not given, the first by the shape).
    """
    shape = shape or symmetry_group(Surface.of(np.asarray(solid.vertices), np.asarray(solid.faces)))
    group = (alike or shape).group[:, :3, :3]
    faces: list[list[Resting]] = []
    for poses in _upright_first(solid, np.asarray(up, float), least):
        same = next((face for face in faces if any(_one(pose, face[0], group, shape) for pose in poses)), None)
        if same is None:
            faces.append(poses)
        else:
            same.extend(poses)
    merged = [_merged(face, group, shape) for face in faces]
    merged = [replace(pose, weight=max(pose.weight, least)) if pose.upright else pose for pose in merged]
    merged.sort(key=lambda pose: (not pose.upright, -round(pose.weight, 6)))
    kept = [pose for pose in merged if pose.weight >= least - 1e-9] or merged[:1]
    left_out = float(sum(pose.weight for pose in merged if pose not in kept))
    kept = [pose if pose.upright else _lengthwise(pose, solid) for pose in kept]
    return [replace(pose, weight=pose.weight / sum(each.weight for each in kept), left_out=left_out) for pose in kept]


def _lengthwise(pose: Resting, solid: trimesh.Trimesh) -> Resting:
    """The pose with the long side of its footprint along X, so that a yaw of 0 looks like one."""
    seen = np.asarray(solid.vertices) @ pose.rotation[:2].T
    box = np.asarray(shapely.MultiPoint(seen).minimum_rotated_rectangle.exterior.coords)  # pyright: ignore
    first, second = box[1] - box[0], box[2] - box[1]
    along = first if np.hypot(*first) > 1.001 * np.hypot(*second) else second
    along = along if (round(along[0], 9), along[1]) > (0, 0) else -along
    return replace(pose, rotation=turn(UP, -np.degrees(np.arctan2(along[1], along[0]))) @ pose.rotation)


def _one(pose: Resting, kept: Resting, group: Float[np.ndarray, "turn 3 3"], shape: Symmetries) -> bool:
    """Whether two poses are one face: by a symmetry, or by rolling about an axis of the shape."""
    if (group @ pose.down @ kept.down).max() > SAME:
        return True
    if len(shape.axes) != 1:
        return len(shape.axes) > 1
    angles = np.arccos(np.clip([pose.down @ shape.axes[0], kept.down @ shape.axes[0]], -1, 1))
    return bool(np.cos(angles[0] - angles[1]) > SAME)


def _merged(face: list[Resting], group: Float[np.ndarray, "turn 3 3"], shape: Symmetries) -> Resting:
    """One of several poses for all, the likeliest. Where they differ in how far an axis lies from upright, as those of
    a rounded body do, the mean of that."""
    first, weights = face[0], np.array([pose.weight for pose in face])
    other = np.array([(group @ pose.down @ first.down).max() < ROLLED for pose in face])
    whole = replace(first, weight=float(weights.sum()), rolls=bool(weights @ other > OTHERS * weights.sum()))
    if first.upright or len(shape.axes) != 1:
        return whole
    axis = shape.axes[0]
    angles = np.arccos(np.clip([pose.down @ axis for pose in face], -1, 1))
    tilt = float(angles[0] - angles @ weights / weights.sum())
    normal = np.cross(axis, first.down)
    if (length := float(np.linalg.norm(normal))) < np.sin(np.radians(20)):  # stands on the axis, and stays as it is
        return whole
    down = turn(normal / length, -np.degrees(tilt)) @ first.down
    return replace(whole, rotation=leading(down, -UP))


def _upright_first(solid: trimesh.Trimesh, up: Float[np.ndarray, "3"], least: float) -> list[list[Resting]]:
    """All poses, as `stable_poses` has them; before them the upright one where the mesh can stand so: by chance, or
    because it is not easily tilted over on feet that need not be quite even."""
    poses, steady = stable_poses(solid), steadiness(solid, up) > STEADY
    standing = [pose for each in poses for pose in each if pose.down @ -up > UPRIGHT]
    if steady:
        return [[Resting(leading(up, UP), 0.0, upright=True)], *poses]
    if sum(pose.weight for pose in standing) >= least:
        return [[replace(standing[0], weight=0.0, upright=True)], *poses]
    return poses


def stable_poses(solid: trimesh.Trimesh) -> list[list[Resting]]:
    """All poses in which a dropped mesh can end, likeliest first, in an order that is always the same; those between
    which a knock rolls it are together."""
    hull = coarser(hull_of(np.asarray(solid.vertices)))
    mass = center_mass_of(solid, hull)
    downs, weights, basins = drops(hull, mass, KNOCK * float(np.linalg.norm(hull.extents)))
    downs, chances = np.round(downs, 6) + 0.0, np.bincount(basins, weights)
    together: dict[int, list[Resting]] = {}
    for each in np.lexsort([*downs.T, -np.round(weights, 6), basins, -np.round(chances[basins], 6)]):
        down = downs[each] / np.linalg.norm(downs[each])
        together.setdefault(int(basins[each]), []).append(Resting(leading(down, -UP), float(weights[each])))
    return list(together.values())


def center_mass_of(solid: trimesh.Trimesh, hull: trimesh.Trimesh) -> Float[np.ndarray, "3"]:
    """The centre of mass of a closed mesh's volume; of its convex hull's where the mesh is not closed, or where its
    own is not well inside, as for a surface that is inside out in places."""
    middle = np.asarray(hull.center_mass)
    if not (solid.is_watertight and solid.is_winding_consistent and solid.volume > 0):
        return middle
    own = np.asarray(solid.center_mass)
    depth = np.einsum("fx,fx->f", hull.triangles_center - own, hull.face_normals).min()
    return own if depth > 1e-3 * np.linalg.norm(hull.extents) else middle


def coarser(hull: trimesh.Trimesh) -> trimesh.Trimesh:
    """A hull of thousands of triangles with only its outermost points in some hundred directions."""
    if len(hull.faces) <= FINE:
        return hull
    height = np.linspace(1, -1, SUPPORTS)
    golden, radius = np.pi * (3 - 5**0.5) * np.arange(SUPPORTS), np.sqrt(1 - height**2)
    towards = np.stack([radius * np.cos(golden), radius * np.sin(golden), height], 1)
    outermost = np.unique(np.argmax(np.asarray(hull.vertices) @ towards.T, axis=0))
    return trimesh.Trimesh(np.asarray(hull.vertices)[outermost], process=False).convex_hull


def steadiness(solid: trimesh.Trimesh, up: Float[np.ndarray, "3"]) -> float:
    """Tangent of the angle by which a mesh can be tilted from upright before it falls over; 0 for one that does not
    stand. Its feet are what is within half a percent of its size of the lowest point."""
    hull = hull_of(np.asarray(solid.vertices))
    corners = np.asarray(hull.vertices) @ leading(up, UP).T
    feet = corners[corners[:, 2] < corners[:, 2].min() + LEVEL * np.linalg.norm(hull.extents)]
    mass = leading(up, UP) @ center_mass_of(solid, hull)
    ground, below = shapely.MultiPoint(feet[:, :2]).convex_hull, shapely.Point(mass[:2])
    height = float(mass[2] - corners[:, 2].min())
    return ground.exterior.distance(below) / height if ground.contains(below) else 0.0  # pyright: ignore

"""How objects are laid out: one after the other, redrawn until they neither touch nor hide nor leave the picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely

from scenes.camera import Camera
from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.mesh import Mesh
from scenes.objects import Objects

CANDIDATES = 60  # poses tried for one object before the whole scene is begun anew
LARGEST_YAW = 3.141592  # pi itself, rounded to float32, would lie beyond pi


@dataclass
class Layout:
    """The rules of a table whose top is centred on the origin. Lengths in metres.

    table: extent along x and y; elevation: largest height of a base point; gap: least distance between footprints;
    counts: the numbers of objects that occur, where not all from min_objects to max_objects do;
    max_hidden: largest share of an object's silhouette that nearer ones may cover (both taken as convex);
    margin: free border of the picture, as a share of its shorter side; tries: scenes begun before giving up.
    """

    table: tuple[float, float] = (0.8, 0.8)
    min_objects: int = 0
    max_objects: int = 3
    counts: list[int] | None = None
    repeats: bool = True
    elevation: float = 0.0
    gap: float = 0.01
    max_hidden: float = 0.5
    margin: float = 0.01
    tries: int = 100

    def __post_init__(self) -> None:
        width, depth = numbers("table", self.table, 2)
        self.table = width, depth
        require(min(self.table) > 0, "table", self.table, "two positive lengths in metres")
        require(self.min_objects >= 0, "min_objects", self.min_objects, "0 or more")
        require(self.max_objects >= max(self.min_objects, 1), "max_objects", self.max_objects,
                f"1 or more and at least scene.min_objects ({self.min_objects})")  # fmt: skip
        if self.counts is not None:
            self.counts = list(self.counts)
            fine = {self.min_objects, self.max_objects} <= set(self.counts) <= set(range(self.max_objects + 1))
            require(fine and sorted(set(self.counts)) == self.counts, "counts", self.counts,
                    f"rising numbers that begin with scene.min_objects ({self.min_objects}) and end with "
                    f"scene.max_objects ({self.max_objects})")  # fmt: skip
        require(0 <= self.elevation < math.inf, "elevation", self.elevation, "0 or a height in metres")
        require(0 <= self.gap < math.inf, "gap", self.gap, "0 or a distance in metres")
        require(0 <= self.max_hidden <= 1, "max_hidden", self.max_hidden, "a share between 0 and 1")
        require(0 <= self.margin < 1, "margin", self.margin, "a share of the picture's shorter side, below 1")
        require(self.tries >= 1, "tries", self.tries, "at least 1")

    @property
    def occurring(self) -> tuple[int, ...]:
        """The numbers of objects that scenes have, in rising order; each is as likely."""
        return tuple(self.counts or range(self.min_objects, self.max_objects + 1))

    @property
    def low(self) -> np.ndarray:
        """Lower corner of the box that base points are drawn from, [3]; see `support` for where they can end up."""
        return np.array([-self.table[0] / 2, -self.table[1] / 2, 0.0])

    @property
    def high(self) -> np.ndarray:
        """Upper corner of the box that base points are drawn from, [3]."""
        return np.array([self.table[0] / 2, self.table[1] / 2, self.elevation])


def require(fine: bool, name: str, value: object, wanted: str) -> None:
    """UserError about a setting of the scene that is not `fine`."""
    if not fine:
        shown = list(value) if isinstance(value, tuple) else value
        raise UserError(f"scene.{name} is {shown}: it must be {wanted}")


def numbers(name: str, value: Iterable[float], length: int) -> tuple[float, ...]:
    """A setting that must be `length` finite numbers, as floats."""
    value = tuple(value)
    fine = len(value) == length and all(math.isfinite(number) for number in value)
    require(fine, name, value, f"{length} numbers")
    return tuple(float(number) for number in value)


def support(layout: Layout, catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray]:
    """Corners (low, high), each [3], of the box where base points can be: the prior's support over positions.

    No part of an object leaves the table, so every base point keeps off its edge what the slimmest object needs.
    """
    slimmest = min(mesh.inner_radius for mesh in catalogue.meshes)
    inset = np.array([slimmest, slimmest, 0.0])
    return layout.low + inset, layout.high - inset


@dataclass(frozen=True)
class _Placed:
    """An object on the table, with what the tests against the next one need."""

    identity: int
    position: np.ndarray
    yaw: float
    radius: float
    footprint: shapely.Polygon
    silhouette: shapely.Polygon  # in NDC
    bounds: np.ndarray  # of the silhouette: lowest and highest x, y
    depth: float


def sample(
    layout: Layout, catalogue: Catalogue, camera: Camera, rng: np.random.Generator, count: int | None = None
) -> Objects:
    """Draw one scene, a batch of one with room for max(max_objects, count) objects.

    The count is one of `layout.occurring` unless given; meshes, yaw and base point are uniform before rejection, and a
    mesh's faces have their weights. Without repeats every mesh occurs once at most, on whichever face. A scene with a
    given count equals the one that drew the same count by itself.

    Raises UserError where `count` objects cannot, or almost never, stand on the table.
    """
    drawn = layout.occurring[rng.integers(len(layout.occurring))]
    count = drawn if count is None else count
    check_count(layout, catalogue, count)
    for _ in range(layout.tries):
        scene = _attempt(layout, catalogue, camera, rng, count)
        if scene is not None:
            return _pack(scene, max(layout.max_objects, count))
    raise _too_full(layout, count)


def check_count(layout: Layout, catalogue: Catalogue, count: int) -> None:
    """UserError for a count that the layout excludes, told before any scene is tried."""
    if count < 0:
        raise UserError(f"a scene cannot hold {count} objects: ask for 0 or more")
    kinds = len(catalogue.kinds)
    if not layout.repeats and count > kinds:
        raise UserError(
            f"{count} objects without repeats need as many types, and there are {kinds}: "
            f"ask for at most {kinds}, or set scene.repeats=true"
        )
    smallest = min(mesh.footprint.area for mesh in catalogue.meshes)
    if count * smallest > layout.table[0] * layout.table[1]:
        raise _too_full(layout, count)


def _too_full(layout: Layout, count: int) -> UserError:
    table = f"{layout.table[0]:g} x {layout.table[1]:g} m"
    return UserError(f"{count} objects do not fit on a table of {table}: ask for fewer, or for a larger scene.table")


def _attempt(
    layout: Layout, catalogue: Catalogue, camera: Camera, rng: np.random.Generator, count: int
) -> list[_Placed] | None:
    scene: list[_Placed] = []
    number = len(catalogue.kinds)
    kinds = rng.integers(number, size=count) if layout.repeats else rng.permutation(number)[:count]
    for identity in [_stands(catalogue, int(kind), rng) for kind in kinds]:
        for _ in range(CANDIDATES):
            candidate = _place(layout, catalogue.meshes[identity], identity, camera, rng, scene)
            if candidate is not None and _all_visible(layout, [*scene, candidate]):
                scene.append(candidate)
                break
        else:
            return None
    return scene


def _stands(catalogue: Catalogue, kind: int, rng: np.random.Generator) -> int:
    """The entry of a kind on one of its faces; nothing is drawn where it has one only."""
    entries = catalogue.entries_of(kind)
    weights = catalogue.weights[entries]
    return int(entries[0] if len(entries) == 1 else rng.choice(entries, p=weights / weights.sum()))


def too_close(one: shapely.Polygon, other: shapely.Polygon, gap: float) -> bool:
    """Whether two footprints are nearer than the gap, or without one have more in common than a border."""
    return one.distance(other) < gap or (gap == 0 and one.intersection(other).area > 0)


def _place(
    layout: Layout, mesh: Mesh, identity: int, camera: Camera, rng: np.random.Generator, scene: list[_Placed]
) -> _Placed | None:
    """Draw a pose; None if it leaves the table or the picture, or comes too close to another object."""
    draw = rng.random(4)
    low, high = layout.low, layout.high
    position = (low + draw[:3] * (high - low)).astype(np.float32).astype(float)  # what is kept is what is tested
    yaw = float(np.float32(np.clip(np.pi - 2 * np.pi * draw[3], -LARGEST_YAW, LARGEST_YAW)))
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    outline = mesh.outline @ turn + position[:2]
    if (outline < low[:2]).any() or (outline > high[:2]).any():
        return None
    near = [o for o in scene if np.hypot(*(o.position - position)[:2]) < o.radius + mesh.radius + layout.gap]
    footprint = shapely.Polygon(outline)
    if any(too_close(footprint, other.footprint, layout.gap) for other in near):
        return None
    corners = np.concatenate([mesh.hull[:, :2] @ turn + position[:2], mesh.hull[:, 2:] + position[2]], 1)
    seen = camera.project(corners)[:, :2]
    bounds = np.concatenate([seen.min(0), seen.max(0)])
    if (np.abs(bounds) > np.tile(camera.extent - 2 * layout.margin, 2)).any():
        return None
    silhouette = shapely.MultiPoint(seen).convex_hull
    depth = float(camera.project(position)[2])
    return _Placed(identity, position, yaw, mesh.radius, footprint, silhouette, bounds, depth)  # pyright: ignore


def _all_visible(layout: Layout, scene: list[_Placed]) -> bool:
    """Whether no object is hidden too much, the last one being new and the others known to be fine without it."""
    new = scene[-1]
    for each in scene:
        if each is not new and (each.depth <= new.depth or not _overlap(each, new)):
            continue  # the new object does not stand before this one
        if hidden_share(each, scene) > layout.max_hidden:
            return False
    return True


def hidden_share(each: _Placed, scene: list[_Placed]) -> float:
    """Share of the convex silhouette that is covered by those of nearer objects."""
    nearer = [o.silhouette for o in scene if o.depth < each.depth and _overlap(o, each)]
    if not nearer:
        return 0.0
    cover = nearer[0] if len(nearer) == 1 else shapely.union_all(nearer)
    return each.silhouette.intersection(cover).area / each.silhouette.area


def _overlap(a: _Placed, b: _Placed) -> bool:
    return bool((a.bounds[:2] < b.bounds[2:]).all() and (b.bounds[:2] < a.bounds[2:]).all())


def _pack(scene: list[_Placed], slots: int) -> Objects:
    objects = Objects.empty(1, slots)
    for slot, placed in enumerate(scene):
        objects.identity[0, slot] = placed.identity
        objects.position[0, slot] = placed.position
        objects.rotation[0, slot] = placed.yaw
        objects.presence[0, slot] = True
    return objects

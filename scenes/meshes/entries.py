"""A folder of anybody's meshes as a catalogue, and a line about each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
import trimesh

from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.mesh import Mesh
from scenes.meshes.corners import assembled
from scenes.meshes.files import Unusable, content, plain_name
from scenes.meshes.find import LEVELS, Found, mesh_files
from scenes.meshes.load import load
from scenes.meshes.overrides import Override, overrides
from scenes.meshes.paint import Points, painted
from scenes.meshes.repair import pieces, welded, wound
from scenes.meshes.sizes import listed_sizes, up_of
from scenes.meshes.standing import on_faces
from scenes.meshes.surface import POINTS as SURFACE_POINTS
from scenes.meshes.surface import Surface
from scenes.meshes.thickness import thickened
from scenes.meshes.thin import simplified
from scenes.meshes.turning_axis import turning_axis
from scenes.meshes.units import not_flat, scale, up_axis, upright
from scenes.meshes.visible import Seen

HIDDEN = 0.005
"""Share of directions from which a face is seen, below which it is not."""

BEHIND = 0.02
"""Share of directions from which the back of an open surface is seen, above which it is painted too."""


@dataclass(frozen=True)
class Reading:
    """How meshes are read. up: axis of all files that points up, null: by the rules of `units.up_axis`; triangles: most
    of one mesh; resting: upright; or on all faces that are stable with a probability of least_weight or more, with that
    (stable) or as often on each (placed)."""

    up: str | None = None
    triangles: int = 500
    resting: str = "upright"
    least_weight: float = 0.05


@dataclass(frozen=True)
class Understood:
    """A catalogue, a line about each of its meshes, and one about each that was left out."""

    catalogue: Catalogue
    lines: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A mesh in metres, +Z up, at the place that it has in its file. placement [4, 4]: from metres in the file's axes;
    solid: its outside, whole; thin: at most as many triangles as wanted, with a colour each;
    points: on its painted outside, whole."""

    name: str
    solid: trimesh.Trimesh
    thin: trimesh.Trimesh
    colours: np.ndarray
    back: np.ndarray
    points: Points
    placement: np.ndarray
    line: str


def understand(folder: Path, reading: Reading) -> Understood:
    """Read a folder, once for as long as its files stay the same. UserError where none of its meshes can be used."""
    found = mesh_files(folder)
    return understood(folder, reading, tuple(found), tuple(content(folder, LEVELS)))


@lru_cache(8)
def understood(folder: Path, reading: Reading, found: tuple[Found, ...], files: tuple[object, ...]) -> Understood:
    said, listed = overrides(folder, found), listed_sizes(folder, found)
    meshes, lines, left_out, names = [], [], [], {}
    for each in found:
        told = said.get(each.path, Override())
        if not told.use:
            continue
        name = plain_name(told.name or each.name)
        try:
            if name in names:
                raise Unusable(f"has the name of {names[name]}: give it another name in meshes.yaml")
            prepared = prepare(folder, each, name, told, reading, listed.get(each.path))
            standing, notes = entries(prepared, told, reading)
            meshes += standing
            lines.append("; ".join([prepared.line, *notes]))
            names[name] = each.path.as_posix()
        except Exception as error:  # of the libraries, too: a folder of many is not lost for one of them
            left_out.append(f"{plain_name(each.path.as_posix())}: left out, it {reason(error)}")
    if not meshes:
        why = left_out[0] if left_out else "meshes.yaml leaves all of them out"
        raise UserError(f"none of the meshes in {folder} can be used ({why})")
    return Understood(Catalogue(tuple(meshes)), tuple(lines), tuple(left_out))


def reason(error: Exception) -> str:
    """Why a mesh is left out, in one line."""
    if isinstance(error, Unusable):
        return str(error)
    return " ".join(f"could not be understood ({type(error).__name__}: {error})".split())


def prepare(
    folder: Path, found: Found, name: str, told: Override, reading: Reading, listed: np.ndarray | None = None
) -> Prepared:
    """One mesh read, put right and painted; listed: its width, depth and height in metres. Unusable, with the
    reason."""
    parts, notes = load(folder, found.path)
    solid, numbers, mended = welded(parts)
    extents = solid.extents
    as_listed = told.units is None and told.size is None and listed is not None
    longest = told.size if listed is None or not as_listed else float(listed.max())
    metres, units = scale(extents, told.units, longest)
    not_flat(extents)
    guessed, why = up_axis(found.path.suffix.lower()[1:], solid)
    if listed is not None and (high := up_of(listed, extents, guessed)) != guessed:
        guessed, why = high, f"{high} up, to be as high as listed"
    up = told.up or reading.up or guessed
    turn = upright(up)
    parts = [replace(part, vertices=part.vertices * metres @ turn.T) for part in parts]
    solid = trimesh.Trimesh(solid.vertices * metres @ turn.T, solid.faces, process=False)
    solid, looked, turned = wound(solid)
    closed, piece = pieces(solid)
    shown = outside_of(solid, looked, piece)
    outside = trimesh.Trimesh(solid.vertices, solid.faces[shown], process=False)
    outside.remove_unreferenced_vertices()
    behind = (looked.back > BEHIND) & ~closed[piece]
    points = painted(outside, numbers[shown], parts, behind[shown])
    outside = thickened(outside, looked.front[shown])
    if told.colour is not None:
        points = replace(points, colours=np.broadcast_to(told.colour, points.colours.shape))
    thin, colours, back = simplified(outside, points, reading.triangles)
    placement = np.eye(4)
    placement[:3, :3] = turn
    about = [
        "size as listed" if as_listed else units,
        f"{up} up" if up != guessed or told.up or reading.up else why,
        *([] if shown.all() else [f"{int((~shown).sum()):,} hidden faces left out"]),
        *mended,
        *turned,
        *([f"open: {int(back.sum()):,} painted from both sides"] if back.any() else []),
        *(["without material: grey"] if any(part.bare for part in parts) and told.colour is None else []),
        *notes,
    ]
    size = " x ".join(f"{100 * side:.1f}" for side in solid.extents)
    total = sum(len(part.faces) for part in parts)
    line = f"{name}: {size} cm, {len(thin.faces) + int(back.sum()):,} triangles for {total:,}; {'; '.join(about)}"
    return Prepared(name, solid, thin, colours, back, points, placement, line)


def outside_of(solid: trimesh.Trimesh, looked: Seen, piece: np.ndarray) -> np.ndarray:
    """Which faces [F] are seen from somewhere, with those beside them: a hole costs more than a triangle. piece [F]."""
    share = looked.front + looked.back
    shown = share > HIDDEN
    shown |= np.isin(solid.faces, solid.faces[shown]).any(1)
    areas = np.asarray(solid.area_faces)
    of_pieces = np.bincount(piece, share * areas) / np.bincount(piece, areas)
    return shown & (of_pieces > HIDDEN)[piece]


def entries(prepared: Prepared, told: Override, reading: Reading) -> tuple[list[Mesh], list[str]]:
    """The mesh on each face that it may rest on, and what there is to say about that. Unusable where it is to rest on a
    face that there is not."""
    thin, solid = prepared.thin.copy(), prepared.solid.copy()
    surface = whole(prepared.points, np.asarray(solid.vertices))
    down = -np.array([*turning_axis(surface, middle(thin)), thin.bounds[0, 2]])
    surface = surface.moved(down)
    thin.apply_translation(down)
    solid.apply_translation(down)
    placement = prepared.placement.copy()
    placement[:3, 3] += down
    mesh = replace(assembled(prepared.name, thin, prepared.colours, prepared.back), placement=placement)
    upright = reading.resting == "upright" and told.rest is None
    standing, said = on_faces(mesh, solid, surface, reading.least_weight, upright)
    if told.rest is not None:
        if wrong := sorted(set(told.rest) - {each.face for each in standing}):
            raise Unusable(f"rests on faces 0 to {len(standing) - 1}, and not on {wrong[0]} as meshes.yaml says")
        standing = [each for each in standing if each.face in told.rest]
        total = sum(each.weight for each in standing)
        standing = [replace(each, weight=each.weight / total) for each in standing]
    if reading.resting == "placed":
        standing = [replace(each, weight=1 / len(standing)) for each in standing]
    if told.symmetry is not None and standing[0].face == 0:
        standing[0] = replace(standing[0], symmetry=told.symmetry)
    return standing, said


def whole(points: Points, corners: np.ndarray) -> Surface:
    """The painted surface before it was thinned, for its symmetries; what is seen from behind has that side too."""
    some = slice(None, None, -(-len(points.places) // SURFACE_POINTS))
    places, normals, colours, back = (
        array[some] for array in (points.places, points.normals, points.colours, points.back)
    )
    both = (
        np.concatenate(pair) for pair in ((places, places[back]), (normals, -normals[back]), (colours, colours[back]))
    )
    places, normals, colours = both
    return Surface.at(places, normals, colours, corners)


def middle(solid: trimesh.Trimesh) -> np.ndarray:
    """The centroid of its footprint, [2]: whatever the origin of its file."""
    hull = shapely.MultiPoint(np.asarray(solid.vertices)[:, :2]).convex_hull
    return np.asarray(hull.centroid.coords[0])

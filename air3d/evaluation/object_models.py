"""What poses of one mesh are compared by: its points, its diameter, and the motions that change nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist

from scenes.bop.models import BopModel
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh

POINTS = 1000  # at most, of those that mean distances are taken over
TURNS = 315  # of a body of revolution: its rim moves by 1 % of its diameter from one to the next, as in BOP's toolkit


@dataclass(frozen=True, eq=False)
class ObjectModel:
    """One kind of mesh in the frame of its own file, metres.

    points [P, 3] of its surface; hull [H, 3]: the corners of its convex hull; group [S, 4, 4]: rigid motions that
    change nothing that a picture shows, the first of them none; diameter: the largest distance between two points.
    """

    points: np.ndarray
    hull: np.ndarray
    group: np.ndarray
    diameter: float

    @property
    def symmetric(self) -> bool:
        return len(self.group) > 1


def object_models(catalogue: Catalogue) -> list[ObjectModel]:
    """One for each kind of the catalogue, whichever of its faces an entry stands on."""
    firsts = [int(np.flatnonzero(catalogue.kind_of == kind)[0]) for kind in range(len(catalogue.kinds))]
    return [object_model(catalogue.meshes[entry]) for entry in firsts]


def as_stated(models: Sequence[ObjectModel], stated: Mapping[int, BopModel]) -> list[ObjectModel]:
    """The models with the diameters and symmetries that a data set states, by number of the kind, where it does."""
    changed = list(models)
    for kind, about in stated.items():
        if about.group is not None:
            changed[kind] = replace(changed[kind], group=about.group)
        if about.diameter is not None:
            changed[kind] = replace(changed[kind], diameter=about.diameter)
    return changed


def object_model(mesh: Mesh) -> ObjectModel:
    """Of a mesh. Its vertices are split where colours jump: each place counts once; of many, evenly chosen ones do."""
    back = np.linalg.inv(mesh.placement)
    places = np.unique(np.asarray(mesh.vertices, float), axis=0) @ back[:3, :3].T + back[:3, 3]
    hull = mesh.hull @ back[:3, :3].T + back[:3, 3]
    points = places[np.linspace(0, len(places) - 1, min(len(places), POINTS)).round().astype(int)]
    return ObjectModel(points, hull, symmetry_group(mesh), float(pdist(hull).max()))


def symmetry_group(mesh: Mesh) -> Float[np.ndarray, "motion 4 4"]:
    """The group that the mesh states; where it states none, the turns about +Z, as it stands, that do not show.

    A body of revolution turns in steps of its group (5 degrees or so), which are divided further here: half a step off
    is 2 % of a diameter.
    """
    stated = np.asarray(mesh.group, float)
    if mesh.symmetry == 1:
        return stated
    if len(stated) > 1:
        turns = np.radians(np.arange(-2, 3.0)) if mesh.symmetry == 0 else np.zeros(1)
    else:
        turns = 2 * np.pi * np.arange(mesh.symmetry or TURNS) / (mesh.symmetry or TURNS)
    placed = np.linalg.inv(mesh.placement) @ about_z(turns) @ mesh.placement
    return (placed[:, None] @ stated).reshape(-1, 4, 4)


def about_z(angles: Float[np.ndarray, " angle"]) -> Float[np.ndarray, "angle 4 4"]:
    """Turns of column vectors about +Z."""
    motions = np.tile(np.eye(4), (len(angles), 1, 1))
    motions[:, 0, 0] = motions[:, 1, 1] = np.cos(angles)
    motions[:, 1, 0] = np.sin(angles)
    motions[:, 0, 1] = -motions[:, 1, 0]
    return motions

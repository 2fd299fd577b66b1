"""What room objects take on the table: where one can stand, and where one stands already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from air3d.model.prior import Prior
from renderers.projection import once
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh
from scenes.objects import Objects
from scenes.view import View, shared


class Footprints(nn.Module):
    """Heights of a catalogue's meshes, and radii of the circles that footprints cover at any yaw, [identity] metres."""

    heights: Tensor
    radii: Tensor
    directions: Tensor

    def __init__(self, catalogue: Catalogue, prior: Prior) -> None:
        super().__init__()
        heights = torch.tensor([float(mesh.vertices[:, 2].max()) for mesh in catalogue.meshes])
        self.register_buffer("heights", heights, persistent=False)
        self.register_buffer("radii", torch.tensor([mesh.inner_radius for mesh in catalogue.meshes]), persistent=False)
        directions = torch.tensor([direction(mesh) for mesh in catalogue.meshes], dtype=torch.float32)
        self.register_buffer("directions", directions, persistent=False)
        self.prior = [prior]  # in a list: it is the posterior's module, not one of this

    def stands(
        self, place: Float[Tensor, "batch 2"], identity: Int[Tensor, " batch"], view: View
    ) -> Float[Tensor, "batch 2"]:
        """Where an object stands whose middle hides that place on the table, both in shares of the table's sides."""
        eye = once(view, ("eye", place.dtype), lambda: eyes(view).to(place))
        table = self.metres(place)
        share = self.heights[identity, None] / 2 / eye[:, 2:]
        return self.prior[0].to_unit(table + share * (eye - table))[:, :2]

    def apart(
        self,
        identity: Int[Tensor, " batch"],
        place: Float[Tensor, "batch 2"],
        others: Int[Tensor, " batch"],
        places: Float[Tensor, "batch 2"],
        squeezed: float = 0.0,
    ) -> Bool[Tensor, " batch"]:
        """Whether two objects can stand there (metres) at once: their circles overlap by less than `squeezed`."""
        return (place - places).norm(dim=-1) > self.radii[identity] + self.radii[others] - squeezed

    def taken(self, place: Float[Tensor, "batch 2"], others: Sequence[Objects], own: bool) -> Float[Tensor, " batch"]:
        """1 where a place, in shares of the table's sides, lies in the circle of one of the others, 0 elsewhere; `own`:
        in that of its mesh, otherwise in the smallest of all."""
        away = self.metres(place)[:, :2]
        near = [
            (away - other.position[:, 0, :2]).norm(dim=-1)
            < (self.radii[other.identity[:, 0]] if own else self.radii.min())
            for other in others
        ]
        return torch.stack(near).any(0).to(place) if near else torch.zeros_like(place[:, 0])

    def metres(self, place: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3"]:
        return self.prior[0].to_metres(F.pad(place, (0, 1)))


def direction(mesh: Mesh) -> float:
    """The direction in which a mesh at yaw 0 is longest, seen from above, radians."""
    corners = mesh.vertices[mesh.faces].astype(float)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    middles = corners.mean(1)[:, :2]
    away = middles - np.average(middles, axis=0, weights=areas)
    (xx, xy), (_, yy) = (away * areas[:, None]).T @ away
    return float(0.5 * np.arctan2(2 * xy, xx - yy))


def eyes(view: View) -> Float[Tensor, "#batch 3"]:
    """Where the cameras stand, metres; one row where all pictures share one."""
    cameras = view.camera_rotation, view.camera_translation
    rotation, translation = (x[:1] for x in cameras) if all(map(shared, cameras)) else cameras
    return -(rotation @ translation[..., None])[..., 0]

"""Predictions as JSON and in words: which object, where in metres, how turned, and how sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from air3d.inference.believed import written_world
from air3d.inference.conformal import ConformalRegions, Spread, spread
from air3d.inference.predictions import Predictions
from air3d.model.elbo import log_count_posterior
from air3d.model.latents import LATENTS, Latent
from air3d.model.prior import Prior
from renderers.convert import to_numpy
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.poses import camera_poses, world_rotations
from scenes.view import View

WRITTEN_AS = {"position": "3d_coords"}
"""CLEVR's words, where it has one."""


@dataclass
class Serializer:
    """Turns predictions into what JSON holds. `level`: of the regions; `latents`: the table of the network."""

    catalogue: Catalogue
    prior: Prior
    conformal: ConformalRegions
    level: float
    latents: Sequence[type[Latent]] = LATENTS

    def scenes(self, predictions: Predictions, view: View, inferred: Sequence[str] = ()) -> list[dict[str, Any]]:
        """One dictionary for each picture. `view`: what is believed of them (numpy); `inferred`: parts of it that were.

        count: the probability of every number of objects. objects: those that are present (see `entry`). mean_square:
        what is left unexplained; doubtful: whether that is more than in any calibration scene, as a multiple of the
        noise where that is inferred. world: what was inferred of it (see `written_world`), where anything was.
        """
        of = spread(predictions, self.prior, self.catalogue.symmetries)
        regions = self.conformal.regions(of, predictions.objects.identity.flatten().numpy(), self.level)
        counts = log_count_posterior(predictions.rho.double().logit(), self.prior.min_objects).exp().tolist()
        objects = to_numpy(predictions.objects)
        poses, scenes = self.poses(objects, view), []
        doubtful = (predictions.misfit > self.conformal.largest_misfit).tolist()
        for index, error in enumerate(predictions.unexplained.tolist()):
            present = np.flatnonzero(objects.presence[index]).tolist()
            scenes.append(
                {
                    "count": {str(n): share for n, share in enumerate(counts[index])},
                    "objects": [
                        self.entry(predictions, objects, index, slot, regions) | poses[index][slot] for slot in present
                    ],
                    "mean_square": error,
                    "doubtful": doubtful[index],
                    **({"world": world} if (world := written_world(view, index, inferred)) else {}),
                }
            )
        return scenes

    def entry(
        self, predictions: Predictions, objects: Objects, index: int, slot: int, regions: Spread
    ) -> dict[str, Any]:
        """One object of one picture; `objects` are those of the predictions, in numpy.

        shape: the mesh; face: the one that it rests on; every latent of the table (3d_coords in metres, rotation in
        radians, None for a body of revolution); identity: the probability of every entry of the catalogue, by its name;
        presence: that it is there; region: of `level`, half the axes of the ellipse, x and y in metres, and half the
        width of the interval of the rotation in radians.
        """
        row, identity = index * predictions.steps + slot, int(predictions.objects.identity[index, slot])
        mesh, names = self.catalogue.meshes[identity], self.catalogue.names
        symmetry = mesh.symmetry
        values = {
            WRITTEN_AS.get(latent.name, latent.name): latent.written(
                getattr(objects, latent.name)[index, slot], symmetry
            )
            for latent in self.latents
        }
        return {
            "shape": mesh.name,
            "face": mesh.face,
            **values,
            "identity": dict(zip(names, predictions.identity[index, slot].tolist(), strict=True)),
            "presence": predictions.rho[index, : slot + 1].prod().item(),
            "region": {
                "x": regions.axes[row, 0].item(),
                "y": regions.axes[row, 1].item(),
                "rotation": regions.turn[row].item() if symmetry > 0 else None,
            },
        }

    def poses(self, objects: Objects, view: View) -> list[list[dict[str, Any]]]:
        """Full poses of every slot, in the world and in the camera's axes (scenes/poses.py)."""
        world = world_rotations(objects, self.catalogue)
        rotation, translation = camera_poses(objects, self.catalogue, to_numpy(view))
        return [
            [
                {
                    "R_world": world[b, n].tolist(),
                    "R_camera": rotation[b, n].tolist(),
                    "t_camera": translation[b, n].tolist(),
                }
                for n in range(objects.slots)
            ]
            for b in range(len(objects))
        ]


def scene_text(scene: dict[str, Any]) -> str:
    """A scene in one line."""
    objects, number = "; ".join(map(object_text, scene["objects"])), len(scene["objects"])
    warning = "DOUBTFUL, explained worse than any calibration scene: " if scene["doubtful"] else ""
    return f"{warning}{number} ({scene['count'][str(number)]:.0%}){': ' * bool(objects)}{objects}"


def object_text(entry: dict[str, Any]) -> str:
    """`mug at (12.3, -4.5) ± (0.4, 0.5) cm, turned 35 ± 12 degrees`, with how sure the shape is if it is not."""
    name = entry["shape"] if entry["shape"] in entry["identity"] else "{shape}/{face}".format(**entry)
    (x, y, _), region, sure = entry["3d_coords"], entry["region"], entry["identity"][name]
    shape = name + (f" ({sure:.0%})" if sure < 0.995 else "")
    where = f"{shape} at ({100 * x:.1f}, {100 * y:.1f}) ± ({100 * region['x']:.1f}, {100 * region['y']:.1f}) cm"
    if entry["rotation"] is None:
        return where
    yaw, width = math.degrees(entry["rotation"]), math.degrees(region["rotation"])
    return f"{where}, turned {yaw:.0f} ± {width:.0f} degrees"

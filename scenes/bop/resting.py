"""From a full pose to an entry that stands on the table: which face is down, where, and how it is turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scenes.catalogue import Catalogue
from scenes.mesh import Mesh

TILT = 10.0  # degrees by which an object that rests on a face may lean
HEIGHT = 0.01  # metres by which its lowest point may be off the table


@dataclass(frozen=True)
class Stand:
    """An object as an entry of a catalogue: its base point (metres) and yaw; tilt, degrees, between the entry and what
    was given; lowest: height of its lowest point above the table, metres."""

    entry: int
    position: np.ndarray
    yaw: float
    tilt: float
    lowest: float

    @property
    def rests(self) -> bool:
        return self.tilt <= TILT and abs(self.lowest) <= HEIGHT


def stand(pose: Float[np.ndarray, "4 4"], kind: int, catalogue: Catalogue) -> Stand:
    """The entry of a kind that fits best to a pose from the mesh's file to the world (metres, +Z up)."""
    stands = [of_entry(pose, int(entry), catalogue.meshes[entry]) for entry in catalogue.entries_of(kind)]
    return min(stands, key=lambda each: each.tilt)


def of_entry(pose: Float[np.ndarray, "4 4"], entry: int, mesh: Mesh) -> Stand:
    """Of all motions that do not show, the one that leaves it most upright; the first of several."""
    placed = pose @ np.asarray(mesh.group, float) @ np.linalg.inv(mesh.placement)
    best = placed[np.argmax(placed[:, 2, 2].round(9))]
    tilt = float(np.degrees(np.arccos(np.clip(best[2, 2], -1, 1))))
    yaw = float(np.arctan2(best[1, 0] - best[0, 1], best[0, 0] + best[1, 1]))
    lowest = float((mesh.hull @ best[2, :3]).min() + best[2, 3])
    return Stand(entry, best[:3, 3], yaw, tilt, lowest)

"""Which catalogue a scene has: one of ours by its name, or one made of somebody's meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scenes.catalogue import Catalogue, catalogue
from scenes.catalogue_file import read_catalogue
from scenes.errors import UserError, nearest
from scenes.meshes.entries import Reading, Understood, understand
from scenes.meshes.units import AXES

MESHES = "meshes"
"""The name of a catalogue that is made of a folder."""

FILE = "catalogue.npz"
"""What a run and a data set keep of such a catalogue."""

RESTING = ("upright", "stable", "placed")


@dataclass
class CatalogueConfig:
    """catalogue: a name of ours, or `meshes`: those in the folder (or the file that `save_catalogue` wrote) `meshes`.
    resting: upright; stable, on every face of probability least_weight or more; placed, on each of them as often;
    triangles: most of one mesh; up: the axis of all files that points up, None: by the rules of `scenes.meshes.units`.
    """

    catalogue: str = "crockery"
    meshes: str | None = None
    resting: str = "upright"
    least_weight: float = 0.05
    triangles: int = 500
    up: str | None = None

    def check(self) -> None:
        """UserError for what cannot be."""
        if self.meshes is None and self.catalogue == MESHES:
            raise UserError("give scene.meshes=FOLDER, a folder of meshes")
        if self.meshes is not None and self.catalogue != MESHES:
            raise UserError("scene.meshes is for scene=meshes: give both")
        if self.resting not in RESTING:
            raise UserError(f"there is no scene.resting={self.resting}; {nearest(self.resting, RESTING)}")
        if not 0 < self.least_weight <= 1:
            raise UserError(f"scene.least_weight is {self.least_weight}: it must be a probability above 0")
        if self.triangles < 20:
            raise UserError(f"scene.triangles is {self.triangles}: it must be 20 or more")
        if self.up is not None and self.up not in AXES:
            raise UserError(f"scene.up is {self.up}: it must be one of {', '.join(AXES)}, or null")


def catalogue_of(config: CatalogueConfig) -> Catalogue:
    """The catalogue of a configuration. UserError where a folder has none."""
    if config.meshes is None:
        return catalogue(config.catalogue)
    if Path(config.meshes).is_file():
        return read_catalogue(config.meshes)
    return folder(config).catalogue


def understood(config: CatalogueConfig) -> tuple[str, ...]:
    """A line about each mesh of the folder, and about each that was left out; none where there is no folder to read."""
    read = reading_of(config)
    return (*read.lines, *read.left_out) if read else ()


def reading_of(config: CatalogueConfig) -> Understood | None:
    """What was read of the folder; None where there is no folder to read."""
    return None if config.meshes is None or Path(config.meshes).is_file() else folder(config)


def folder(config: CatalogueConfig) -> Understood:
    assert config.meshes is not None
    reading = Reading(config.up, config.triangles, config.resting, config.least_weight)
    return understand(Path(config.meshes), reading)

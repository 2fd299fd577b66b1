"""What is shown and said about each entry of a catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from air3d.report.preview.pictures import Studio
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh
from scenes.meshes.symmetry import STEP


@dataclass(frozen=True)
class Card:
    """An entry: its pictures (see `PICTURES`), and facts as pairs of a word and what it says."""

    kind: str
    face: int
    pictures: list[Image.Image]
    facts: list[tuple[str, str]]


def cards(catalogue: Catalogue, studio: Studio) -> list[Card]:
    """Of every entry, in the catalogue's order."""
    meshes = catalogue.meshes
    return [
        Card(mesh.name, mesh.face, studio.pictures(meshes, entry), facts(mesh)) for entry, mesh in enumerate(meshes)
    ]


def facts(mesh: Mesh) -> list[tuple[str, str]]:
    """In words, lengths in centimetres."""
    width, depth, height = (100 * (mesh.vertices.max(0) - mesh.vertices.min(0))).tolist()
    return [
        ("face", f"{mesh.face}: {100 * mesh.weight:.0f} % of the times it is put down"),
        ("size", f"{width:.1f} x {depth:.1f} x {height:.1f} cm (along X, along Y, high)"),
        ("footprint", f"{1e4 * mesh.footprint.area:.1f} cm2, its base point {base_point(mesh)}"),
        ("about the vertical", turns(mesh.symmetry)),
        ("about any axis", group(len(mesh.group))),
        ("triangles", f"{len(mesh.faces)}"),
    ]


def base_point(mesh: Mesh) -> str:
    middle = mesh.footprint.centroid
    beside = 100 * float(np.hypot(middle.x, middle.y))
    return "in the middle" if beside < 0.05 else f"{beside:.1f} cm from the middle"


def turns(symmetry: int) -> str:
    """The symmetry about +Z in words."""
    if symmetry == 0:
        return "a body of revolution: no turn shows"
    if symmetry == 1:
        return "no symmetry: every turn shows"
    return f"{symmetry}-fold symmetry: the same after {360 / symmetry:.4g} degrees"


def group(size: int) -> str:
    """The whole group in words: one that turns continuously is listed in steps of 5 degrees, a ball's in its own."""
    whole = round(360 / STEP)
    if size == 1:
        return "no turn leaves it the same"
    if size < whole:
        return f"{size} turns leave it the same, the one by nothing among them"
    return {whole: "any turn about one axis", 2 * whole: "any turn about one axis, and upside down"}.get(
        size, "any turn"
    )

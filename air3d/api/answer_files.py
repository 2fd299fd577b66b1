"""Answers on disk, picture by picture: scenes.json, objects.csv, overlays, 3D models. Nothing is kept in memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from air3d.api.question import Picture
from air3d.api.scene import Scene
from air3d.files import atomic, plain
from scenes.errors import UserError
from scenes.parsing import read_json
from scenes.unlabelled import shown

COLUMNS = (
    *("picture", "shape", "face", "presence", "identity", "x", "y", "z", "rotation"),
    *("region_x", "region_y", "region_rotation", "doubtful"),
)
"""Of objects.csv, a line an object: metres and radians."""

ASKED = "asked_about"
ANSWERS = {ASKED, "calibration_scenes"}
"""Each says in the head of a scenes.json that it holds answers and no truth; version 0.1.0 wrote the second alone."""


def refuse(out: Path, pictures: str) -> None:
    """UserError where answers would take the place of somebody's labels."""
    path = out / "scenes.json"
    if path.is_file() and not ANSWERS & head(path).keys():
        here = "the pictures' own labels" if out.resolve() == Path(pictures).resolve() else "a data set"
        raise UserError(f"{path} would be written over: it holds {here}; choose another out=FOLDER")


def head(path: Path) -> dict[str, Any]:
    try:
        info = read_json(path).get("info")
    except UserError:
        return {}
    return info if isinstance(info, dict) else {}


class Answers:
    """Open files, to which each picture's scene is added."""

    def __init__(self, out: Path, scenes: TextIO, table: TextIO, overlays: bool) -> None:
        self.out, self.scenes, self.overlays, self.number = out, scenes, overlays, 0
        self.table = csv.writer(table, lineterminator="\n")
        self.table.writerow(COLUMNS)

    def add(self, picture: Picture, scene: Scene, model_too: bool) -> None:
        """`model_too`: as a GLB file as well."""
        entry = json.dumps(plain({**picture.about, "crop": list(scene.crop), **scene.entry}), allow_nan=False)
        self.scenes.write((",\n" if self.number else "\n") + entry)
        self.table.writerows(lines(picture, scene))
        if self.overlays:
            scene.plot(self.out / f"{picture.label}_found.png")
        if model_too:
            scene.to_glb(self.out / f"{picture.label}.glb")
        self.number += 1


@contextmanager
def answers(out: Path, about: dict[str, Any], overlays: bool) -> Iterator[Answers]:
    """scenes.json and objects.csv in that folder, which appear whole when all is answered."""
    with (
        atomic(out / "scenes.json") as json_path,
        atomic(out / "objects.csv") as csv_path,
        json_path.open("w", encoding="utf-8") as scenes,
        csv_path.open("w", encoding="utf-8", newline="") as table,
    ):
        scenes.write(f'{{"info": {json.dumps(plain(about), allow_nan=False)},\n"scenes": [')
        yield Answers(out, scenes, table, overlays)
        scenes.write("\n]}\n")


def lines(picture: Picture, scene: Scene) -> Iterator[tuple[Any, ...]]:
    for entry in scene.entry["objects"]:
        region, name = entry["region"], entry["shape"]
        sure = entry["identity"][name if name in entry["identity"] else f"{name}/{entry['face']}"]
        yield (
            *(shown(picture.about["image_filename"]), name, entry["face"] or "", entry["presence"], sure),
            *(*entry["3d_coords"], entry["rotation"], region["x"], region["y"], region["rotation"]),
            scene.doubtful,
        )

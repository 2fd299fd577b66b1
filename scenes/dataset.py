"""Frozen data sets: `images/000000.png ...`, `scenes.json` in CLEVR's words, `manifest.json` with every file's SHA-256;
`backgrounds/` where pictures of the empty table belong to the views, in 8 bits; `catalogue.npz` where the catalogue is
made of somebody's meshes.

The same request gives the same bytes, and nothing is ever overwritten. This file writes them, `reading.py` reads them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scenes.arrays import shared
from scenes.catalogue import Catalogue
from scenes.catalogue_file import save_catalogue
from scenes.catalogues import FILE, CatalogueConfig
from scenes.errors import UserError
from scenes.labels import scene_labels
from scenes.manifest import manifest
from scenes.objects import Objects
from scenes.parsing import read_json
from scenes.reading import Dataset, read_dataset
from scenes.scene import Scene, SceneConfig
from scenes.view import View
from scenes.view_labels import PARTS, background_name, view_labels

__all__ = ["Dataset", "check_out", "describe", "read_dataset", "write_dataset"]

FORMAT = "air3d-dataset-2"
OURS = ("air3d-dataset-1", FORMAT)

UNITS = {
    "3d_coords": "metres, base point, +Z up",
    "rotation": "radians about +Z",
    "R_world": "turns column vectors of the mesh into the world",
    "R_camera, t_camera": "x_camera = size R_camera x_mesh + t_camera, metres; x right, y down, z forward",
    "camera": "pixels; x_view = x_world @ rotation + translation, metres, +X left, +Y up, +Z into the scene",
}


def describe(
    scene: Scene, view: View, seed: int, extra: dict[str, Any] | None = None, stated: Sequence[str] = tuple(PARTS)
) -> dict[str, Any]:
    """The head of scenes.json: what decides the bytes of a data set, and what its pictures' views share.

    view: of all pictures, numpy; extra: what the caller adds; stated: the parts of the views that are told, see
    `view_labels`: whoever reads the data set takes the others from elsewhere.
    """
    return {
        "format": FORMAT,
        "units": UNITS,
        "catalogue": list(scene.catalogue.kinds),
        "fingerprints": scene.catalogue.fingerprints,
        **({} if scene.config.meshes is None else {"catalogue_file": FILE}),
        "scene": settings_of(scene.config),
        "seed": seed,
        **view_labels(view, stated)[0],
        **(extra or {}),
    }


def settings_of(config: SceneConfig) -> dict[str, Any]:
    """A scene's settings, without what varies where nothing does, intrinsics where there are none, and how meshes are
    read where there are none: such data sets are what they were before; without what a model is given of the pictures'
    worlds, which decides nothing; and without the folder of the meshes, which decides nothing but by their
    fingerprints."""
    left_out = {"view"} if config.vary else {"view", "vary"}
    left_out |= {"meshes"} if config.meshes else {field.name for field in fields(CatalogueConfig)} - {"catalogue"}
    if config.intrinsics is None:
        left_out.add("intrinsics")
    return {name: value for name, value in asdict(config).items() if name not in left_out}


def check_out(out: str | os.PathLike[str], info: dict[str, Any]) -> bool:
    """Whether `out` already holds exactly the data set that `info` describes; False where it is free.

    UserError if something else is there: nothing is ever overwritten.
    """
    out = Path(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        ours = read_json(out / "manifest.json")["format"] in OURS
        there = read_json(out / "scenes.json")["info"]
    except (UserError, KeyError, TypeError):
        ours, there = False, None
    if not ours:
        raise UserError(f"{out} exists and is not a data set of ours: choose another out")
    if there != json.loads(json.dumps(info)):
        raise UserError(f"{out} holds a data set made with other settings: choose another out, or delete it first")
    read_dataset(out)
    return True


def write_dataset(
    out: str | os.PathLike[str],
    info: dict[str, Any],
    catalogue: Catalogue,
    objects: Objects,
    view: View,
    pictures: Iterable[tuple[np.ndarray, Sequence[int]]],
    stated: Sequence[str] = tuple(PARTS),
) -> None:
    """Write a data set; it appears under its name only when complete.

    info: from `describe`; objects, view: numpy, of B scenes; pictures: for every scene in turn, uint8 [H, W, 3] and the
    visible pixels of each slot, [N]; stated: as in `describe`. UserError where `out` is taken, or cannot be made.
    """
    out = Path(out).absolute()
    if check_out(out, info):
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with appearing(out) as folder:
            if "background" in stated:
                _write_backgrounds(folder, view)
            if "catalogue_file" in info:
                save_catalogue(folder / info["catalogue_file"], catalogue)
            own = view_labels(view, stated)[1]
            _write_scenes(folder, info, catalogue, objects, view, own, pictures)
            known = {"fingerprints": info["fingerprints"]} if "fingerprints" in info else {}  # told without a label
            _write_json(folder / "manifest.json", {**manifest(folder, FORMAT), **known})
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from error


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` that takes its name once all went well, and vanishes otherwise."""
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp makes it private
        if out.exists():
            out.rmdir()  # empty, or check_out would have refused it
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_scenes(
    folder: Path,
    info: dict[str, Any],
    catalogue: Catalogue,
    objects: Objects,
    view: View,
    own: Sequence[dict[str, Any]],
    pictures: Iterable[tuple[np.ndarray, Sequence[int]]],
) -> None:
    (folder / "images").mkdir()
    scenes = []
    for index, (image, visible) in enumerate(pictures):
        name = f"{index:06d}.png"
        Image.fromarray(image).save(folder / "images" / name)
        labels = scene_labels(catalogue, objects[index], view[index], visible)
        scenes.append({"image_index": index, "image_filename": name, **own[index], "objects": labels})
    if not len(scenes) == len(objects) == len(view):
        raise ValueError(f"{len(scenes)} pictures for {len(objects)} scenes under {len(view)} views")
    _write_json(folder / "scenes.json", {"info": info, "scenes": scenes})


def _write_backgrounds(folder: Path, view: View) -> None:
    if view.background.ndim != 4:
        return
    (folder / "backgrounds").mkdir()
    for row, picture in enumerate(view.background[:1] if shared(view.background) else view.background):
        levels = (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
        Image.fromarray(levels).save(folder / "backgrounds" / background_name(row))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

"""Reading a frozen data set, ours or anybody's: every file is checked before it is believed.

Without a manifest only the pictures' presence and size can be checked; that is how others' data sets are accepted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from scenes.catalogue import Catalogue, entry_names
from scenes.catalogues import FILE
from scenes.errors import UserError
from scenes.labels import parse_entries, parse_objects
from scenes.manifest import check_manifest
from scenes.objects import Objects
from scenes.parsing import read_json
from scenes.pictures import open_picture
from scenes.view import View
from scenes.view_reading import of_one_size, parse_views


@dataclass(frozen=True)
class Dataset:
    """What `read_dataset` gives back, all of it numpy.

    images: [B, H, W, 3] uint8; objects: identity indexes `names`; visible_pixels: [B, N], -1 where not stated;
    view: camera, light and background of each picture; info: the head of scenes.json.
    """

    images: np.ndarray
    objects: Objects
    visible_pixels: np.ndarray
    names: tuple[str, ...]
    view: View
    info: dict[str, Any]


def read_dataset(
    folder: str | os.PathLike[str], catalogue: Catalogue | None = None, default: View | None = None
) -> Dataset:
    """Read and check a data set.

    catalogue: whose identities to label with; if not given, the shapes and faces that the data set names. Meshes are
    compared by their fingerprints where the data set has them, by their names alone where it has not. default: the
    light, background and noise (of its first picture) where the data set states none. UserError, naming the file, for
    anything missing, altered, unreadable, or labelled with a shape or a face that is unknown or another mesh's.
    """
    folder = Path(folder)
    info, scenes = read_scenes(folder)
    path = folder / "scenes.json"
    if catalogue is None:
        entries = parse_entries(info, scenes, path)
    else:
        entries = [(mesh.name, mesh.face) for mesh in catalogue.meshes]
        _check_meshes(catalogue, info, path)
    views = parse_views(info, scenes, path, lambda name: _read_file(folder, "backgrounds", name), default)
    view = of_one_size(views, path)
    objects, visible = parse_objects(scenes, entries, path)
    images = np.stack([_read_image(folder, entry, view) for entry in scenes])
    return Dataset(images, objects, visible, entry_names(entries), view, info)


def read_views(folder: str | os.PathLike[str], image_names: Sequence[str], default: View | None = None) -> list[View]:
    """The views of a data set's pictures of those names, each at its own size; no label is looked at.

    default: as in `read_dataset`. UserError for a picture that scenes.json does not name.
    """
    folder = Path(folder)
    info, scenes = read_scenes(folder)
    of = {scene.get("image_filename"): scene for scene in scenes}
    if unknown := [name for name in image_names if name not in of]:
        raise UserError(
            f"{folder / 'scenes.json'} does not name {unknown[0]}: give pictures of the data set, or others"
        )
    chosen, path = [of[name] for name in image_names], folder / "scenes.json"
    return parse_views(info, chosen, path, lambda name: _read_file(folder, "backgrounds", name), default)


def _check_meshes(catalogue: Catalogue, info: dict[str, Any], path: Path) -> None:
    stored = info.get("fingerprints")
    stored = stored if isinstance(stored, dict) else {}
    for name, fingerprint in catalogue.fingerprints.items():
        if stored.get(name, fingerprint) != fingerprint:
            raise UserError(
                f"{path}: its '{name}' is another mesh than the catalogue's (its shape, colours, resting faces or "
                "symmetry): make the data set again, or use the catalogue that made it"
            )


def read_scenes(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The head of scenes.json and its scenes, at least one; every file was checked against the manifest."""
    path = folder / "scenes.json"
    if not path.is_file():
        raise UserError(f"{folder} is no data set: it has no scenes.json")
    content = read_json(path)
    scenes, info = content.get("scenes"), content.get("info")
    if not isinstance(scenes, list) or not isinstance(info, dict) or not scenes:
        raise UserError(f"{path} must hold 'info' and a list of at least one of 'scenes'")
    if not all(isinstance(scene, dict) for scene in scenes):
        raise UserError(f"{path}: every one of 'scenes' must be a JSON object")
    check_manifest(folder, _used(info, scenes))
    return info, scenes


def _used(info: dict[str, Any], scenes: Sequence[dict[str, Any]]) -> list[str]:
    """The files that scenes.json is and names."""
    names = [f"images/{scene['image_filename']}" for scene in scenes if "image_filename" in scene]
    tables = [entry.get("background") for entry in (info, *scenes)]
    kept = [FILE] if "catalogue_file" in info else []
    return ["scenes.json", *kept, *names, *(f"backgrounds/{table}" for table in tables if isinstance(table, str))]


def _read_image(folder: Path, entry: dict[str, Any], view: View) -> UInt8[np.ndarray, "height width 3"]:
    image = _read_file(folder, "images", entry.get("image_filename"))
    if image.shape[:2] != (view.height, view.width):
        path, found = folder / "images" / entry["image_filename"], f"{image.shape[0]} x {image.shape[1]}"
        raise UserError(f"{path} is {found} pixels: its camera says {view.height} x {view.width}")
    return image


def _read_file(folder: Path, kind: str, name: Any) -> UInt8[np.ndarray, "height width 3"]:
    """The picture of that name in images/ or backgrounds/, never one from anywhere else."""
    if not isinstance(name, str) or Path(name).name != name:
        raise UserError(f"{folder / 'scenes.json'}: {name!r} must name a file in {kind}/")
    path = folder / kind / name
    if not path.is_file():
        raise UserError(f"{path} is missing: scenes.json names it")
    return np.asarray(open_picture(path))

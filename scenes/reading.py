"""Reading a frozen data set, ours or anybody's: every file is checked before it is believed.

Without a manifest only the pictures' presence and size can be checked; that is how others' data sets are accepted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scenes.camera import Camera
from scenes.errors import UserError
from scenes.labels import parse_camera, parse_names, parse_objects
from scenes.objects import Objects


@dataclass(frozen=True)
class Dataset:
    """What `read_dataset` gives back.

    images: [B, H, W, 3] uint8; objects: numpy, identity indexes `names`; visible_pixels: [B, N], -1 where not stated;
    info: the head of scenes.json.
    """

    images: np.ndarray
    objects: Objects
    visible_pixels: np.ndarray
    names: tuple[str, ...]
    camera: Camera
    info: dict[str, Any]


def read_dataset(folder: str | os.PathLike[str], names: Sequence[str] | None = None) -> Dataset:
    """Read and check a data set.

    names: the identities to label with, in order; those of the data set itself if not given. UserError, naming the
    file, for anything missing, altered, unreadable, or labelled with an unknown identity.
    """
    folder = Path(folder)
    if not (folder / "scenes.json").is_file():
        raise UserError(f"{folder} is no data set: it has no scenes.json")
    _check_manifest(folder)
    content = _read_json(folder / "scenes.json")
    scenes, info = content.get("scenes"), content.get("info")
    if not isinstance(scenes, list) or not isinstance(info, dict) or not scenes:
        raise UserError(f"{folder / 'scenes.json'} must hold 'info' and a list of at least one of 'scenes'")
    known = tuple(names) if names is not None else parse_names(info, folder / "scenes.json")
    camera = parse_camera(info, folder / "scenes.json")
    objects, visible = parse_objects(scenes, known, folder / "scenes.json")
    images = np.stack([_read_image(folder, entry, camera) for entry in scenes])
    return Dataset(images, objects, visible, known, camera, info)


def _check_manifest(folder: Path) -> None:
    if not (folder / "manifest.json").exists():
        return
    files = _read_json(folder / "manifest.json").get("files")
    if not isinstance(files, dict):
        raise UserError(f"{folder / 'manifest.json'} lists no 'files': make the data set again")
    for name, expected in sorted(files.items()):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing: make the data set again")
        if sha256(folder / name) != expected:
            raise UserError(f"{folder / name} was altered (its SHA-256 is not the manifest's): make the data set again")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no readable JSON: {error}".splitlines()[0]) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a JSON object")
    return content


def _read_image(folder: Path, entry: dict[str, Any], camera: Camera) -> np.ndarray:
    name = entry.get("image_filename")
    if not isinstance(name, str) or Path(name).name != name:
        raise UserError(f"{folder / 'scenes.json'}: image_filename {name!r} must name a file in images/")
    path = folder / "images" / name
    if not path.is_file():
        raise UserError(f"{path} is missing: scenes.json names it")
    try:
        with Image.open(path) as picture:
            image = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path} is no readable picture: {error}".splitlines()[0]) from error
    if image.shape[:2] != (camera.height, camera.width):
        found = f"{image.shape[0]} x {image.shape[1]}"
        raise UserError(f"{path} is {found} pixels: its camera says {camera.height} x {camera.width}")
    return image

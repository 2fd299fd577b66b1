"""manifest.json: the SHA-256 of every file of a data set, so that what was altered or slipped in is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from scenes.errors import UserError
from scenes.parsing import read_json

AGAIN = "make the data set again"


def manifest(folder: Path, format_name: str) -> dict[str, Any]:
    """What manifest.json says about all files that are in a folder."""
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*") if path.is_file()}
    return {"format": format_name, "files": files}


def check_manifest(folder: Path, used: Iterable[str]) -> None:
    """Check every file that the manifest of a folder names, and that it names those that are used.

    A folder without a manifest passes: there is nothing to compare with. Raises UserError for what is missing, altered
    or not named, and for names that lead out of the folder.
    """
    path = folder / "manifest.json"
    if not path.exists():
        return
    files = read_json(path).get("files")
    if not isinstance(files, dict):
        raise UserError(f"{path} lists no 'files': {AGAIN}")
    for name, expected in sorted(files.items()):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"{path} names {name}, which is no file of this folder: {AGAIN}")
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing: {AGAIN}")
        if sha256(folder / name) != expected:
            raise UserError(f"{folder / name} was altered (its SHA-256 is not the manifest's): {AGAIN}")
    if strange := sorted(set(used) - set(files)):
        raise UserError(f"{folder / strange[0]} is not in manifest.json, which names every file: {AGAIN}")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

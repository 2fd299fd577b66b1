"""A folder of pictures that nobody labelled, read for training: what is usable, each once, in a fixed order.

Labels that lie there are never opened. Of a data set its manifest.json is read, which says whose objects are shown and
not which, and nothing fails if it cannot be.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from scenes.errors import UserError
from scenes.photographs import endings, read_photograph

FEWEST = 20
"""Pictures with which anything can be learned and looked at."""

MEMORY = 2 * 10**9
"""Bytes that pictures may take: all of them stay in memory, 12 kB each at 64 x 64."""

NAMED = 5
"""Of the files that are not used so many are named."""


@dataclass(frozen=True)
class Unlabelled:
    """What `read_folder` gives back.

    names: relative to the folder, in their order; fingerprint: of names and bytes of the files that are used; notes:
    what there is to say about the folder, a line each.
    """

    pictures: UInt8[np.ndarray, "picture height width 3"]
    names: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)


def read_folder(
    where: str | os.PathLike[str],
    height: int,
    width: int,
    behind: Sequence[float] = (0.0, 0.0, 0.0),
    watch: Callable[[list[str]], Iterable[str]] = iter,
) -> Unlabelled:
    """All pictures of a folder at height x width, ordered by their relative paths.

    behind: a colour (0..1), see `read_photograph`; watch: goes over the names, to show how far it is. What cannot be
    read is named and left out, and of several that look the same the first is kept. UserError for a folder that is
    none, has fewer than `FEWEST` usable pictures, or so many that they would not fit into `MEMORY`.
    """
    root, names, others = found(Path(where))
    if (most := MEMORY // (height * width * 3)) < len(names):
        raise UserError(f"{where} holds {len(names):,} pictures: at {width} x {height}, {most:,} fit into memory")
    pictures: dict[bytes, np.ndarray] = {}
    kept, sizes, broken, digest = [], [], [], hashlib.sha256()
    for name in watch(names):
        try:
            photograph = read_photograph(root / name, height, width, behind)
            picture, size = photograph.pixels, (photograph.frame.width, photograph.frame.height)
            content = hashlib.sha256(picture.tobytes()).digest()
            if content in pictures:
                continue
            digest.update(os.fsencode(name) + b"\0" + sha256(root / name))
        except (UserError, OSError) as error:
            broken.append(f"{shown(name)} ({error})")
            continue
        pictures[content] = picture
        kept.append(name)
        sizes.append(size)
    if len(kept) < FEWEST:
        raise UserError(too_few(where, len(kept), len(names), broken, others))
    copies = len(names) - len(kept) - len(broken)
    notes = said(sizes, height, width, broken, copies, others)
    return Unlabelled(np.stack(list(pictures.values())), tuple(kept), digest.hexdigest()[:16], notes)


def found(where: Path) -> tuple[Path, list[str], list[str]]:
    """The folder in which pictures are looked for, their names, and those of other files that are no JSON.

    It is `where` itself and all folders in it; or those in `images` alone, where that is all the pictures there are
    directly below (a data set has other pictures in `backgrounds`). Names that begin with a dot are left out.
    """
    if not where.exists():
        raise UserError(f"data={where} does not exist: give a folder of pictures")
    if not where.is_dir():
        raise UserError(f"data={where} is a file: give a folder of pictures")
    kinds = endings()
    try:
        seen = (path for path in where.iterdir() if path.suffix.lower() in kinds and not path.name.startswith("."))
        own = any(path.is_file() for path in seen)
    except OSError as error:
        raise UserError(f"data={where} cannot be read: {error.strerror}") from error
    root = where if own or not (where / "images").is_dir() else where / "images"
    names = sorted(files(root))
    ours = [name for name in names if Path(name).suffix.lower() in kinds]
    others = [name for name in names if Path(name).suffix.lower() not in (*kinds, ".json")]
    return root, ours, others


def files(root: Path) -> Iterable[str]:
    """The names of the regular files in a folder and the folders in it, relative to it, with slashes."""

    def unreadable(error: OSError) -> None:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}")

    for folder, inside, names in os.walk(root, onerror=unreadable):
        inside[:] = [name for name in inside if not name.startswith(".")]
        paths = (Path(folder, name) for name in names if not name.startswith("."))
        yield from (path.relative_to(root).as_posix() for path in paths if path.is_file())


def too_few(where: str | os.PathLike[str], usable: int, files: int, broken: list[str], others: list[str]) -> str:
    kinds = " ".join(endings())
    if not files:
        there = f"; it holds {len(others):,} other files, such as {shown(others[0])}" if others else ""
        return f"data={where} holds no pictures ({kinds}){there}"
    why = f"; not readable: {listed(broken)}" if broken else ""
    return f"data={where} has {usable} usable pictures that differ, of {files}: give at least {FEWEST}{why}"


def said(
    sizes: Sequence[tuple[int, int]], height: int, width: int, broken: list[str], copies: int, others: list[str]
) -> tuple[str, ...]:
    """What there is to say about a folder."""
    notes = []
    if broken:
        notes.append(f"{len(broken):,} files cannot be used and are left out: {listed(broken)}")
    if copies:
        notes.append(f"{copies:,} pictures look the same as one before them and are left out")
    if others:
        notes.append(f"{len(others):,} files are no pictures that can be read: {listed([*map(shown, others)])}")
    if mixed := len(set(sizes)) - 1:
        (least, most) = (f"{w} x {h}" for w, h in (f(sizes, key=lambda size: size[0] * size[1]) for f in (min, max)))
        notes.append(f"pictures have {mixed + 1} sizes, from {least} to {most}")
    if cropped := sum(w * height != h * width for w, h in sizes):
        notes.append(f"{cropped:,} pictures are cropped about their centre to the proportions {width} : {height}")
    if small := sum(w < width or h < height for w, h in sizes):
        notes.append(f"{small:,} pictures are smaller than {width} x {height} and are enlarged")
    return tuple(notes)


def listed(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def shown(name: str) -> str:
    """A file's name as any terminal can print it, on one line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)


def sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def foreign(where: str | os.PathLike[str], fingerprints: Mapping[str, str]) -> str | None:
    """In words, that a folder is a data set of other objects than those; None where it is not, or nobody can tell.

    fingerprints: of the catalogue's meshes by their names. Only manifest.json says it here: scenes.json has labels.
    """
    try:
        theirs = json.loads((Path(where) / "manifest.json").read_text())["fingerprints"]
        differ = sorted(name for name in theirs if fingerprints.get(name) != theirs[name])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    if not differ:
        return None
    return f"{where} is a data set of other objects than this network's: {listed([*map(shown, differ)])}"

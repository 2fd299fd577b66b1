"""The folder of a run: made for one training alone, and held by it for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from filelock import FileLock, Timeout

from air3d.files import writable
from scenes.errors import UserError

LOCK = ".lock"
"""Lies in the folder for good; the system forgets who holds it when a program ends, however it ends."""


@contextmanager
def begun(path: Path, numbered: bool) -> Iterator[Path]:
    """Makes and holds the folder of a new run; one in which nothing was written is removed again.

    Of several programs that want the same folder one gets it. The others get PATH_2, PATH_3, ... where it is
    `numbered`, otherwise a UserError, as for a folder that is not empty.
    """
    folder = made(path, numbered)
    with held(folder):
        refuse(folder)
        try:
            yield folder
        finally:
            if not occupied(folder):
                with suppress(OSError):  # another program is about to use it
                    (folder / LOCK).unlink()
                    folder.rmdir()


def made(path: Path, numbered: bool) -> Path:
    """The folder that begins as a new one, or empty."""
    if not numbered:
        refuse(path)
        return writable(path)
    writable(path.parent)
    names = chain([path.name], (f"{path.name}_{number}" for number in count(2)))
    return next(folder for name in names if alone(folder := path.with_name(name)))


def alone(folder: Path) -> bool:
    """Whether it was this call that made the folder."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def refuse(path: Path) -> None:
    """UserError for a folder that holds something."""
    if occupied(path):
        raise UserError(f"run_dir={path} exists: choose another folder, or go on with resume={path}")


def occupied(path: Path) -> bool:
    """Whether there is more than an empty folder."""
    return path.exists() and not (path.is_dir() and all(each.name == LOCK for each in path.iterdir()))


@contextmanager
def held(folder: Path, wait: bool = False) -> Iterator[None]:
    """Nobody else trains in that folder during the block. Somebody who does is waited for, or a UserError."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise UserError(
                f"{folder} is in use: a training holds {folder / LOCK} now; wait for it, or choose another run_dir"
            ) from None
        print(f"waiting for the training in {folder}", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()

"""Files that appear whole or not at all, and stay."""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scenes.errors import UserError


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Gives a temporary path in the same folder; it takes `path`'s name when the block ends without an error.

    A reader therefore sees the old file or the new one, never half of one: beside other threads, processes and hosts
    that write the same file, after a kill, and after a power cut, since the bytes are on the disk before the name is
    theirs. Permissions are those of any new file. The suffix is kept because image writers choose the format by it.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    permissions = temporary.stat().st_mode
    try:
        yield temporary
        temporary.chmod(permissions)  # some writers put a file of their own there, which nobody else may read
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.filename is None:  # a full disk does not say which file it was
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def writable(folder: Path | str) -> Path:
    """The folder, made where it is not there. UserError where nothing can be written in it: asked before the work is
    done and not afterwards."""
    folder = Path(folder)
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, ValueError) as error:  # ValueError: a name with a null
        in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
        why = "a file is in the way" if in_the_way else getattr(error, "strerror", error)
        raise UserError(f"cannot write in {folder}: {why}") from error


def make_folder(path: Path) -> None:
    """The folder with all above it, on the disk like the files in it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk, where the system can do that for folders (Windows cannot, and
    some network drives cannot)."""
    try:
        folder = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(folder)


def plain(value: Any) -> Any:
    """Numbers, arrays, tensors and nested containers as what JSON can hold; NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy scalars and arrays, torch tensors
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path | str, value: Any) -> None:
    """Writes `value` (see `plain`) as indented, strictly valid JSON, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")

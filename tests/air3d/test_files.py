"""Files appear whole, beside other writers of the same file, readable as any file, and stay after a power cut."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from air3d.files import atomic, write_json


def test_threads_that_write_the_same_file_do_not_meet(tmp_path: Path) -> None:
    """All are in the middle of writing at once; a reader in between and the last of them see one whole file."""
    path, writers = tmp_path / "results.json", 8
    path.write_text("old")
    together = Barrier(writers)

    def write(number: int) -> None:
        with atomic(path) as temporary:
            with temporary.open("w") as file:
                file.write(str(number) * 1000)
                together.wait(30)
                file.write(str(number) * 1000)
            assert path.read_text() in {"old", *(str(each) * 2000 for each in range(writers))}

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert path.read_text() in {str(number) * 2000 for number in range(writers)}
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_everything_is_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, then the name, then the folder; and of new folders the names above them."""
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def recorded_sync(descriptor: int) -> None:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            known = {p.stat().st_ino: p.name for p in (tmp_path, tmp_path / "runs", tmp_path / "runs/a") if p.exists()}
            done.append(f"folder {known[about.st_ino]}")
        else:
            done.append(f"{about.st_size} bytes")
        sync(descriptor)

    def recorded_replace(old: Path, new: Path) -> None:
        done.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    with atomic(tmp_path / "runs/a/last.pt") as temporary:
        temporary.write_bytes(bytes(77))
    assert done == [f"folder {tmp_path.name}", "folder runs", "77 bytes", "name", "folder a"]


def test_permissions_are_those_of_any_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "a.json", {})
        with atomic(tmp_path / "b.safetensors") as temporary:  # whose writer lets nobody else read what it writes
            save_file({"x": torch.zeros(1)}, temporary)
            temporary.chmod(0o600)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def test_a_file_that_is_not_written_to_its_end_leaves_the_old_one(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(KeyboardInterrupt), atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"] and "old" in (tmp_path / "a.json").read_text()


def test_atomic_keeps_the_old_file_when_writing_fails(tmp_path):
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": np.float32(1), 3: (np.arange(2), torch.tensor([True]))})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": 1.0, "3": [[0, 1], [True]]}
    with pytest.raises(RuntimeError), atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text().startswith("{")

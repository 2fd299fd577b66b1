"""Compiled kernels are kept where that is possible, and whatever happens to the files costs time and nothing else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from numba.core import caching

from renderers.streaming import compiler
from renderers.streaming.compiler import kernel, own_folder


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A read-only installation of a user without a home; the temporary files lie in the folder."""
    provided = [each for each in caching.CacheImpl._locator_classes if "UserProvided" in each.__name__]
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", provided)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def doubled(x):
    return 2 * x


def compiled_once_more() -> bool:
    """Whether a program that begins now finds the kernel in the cache; it is right either way."""
    again = kernel(doubled)
    assert again(21) == 42
    return bool(sum(again.stats.cache_hits.values()))


def test_what_is_compiled_is_kept_without_a_home(nowhere: Path) -> None:
    assert not compiled_once_more() and compiled_once_more()
    (folder,) = nowhere.iterdir()
    assert folder == own_folder() and folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 10, 100])
def test_files_that_were_cut_are_made_again(nowhere: Path, suffix: str, left: int) -> None:
    compiled_once_more()
    (path,) = nowhere.rglob(f"*.{suffix}")
    path.write_bytes(path.read_bytes()[:left])
    assert not compiled_once_more() and compiled_once_more()


def test_a_full_disk_costs_nothing_but_time(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_index", full)
    assert not compiled_once_more() and not compiled_once_more()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders belong to users on POSIX")
def test_a_folder_that_others_can_write_is_not_believed(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes there decides what is executed."""
    mine = own_folder()
    mine.chmod(0o777)
    assert own_folder() != mine
    mine.rmdir()
    mine.symlink_to(nowhere)
    assert own_folder() != mine
    mine.unlink()
    mine.mkdir(mode=0o700)
    monkeypatch.setattr(compiler.os, "getuid", lambda: 12345)
    mine.rename(nowhere / "air3d-kernels-12345")
    assert own_folder() != nowhere / "air3d-kernels-12345"

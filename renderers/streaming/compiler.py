"""How the formulas of ``streaming`` become compiled code."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from numba import config, njit
from numba.core.caching import FunctionCache

from renderers.streaming import elementary

# no nnan or ninf: comparisons with NaN must stay false; 1 / 0 is infinite, not an exception
OPTIONS: Any = {"nogil": True, "fastmath": {"contract", "arcp", "nsz", "reassoc"}, "error_model": "numpy"}


def compiled(module: ModuleType, compiler: Callable[[Callable], Any], **better: Callable) -> SimpleNamespace:
    """Every formula of a module, compiled. Each calls the compiled ones, which come before it in ``FORMULAS``.

    ``better``: an exp and a log1p that this compiler is better at.
    """
    scope = {**vars(module), **{name: compiler(function) for name, function in better.items()}}
    for formula in module.FORMULAS:
        scope[formula.__name__] = compiler(FunctionType(formula.__code__, scope, formula.__name__))
    return SimpleNamespace(**{formula.__name__: scope[formula.__name__] for formula in module.FORMULAS})


def for_cpu(module: ModuleType) -> SimpleNamespace:
    """The formulas of a module for the CPU, to be built into the loops that call them."""
    inline = njit(inline="always", **OPTIONS)
    return compiled(module, inline, exp=elementary.exp, log1p=elementary.log1p)


def helper(function: Callable) -> Any:
    """Compile what kernels call; it is stored with them."""
    return njit(**OPTIONS)(function)


def kernel(function: Callable) -> Any:
    """Compile once for all processes, and again when a file of this folder changes.

    numba's own stamp knows only the file a function stands in, and would go on with old formulas.
    """
    dispatcher = kept(function)
    dispatcher._cache.__class__ = CarefulCache
    cache, sources = dispatcher._cache._cache_file, sorted(Path(__file__).parent.glob("*.py"))
    stamps = ((source.name, source.stat().st_mtime, source.stat().st_size) for source in sources)
    cache._source_stamp = (cache._source_stamp, *stamps)
    return dispatcher


def kept(function: Callable) -> Any:
    """With a cache beside the source or in the home directory; where neither can be written (a read-only installation,
    a user without a home), in a folder of the temporary ones that is this user's alone."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba: no locator available
        before = getattr(config, "CACHE_DIR", "")
        setattr(config, "CACHE_DIR", str(own_folder()))  # noqa: B010  (numba sets it so, too, and type checkers see none)
        try:
            return njit(cache=True, **OPTIONS)(function)
        finally:
            setattr(config, "CACHE_DIR", before)  # noqa: B010


def own_folder() -> Path:
    """A temporary folder for what is compiled. What lies there is executed, so nobody else may write in it: one that is
    somebody else's is not used, and then nothing is kept for other programs."""
    if hasattr(os, "getuid"):
        folder = Path(tempfile.gettempdir(), f"air3d-kernels-{os.getuid()}")
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            about = folder.lstat()
            if stat.S_ISDIR(about.st_mode) and not about.st_mode & 0o022 and about.st_uid == os.getuid():
                return folder
    return Path(tempfile.mkdtemp(prefix="air3d-kernels-"))


class CarefulCache(FunctionCache):
    """A file that was cut, emptied or removed, and a full disk, cost the time to compile and nothing else."""

    def load_overload(self, *about: Any) -> Any:
        try:
            return super().load_overload(*about)
        except Exception:  # pickle raises many kinds
            return None

    def save_overload(self, *about: Any) -> None:
        with suppress(OSError):
            try:
                super().save_overload(*about)
            except Exception:  # its index cannot be read
                self.flush()
                super().save_overload(*about)


def cached_in() -> Path:
    """Where compiled kernels are kept."""
    return Path(kept(cached_in)._cache.cache_path)

"""How the formulas of ``streaming`` become compiled code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from numba import njit

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
    dispatcher: Any = njit(cache=True, **OPTIONS)(function)
    cache, sources = dispatcher._cache._cache_file, sorted(Path(__file__).parent.glob("*.py"))
    stamps = ((source.name, source.stat().st_mtime, source.stat().st_size) for source in sources)
    cache._source_stamp = (cache._source_stamp, *stamps)
    return dispatcher

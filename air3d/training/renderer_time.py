"""How long a renderer takes, forward and backward, whichever it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Any

from torch import Tensor

from renderers.base import Renderer

METHODS = ("blank", "paint", "develop", "render")


@dataclass
class Stopwatch:
    """Seconds between starts and stops; what is begun within is part of it."""

    seconds: float = 0.0
    depth: int = 0
    started: float = 0.0

    def start(self, *_: Any) -> None:
        self.depth += 1
        if self.depth == 1:
            self.started = time.perf_counter()

    def stop(self, *_: Any) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.seconds += time.perf_counter() - self.started


@contextmanager
def timed(renderer: Renderer) -> Iterator[Stopwatch]:
    """Within, a stopwatch runs while the renderer works: in its methods, and in the backward pass of what they made."""
    watch = Stopwatch()
    for name in METHODS:
        setattr(renderer, name, watched(getattr(renderer, name), watch))
    try:
        yield watch
    finally:
        for name in METHODS:
            delattr(renderer, name)  # the class has the method itself


def watched(method: Callable[..., Tensor], watch: Stopwatch) -> Callable[..., Tensor]:
    @wraps(method)
    def call(*given: Any, **named: Any) -> Tensor:
        watch.start()
        try:
            result = method(*given, **named)
        finally:
            watch.stop()
        if watch.depth == 0:  # not what `render` calls: its operations are counted once
            inputs = [tensor.grad_fn for tensor in tensors_in([given, *named.values()])]
            for node in operations(result, inputs):
                node.register_prehook(watch.start)
                node.register_hook(watch.stop)
        return result

    return call


def operations(result: Tensor, inputs: list[Any]) -> list[Any]:
    """The operations of autograd's graph that lie between the inputs, of which these made them, and the result."""
    found: list[Any] = []
    seen: set[Any] = {*inputs, None}
    open_ends: list[Any] = [result.grad_fn]
    while open_ends:
        node = open_ends.pop()
        if node not in seen:
            seen.add(node)
            if node.next_functions:  # a leaf's gradient is added up by what has none
                found.append(node)
            open_ends.extend(following for following, _ in node.next_functions)
    return found


def tensors_in(given: Any) -> Iterator[Tensor]:
    """All tensors of the arguments of a call."""
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, (list, tuple)):
        for item in given:
            yield from tensors_in(item)
    elif is_dataclass(given):
        for field in fields(given):
            yield from tensors_in(getattr(given, field.name))

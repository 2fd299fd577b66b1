"""Nobody may read the labels of a data set while `labels_unread` says so, however the file is opened."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LABELS = "scenes.json"
_watched: list[None] = []


class LabelsRead(BaseException):
    """No `except Exception` hides it."""


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event == "open" and str(arguments[0]).endswith(LABELS):
        raise LabelsRead(str(arguments[0]))


sys.addaudithook(_hear)  # for good: Python cannot take one away


@contextmanager
def labels_unread() -> Iterator[None]:
    """`LabelsRead` is raised where a scenes.json is opened during the block."""
    _watched.append(None)
    try:
        yield
    finally:
        _watched.pop()

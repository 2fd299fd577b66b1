"""What is read from JSON files, looked at before it is believed. Every mistake is a UserError that names the file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scenes.errors import UserError


@contextmanager
def about(path: Path) -> Iterator[None]:
    """A UserError inside is told with the name of the file that it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no readable JSON: {error}".splitlines()[0]) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a JSON object")
    return content


def numbers(value: Any, length: int, what: str, path: Path) -> list[float]:
    """A list of `length` finite numbers."""
    fine = isinstance(value, list) and len(value) == length
    if not fine or not all(isinstance(each, (int, float)) and math.isfinite(each) for each in value):
        raise UserError(f"{path}: {what} must be {length} finite number{'s' if length > 1 else ''}")
    return value


def number(value: Any, what: str, path: Path) -> float:
    """One finite number."""
    return numbers([value], 1, what, path)[0]

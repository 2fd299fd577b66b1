"""What is read from JSON files, looked at before it is believed. Every mistake is a UserError that names the file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from scenes.errors import UserError


@contextmanager
def about(path: Path) -> Iterator[None]:
    """A UserError inside is told with the name of the file that it is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


BYTES = 256 * 2**20
"""A JSON file of more is refused before it is read."""

LARGEST = 1e6
"""No length in metres or millimetres, no angle and no pixel that somebody means is beyond it."""


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds."""
    try:
        if (size := path.stat().st_size) > BYTES:
            raise UserError(f"{path} has {size:,} bytes: more than {BYTES:,} are not read")
        content = json.loads(path.read_bytes())
    except RecursionError as error:
        raise UserError(f"{path} is no readable JSON: it is nested too deeply") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no readable JSON: {error}".splitlines()[0]) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold a JSON object")
    return content


YAML_BYTES = 2**20


class Plain(yaml.SafeLoader):
    """Values and nothing else: an alias repeats what it stands for, and a page of them would fill the memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*name), which is not read")
        return super().compose_node(parent, index)


def plain_yaml(text: bytes, path: Path) -> Any:
    """What a yaml file holds that was read from `path`. UserError for what is none, and for more than plain values."""
    try:
        if len(text) > YAML_BYTES:
            raise UserError(f"{path} has {len(text):,} bytes: more than {YAML_BYTES:,} are not read")
        return yaml.load(text, Plain)
    except RecursionError as error:
        raise UserError(f"{path} is no readable yaml: it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, TypeError, KeyError) as error:  # PyYAML's own
        raise UserError(f"{path} is no readable yaml: {' '.join(str(error).split())}") from error


def numbers(value: Any, length: int, what: str, path: Path, most: float = LARGEST) -> list[float]:
    """A list of `length` finite numbers, none of them beyond `most`."""
    fine = isinstance(value, list) and len(value) == length and all(map(is_number, value))
    if not fine or not all(abs(each) < math.inf for each in value):  # a whole number may be too large for a float
        raise UserError(f"{path}: {what} must be {length} finite number{'s' if length > 1 else ''}")
    if any(abs(each) > most for each in value):
        raise UserError(f"{path}: {what} must not be beyond {most:g}")
    return value


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: Any, what: str, path: Path, most: float = LARGEST) -> float:
    """One finite number."""
    return numbers([value], 1, what, path, most)[0]

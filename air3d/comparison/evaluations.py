"""Tests that are taken once: evaluate.py in a folder that remembers which network was asked what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from air3d.comparison import programs
from air3d.comparison.plan import TestSet, request
from air3d.files import write_json
from air3d.training.provenance import EVALUATION, code
from scenes.errors import UserError

REQUEST, ABOUT = "request.json", "about.json"
"""Beside a result: what was asked, and (collect.py) whose result it is."""


def evaluated(
    run: Path,
    test: TestSet,
    folder: Path,
    environment: Mapping[str, str],
    device: str = "cpu",
    any_code: bool = False,
) -> None:
    """Leaves what evaluate.py says of that run's network on that test in `folder`, unless it is there.

    What another version of the program measured counts only with `any_code`; that it was there is said. Raises
    UserError where evaluate.py gives up, which has said why, and KeyboardInterrupt where it is interrupted.
    """
    wanted = {"network": network(run), "test": request(test), "code": code(EVALUATION)}
    if (there := remembered(folder)) is not None:
        if answers(there, wanted, any_code):
            return
        if answers(there, wanted, any_code=True):
            print(f"\n{folder} was measured by another version of the program and is measured again")
    for name in (ABOUT, REQUEST):
        (folder / name).unlink(missing_ok=True)
    words = [f"run={run}", *test.words(), f"device={device}", f"out={folder}"]
    ended = programs.call("evaluate", words, environment)
    if ended:
        raise UserError(f"{folder} was not measured (air3d evaluate ended with {ended})")
    write_json(folder / REQUEST, wanted)  # last: who sees it finds the rest too


def answers(there: Mapping[str, Any], wanted: Mapping[str, Any], any_code: bool) -> bool:
    """Whether one request is as good as another. any_code: whatever program measured, or would."""
    return all(there.get(name) == value for name, value in wanted.items() if not (any_code and name == "code"))


def network(run: Path) -> str:
    """SHA-256 of the checkpoint that evaluate.py takes."""
    path = next(path for name in ("best.pt", "last.pt") if (path := run / name).exists())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def remembered(folder: Path) -> dict[str, Any] | None:
    """The request that was answered in that folder, if one was."""
    try:
        return json.loads((folder / REQUEST).read_text())
    except (OSError, ValueError, RecursionError):
        return None

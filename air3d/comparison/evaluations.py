"""Tests that are taken once: evaluate.py in a folder that remembers which network was asked what."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from air3d.comparison.plan import ROOT, TestSet, request
from air3d.files import write_json
from scenes.errors import UserError

REQUEST, ABOUT = "request.json", "about.json"
"""Beside a result: what was asked, and (collect.py) whose result it is."""


def evaluated(run: Path, test: TestSet, folder: Path, environment: Mapping[str, str], device: str = "cpu") -> None:
    """Leaves what evaluate.py says of that run's network on that test in `folder`, unless it is there.

    Raises UserError where evaluate.py gives up; it has said why.
    """
    wanted = {"network": network(run), "test": request(test)}
    if remembered(folder) == wanted:
        return
    words = [f"run={run}", *test.words(), f"device={device}", f"out={folder}"]
    print(f"\npython evaluate.py {' '.join(words)}", flush=True)
    for name in (ABOUT, REQUEST):
        (folder / name).unlink(missing_ok=True)
    done = subprocess.run([sys.executable, str(ROOT / "evaluate.py"), *words], env=dict(environment), check=False)
    if done.returncode:
        raise UserError(f"{folder} was not measured (evaluate.py ended with {done.returncode})")
    write_json(folder / REQUEST, wanted)  # last: who sees it finds the rest too


def network(run: Path) -> str:
    """SHA-256 of the checkpoint that evaluate.py takes."""
    path = next(path for name in ("best.pt", "last.pt") if (path := run / name).exists())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def remembered(folder: Path) -> dict[str, Any] | None:
    """The request that was answered in that folder, if one was."""
    try:
        return json.loads((folder / REQUEST).read_text())
    except (OSError, ValueError):
        return None

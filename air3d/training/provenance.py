"""Which program made a result, on what: versions, commit, machine, and what the sources say that decide it.

Whether a result may be used again is decided by the sources and not by a version number: who changes a line of the
model while trying something out raises no number. Comments, docstrings and layout do not count, and only the rooms that
can change the result do, so that a corrected sentence or a new plot costs no training. A change that is known to be
harmless still looks like another program; compare.py any_code=true takes results of any.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from air3d import home
from air3d.files import write_json
from air3d.training.run import Run

FILE = "environment.json"
PACKAGES = ("air3d", "torch", "numpy", "numba", "trimesh")

ROOMS = ("scenes", "renderers", "air3d/model", "air3d/splits.py")
LEARNING = (*ROOMS, "air3d/gradients", "air3d/objectives", "air3d/training", "air3d/programs/train.py")
EVALUATION = (
    *ROOMS,
    "air3d/inference",
    "air3d/evaluation",
    "air3d/report",
    "air3d/programs/evaluate.py",
    "configs/evaluate.yaml",
)
"""What decides a training, and what an evaluation of a network; settings are compared for themselves."""


def environment(run: Run) -> dict[str, Any]:
    """What there is to know about the program and the machine of a training that begins now. None: not known."""
    return {
        **{name: installed(name) for name in PACKAGES},
        "commit": git("rev-parse", "HEAD"),
        "uncommitted_changes": None if (lines := git("status", "--porcelain", "-uno")) is None else bool(lines),
        "code": code(LEARNING),
        "catalogue": run.scene.catalogue.fingerprint,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device_name(torch.device(run.config.device)),
        "threads": torch.get_num_threads(),
    }


def record(run_dir: Path, step: int, about: dict[str, Any]) -> None:
    """Adds to environment.json in the run's folder: one entry for each time that its training began or went on."""
    write_json(run_dir / FILE, [*recorded(run_dir), {"step": step, **about}])


def recorded(run_dir: Path) -> list[dict[str, Any]]:
    """The entries of a run; none where it is from before they were kept."""
    try:
        return json.loads((run_dir / FILE).read_text())
    except (FileNotFoundError, ValueError, RecursionError):
        return []


@cache
def code(parts: tuple[str, ...]) -> str:
    """Ten hexadecimal digits that two versions of the program share if these files and folders do the same."""
    digest = hashlib.sha256()
    for part in parts:
        place = home.sources(part)
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place] * place.exists():
            source = path.read_text(encoding="utf-8")
            digest.update(path.relative_to(home.ROOT).as_posix().encode() + b"\0")
            digest.update((meaning(source) if path.suffix == ".py" else source).encode() + b"\0")
    return digest.hexdigest()[:10]


def meaning(source: str) -> str:
    """A Python source without comments, layout, docstrings and other strings that stand by themselves."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name, body in ast.iter_fields(node):
            if isinstance(body, list):
                setattr(node, name, [each for each in body if not is_remark(each)])
    return ast.dump(tree)


def is_remark(statement: Any) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git(*words: str) -> str | None:
    """What git says of this checkout. None without git, and where the program is no checkout of its own: installed
    among somebody else's files, git would speak of theirs."""
    try:
        top = subprocess.check_output(
            ["git", "rev-parse", "--show-toplevel"], cwd=home.ROOT, text=True, stderr=subprocess.DEVNULL
        )
        if Path(top.strip()).resolve() != home.ROOT:
            return None
        return subprocess.check_output(["git", *words], cwd=home.ROOT, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def device_name(device: torch.device) -> str:
    """The model of the processor or GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

"""Where the program's own files are: beside the package in the repository, inside it where it was installed."""

from __future__ import annotations

import sys
from pathlib import Path

from scenes.errors import UserError

PACKAGE = Path(__file__).resolve().parent
INSTALLED = (PACKAGE / "configs").is_dir()
"""Whether this is a wheel's copy, in which setup.py has put everything into the package."""

ROOT = PACKAGE if INSTALLED else PACKAGE.parent
CONFIGS, RELEASED = ROOT / "configs", ROOT / "pretrained"


def sources(part: str) -> Path:
    """A file or folder of the program by its place in the repository: `scenes`, `air3d/model`, `configs/train.yaml`."""
    return ROOT / (part.removeprefix("air3d/") if INSTALLED else part)


def run_folder(name: Path | str) -> Path:
    """The folder of a run. `pretrained/tabletop` is the released network wherever the program is called from, unless
    there is such a folder. UserError where it is none."""
    path = Path(name)
    if path.is_file():
        raise UserError(f"{path} is a file: give the run's folder, {path.parent}")
    if path.parts[:1] == ("pretrained",) and len(path.parts) == 2 and not path.exists():
        return RELEASED / path.name
    return path


def beside(run: Path | str, name: str) -> Path:
    """Where a program writes what it says about a run: into the run's folder; about a released network that lies
    elsewhere, into the folder it is called from."""
    folder = run_folder(run)
    return folder / name if folder == Path(run) else Path(f"{folder.name}_{name}")


def called(program: str) -> str:
    """How a person calls it: `python train.py` in the repository, `air3d train` otherwise."""
    script = Path(sys.argv[0])
    of_the_repository = not INSTALLED and script.suffix == ".py" and script.resolve().parent == ROOT
    return f"python {program}.py" if of_the_repository else f"air3d {program}"

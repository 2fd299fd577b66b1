"""One command for all programs: `air3d train scene=tabletop` is `python train.py scene=tabletop` of the repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

import air3d.threads  # noqa: F401  (before torch)
from scenes.errors import nearest

PROGRAMS = {
    "train": "learn to turn pictures of a table into lists of objects",
    "evaluate": "measure a trained run on scenes it has never seen",
    "infer": "say what stands where in pictures",
    "compare": "train several models, test all on the same scenes, write a report",
    "generate": "write a data set of labelled pictures",
    "preview": "show what was understood of a folder of meshes",
    "doctor": "look at this machine and this installation, and say what is wrong",
}

FOLDERS = {"compare": "compare"}
"""Of configs/, where a program's configuration does not lie in configs/ itself."""

HELP = """air3d: which objects stand on a table, where and how turned, from one picture

  air3d PROGRAM [name=value ...]

{}

air3d PROGRAM --help lists what can be set; air3d --version says which version this is.
"""


def main(words: Sequence[str] | None = None) -> None:
    """Runs a program with these words, the command line's where none are given. A mistake ends in one line and exit
    code 2. What a program needs is loaded when it is asked for: help is there at once, and doctor where the rest fails.
    """
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # it was closed by whoever started this: nobody reads
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
    name, *rest = [*(sys.argv[1:] if words is None else words)] or ["--help"]
    if name in ("-h", "--help"):
        print(HELP.format("\n".join(f"  {each:10}{what}" for each, what in PROGRAMS.items())), end="")
    elif name in ("-V", "--version"):
        print(f"air3d {version('air3d')}")
    elif name not in PROGRAMS:
        print(f"error: there is no program {name}; {nearest(name, PROGRAMS)} (air3d --help)", file=sys.stderr)
        sys.exit(2)
    elif name == "doctor":
        sys.exit(program(name)())
    else:
        from air3d import cli

        sys.argv[1:] = rest
        cli.run(name, lambda config: program(name)(config), FOLDERS.get(name, ""))


def program(name: str) -> Callable[..., Any]:
    return import_module(f"air3d.programs.{name}").main

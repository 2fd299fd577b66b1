"""Small data sets in BOP's layout for the tests: crockery as our renderer paints it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from air3d import cli
from air3d.programs import generate as generate_py
from scenes.bop.reading import BopData, read_bop
from scenes.catalogue import Catalogue
from scenes.scene import Scene, SceneConfig

SIZE = (48, 64)
LENS = [90.0, 85.0, 30.0, 21.0]
SCENE = Scene(SceneConfig(image_size=list(SIZE), intrinsics=tuple(LENS)))  # pyright: ignore[reportArgumentType]
WORDS = (f"scene.image_size={list(SIZE)}", f"scene.intrinsics={LENS}", "format=bop", "seed=3", "scene.min_objects=1")


def written(out: Path, *words: str) -> Path:
    """Four tables, written by generate.py."""
    generate_py.main(cli.compose("generate", [f"out={out}", "scenes=4", *WORDS, *words]))
    return out


def read(folder: Path, catalogue: Catalogue = SCENE.catalogue, **options: Any) -> BopData:
    return read_bop(folder, catalogue, SCENE.configured, SIZE, **options)


def changed(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """A JSON file of the only scene, or of the models, with a change."""
    path = next(each for each in (folder / "test" / "000000" / name, folder / "models" / name) if each.is_file())
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))

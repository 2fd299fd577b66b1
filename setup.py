"""The wheel: everything inside air3d, so that no name is installed that other people's packages have as well.

In the repository the three rooms air3d -> renderers -> scenes stand beside each other. Installed they are air3d,
air3d.renderers and air3d.scenes, and the imports in the wheel's copy say so; a package `scenes` of somebody else is
neither hidden nor imported. Configurations and released networks lie in air3d as well (air3d/home.py finds them).
An editable installation is the repository itself. All else is in pyproject.toml.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info

ROOMS, DATA = ("scenes", "renderers"), ("configs", "pretrained")
WRITTEN = {"evaluation", "evaluation_direct", "inferred"}
"""What the programs may have left in pretrained/NAME."""

IMPORT = re.compile(rf"^(\s*)(from|import) ({'|'.join(ROOMS)})\b", re.MULTILINE)


class Inside(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            inside(Path(self.build_lib))


def inside(built: Path) -> None:
    """Puts what was built, and the data, into the package."""
    package = built / "air3d"
    for name in (*ROOMS, *DATA):
        shutil.rmtree(package / name, ignore_errors=True)
    for room in ROOMS:
        shutil.move(built / room, package / room)
    for folder in DATA:
        shutil.copytree(folder, package / folder, ignore=lambda _, names: WRITTEN & {*names})
    for path in package.rglob("*.py"):
        path.write_text(IMPORT.sub(r"\1\2 air3d.\3", path.read_text(encoding="utf-8")), encoding="utf-8")


class OneName(egg_info):
    def run(self) -> None:
        super().run()
        Path(self.egg_info, "top_level.txt").write_text("air3d\n")


setup(cmdclass={"build_py": Inside, "egg_info": OneName})

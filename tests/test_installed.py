"""The wheel and the source archive: what they hold, and that they work where the repository is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BACKEND = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def built(kind: str, source: Path, out: Path) -> Path:
    """What setuptools makes of a source folder, by the hook of that name."""
    words = [sys.executable, "-c", BACKEND, kind, str(out)]
    done = subprocess.run(words, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive of what git would check out, not of what else lies here"""
    folder = tmp_path_factory.mktemp("source")
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return built("build_sdist", folder, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made from the source archive, so that nothing it needs is missing there."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return built("build_wheel", next(folder.iterdir()), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, read-only, as in somebody else's site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_nothing_is_installed_but_air3d(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
        (text,) = (file.read(name).decode() for name in names if name.endswith("top_level.txt"))
        entry = next(file.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert tops == {"air3d"} and text.split() == ["air3d"] and "air3d = air3d.command:main" in entry
    inside = {"air3d/scenes/scene.py", "air3d/renderers/base.py", "air3d/configs/train.yaml",
              "air3d/pretrained/tabletop/model.safetensors", "air3d/renderers/painters/skies.npz"}  # fmt: skip
    assert inside <= set(names)


def test_no_import_of_a_name_that_is_not_ours_alone_is_left(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        for name in file.namelist():
            if name.endswith(".py"):
                text = file.read(name).decode()
                compile(text, name, "exec")
                lines = [line.strip() for line in text.splitlines()]
                assert not [line for line in lines if line.startswith(("from scenes", "from renderers", "import scenes",
                                                                       "import renderers"))], name  # fmt: skip


def test_it_works_among_packages_of_the_same_names(site: Path, tmp_path: Path) -> None:
    """From a folder with an odd name, without a home, with somebody else's `scenes` in it: generate, infer, train."""
    here = tmp_path / "my, [odd] = folder"
    for name in ("scenes", "renderers", "configs"):
        (here / name).mkdir(parents=True)
        (here / name / "__init__.py").write_text("raise ImportError('of somebody else')\n")
    libraries = sysconfig.get_paths()["purelib"]
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "PYTHONPATH")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join([str(site), libraries]), "OMP_NUM_THREADS": "1",
                   "NUMBA_CACHE_DIR": str(tmp_path / "numba"), "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip

    def air3d(*words: str) -> str:
        command = [sys.executable, "-S", "-m", "air3d", *words]
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    air3d("generate", "scene=tabletop", "scenes=3", "out=some tables", "seed=5")
    said = air3d("infer", "run=pretrained/tabletop", "pictures=some tables", "calibration_scenes=20")
    assert "000000.png: 0 (" in said
    answers = json.loads((here / "tabletop_inferred" / "scenes.json").read_text())
    assert len(answers["scenes"]) == 3 and (here / "tabletop_inferred" / "objects.csv").is_file()
    words = ("trainer.steps=1", "trainer.batch=2", "trainer.validation_scenes=2", "scene.image_size=16")
    said = air3d("train", "scene=tabletop", "run_dir=a run", *words, "logger.mode=disabled")
    assert "air3d train resume=a run" in said and (here / "a run" / "last.pt").is_file()
    assert str(site) in air3d("doctor")

"""The test sets that come with the project are whole, and say what they say they show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from evaluating import evaluate

from air3d.cli import compose, typed
from air3d.splits import dataset_seed
from renderers.painters import PainterConfig
from scenes.catalogue import catalogue
from scenes.dataset import Dataset, read_dataset
from scenes.scene import Scene, SceneConfig

ROOT = Path(__file__).resolve().parents[1]
SETS = sorted(folder for folder in (ROOT / "testsets").iterdir() if folder.is_dir())
SEED, SCENES = 22, 200


def read(folder: Path) -> Dataset:
    return read_dataset(folder, catalogue("crockery"), Scene(SceneConfig()).configured)


def test_there_is_one_for_each_level() -> None:
    levels = {path.stem for path in (ROOT / "configs" / "testset").glob("*.yaml")}
    assert {folder.name for folder in SETS} == levels and len(levels) == 3


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_they_are_intact_and_of_the_command_that_docs_name(folder: Path) -> None:
    """Pictures need Mitsuba; what stands in them does not."""
    assert (folder / "manifest.json").is_file()
    data, composed = read(folder), compose("generate", [f"testset={folder.name}", "out=x"])
    config = typed(composed.scene, SceneConfig)
    assert data.images.shape == (SCENES, 64, 64, 3) and data.info["seed"] == SEED
    assert PainterConfig(**data.info["painter"]) == typed(composed.painter, PainterConfig)
    scene, indices = Scene(config), range(SCENES)
    truth, views = scene.batch(dataset_seed(SEED), indices), scene.views(dataset_seed(SEED), indices)
    np.testing.assert_array_equal(data.objects.identity, truth.identity)
    np.testing.assert_allclose(data.objects.position, truth.position, atol=1e-6)
    np.testing.assert_allclose(data.view.camera_translation, views.camera_translation, atol=1e-9)
    np.testing.assert_allclose(data.view.noise, views.noise)
    if truth.tint is not None:
        np.testing.assert_allclose(data.objects.tint, truth.tint, atol=1e-6)


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_pictures_show_what_stands_in_them_where_it_stands(folder: Path) -> None:
    """In colour: a bowl is the only thing that is blue, a mug the only one that is red."""
    data = read(folder)
    images, names = data.images / 255.0, catalogue("crockery").names
    right = {"bowl": [], "mug": []}
    for row, picture in enumerate(images):
        camera = data.view.camera(row)
        for slot in np.flatnonzero(data.objects.presence[row]):
            if (name := names[int(data.objects.identity[row, slot])]) in right:
                point = data.objects.position[row, slot] + np.array([0, 0, 0.03])
                column, line = camera.to_pixels(camera.project(point)).round().astype(int)
                red, _, blue = picture[line - 1 : line + 2, column - 1 : column + 2].mean((0, 1))
                right[name].append(blue > 1.3 * red if name == "bowl" else red > 1.3 * blue)
    assert min(len(each) for each in right.values()) > 50
    assert all(np.mean(each) > 0.9 for each in right.values()), "others are hidden"


def test_a_released_network_can_be_measured_on_them(tmp_path: Path) -> None:
    words = [f"run={ROOT / 'pretrained' / 'tabletop'}", f"data={SETS[0]}", "scenes=30", f"out={tmp_path}"]
    evaluate(*words)
    assert json.loads((tmp_path / "metrics.json").read_text())["scenes"] == 30

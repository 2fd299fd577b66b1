"""generate.py: from the command line to a data set on disk, and back."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from render_tools import random_view
from small_runs import small_trainer

from air3d import cli
from air3d.cli import compose, typed
from air3d.programs import generate as generate_py
from air3d.splits import dataset_seed, train_seed
from renderers import RendererConfig, build_renderer
from renderers.convert import to_bytes, to_numpy, to_torch
from renderers.painters import Ours
from renderers.sensor import photograph
from renderers.shadows import shadowed
from renderers.visibility import visible_pixels
from scenes.dataset import read_dataset
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return generate_py


def generate(script: ModuleType, *overrides: str) -> None:
    script.main(cli.compose("generate", list(overrides)))


def test_pictures_and_labels_belong_together(script: ModuleType, tmp_path: Path):
    generate(script, "scene=tabletop", "scenes=60", f"out={tmp_path / 'set'}", "seed=3")
    data = read_dataset(tmp_path / "set")
    scene = Scene(SceneConfig())
    assert data.images.shape == (60, 64, 64, 3) and set(data.objects.count.tolist()) == {0, 1, 2, 3}
    again = to_bytes(
        build_renderer("streaming", scene, RendererConfig()).render(to_torch(data.objects), to_torch(data.view))
    )
    np.testing.assert_array_equal(again, data.images)
    assert (data.visible_pixels[data.objects.presence] >= 20).all()
    alone = scene.objects(dataset_seed(3), 17)
    np.testing.assert_array_equal(alone.position[0, : data.objects.slots], data.objects.position[17])


def test_same_bytes_and_the_beginning_does_not_depend_on_the_end(script: ModuleType, tmp_path: Path):
    for name, scenes in (("a", 5), ("b", 5), ("long", 53)):
        generate(script, "scene=single_object", f"scenes={scenes}", f"out={tmp_path / name}")
    for path in sorted((tmp_path / "a").rglob("*.*")):
        name = path.relative_to(tmp_path / "a")
        assert path.read_bytes() == (tmp_path / "b" / name).read_bytes()
        if path.suffix == ".png":
            assert path.read_bytes() == (tmp_path / "long" / name).read_bytes()


def test_every_picture_is_painted_under_its_own_view(script: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """However many are painted at a time."""
    scene = Scene(SceneConfig())
    renderer, objects = build_renderer("streaming", scene), scene.batch(0, range(5))
    view = to_numpy(random_view(0, 5, 32, 24))
    monkeypatch.setattr(script, "BATCH", 2)
    made = list(script.pictures(Ours(renderer), renderer, objects, view, [(0, row) for row in range(5)]))
    for row, (picture, visible) in enumerate(made):
        alone = to_torch(objects[row]), to_torch(view[row])
        expected = to_bytes(photograph(renderer.render(*alone), alone[1], [(0, row)]))[0].astype(int)
        assert picture.shape == (32, 24, 3) and np.abs(picture - expected).max() <= 1
        assert visible == visible_pixels(renderer, *alone)[0].tolist()
    assert len(made) == 5 and sum(sum(visible) for _, visible in made) > 100


NOISE_ALONE = ("scene.vary.blur=0", "scene.vary.tone=0", "scene.vary.jpeg=null")


def test_what_every_sensor_did_is_in_the_pictures_and_told(script: ModuleType, tmp_path: Path):
    words = ["scene=tabletop_varied", "scenes=8", "scene.image_size=32"]
    generate(script, *words, f"out={tmp_path / 'set'}")
    data, scene = read_dataset(tmp_path / "set"), Scene(typed(compose("generate", words).scene, SceneConfig))
    seeds = [(dataset_seed(0), row) for row in range(8)]
    views = scene.views(dataset_seed(0), range(8))
    for name in ("blur", "tone", "jpeg"):
        np.testing.assert_allclose(getattr(data.view, name), getattr(views, name), err_msg=name)
    assert views.blur.max() > 0.1 and (views.tone != 1).all() and views.jpeg.max() > 0
    renderer, there, world = build_renderer("streaming", scene), to_torch(data.objects), to_torch(views)
    painted = renderer.render(there, shadowed(renderer, there, world))
    seen = to_bytes(photograph(painted, world, seeds)).astype(int)
    assert (np.abs(seen - data.images) <= 1).mean() > 0.99 and (np.abs(to_bytes(painted) - seen) > 1).mean() > 0.5


def test_varied_pictures_are_photographed_and_their_worlds_are_told(script: ModuleType, tmp_path: Path):
    words = ["scene=tabletop_varied", "scenes=4", "scene.image_size=32", "scene.vary.noise=[0.0,0.04]", *NOISE_ALONE]
    generate(script, *words, f"out={tmp_path / 'set'}")
    data, scene = read_dataset(tmp_path / "set"), Scene(typed(compose("generate", words).scene, SceneConfig))
    views = scene.views(dataset_seed(0), range(4))
    for name in ("light", "gain", "noise", "ambient"):
        np.testing.assert_allclose(getattr(data.view, name), getattr(views, name), err_msg=name)
    assert np.abs(data.view.background - views.background).max() <= 0.5 / 255 + 1e-9
    renderer, there, world = build_renderer("streaming", scene), to_torch(data.objects), to_torch(views)
    painted = renderer.render(there, shadowed(renderer, there, world))
    off = data.images / 255 - painted.numpy()
    inside = (painted.numpy() > 0.2) & (painted.numpy() < 0.8)
    for row in range(4):
        if inside[row].sum() > 300:
            assert off[row][inside[row]].std() == pytest.approx(views.noise[row], rel=0.15, abs=1.2e-3)
    assert (inside.sum((1, 2, 3)) > 300).sum() >= 2
    assert data.info["scene"]["vary"]["noise"] == [0.0, 0.04]


def test_pictures_with_shadows_are_those_of_a_training(script: ModuleType, tmp_path: Path):
    """Of the same scenes in the same worlds, to the byte; read back, they are painted again from what is told."""
    trainer = small_trainer(tmp_path, "scene=tabletop_varied", "scene.image_size=32")
    scene, renderer, seed = trainer.run.scene, trainer.run.renderer, train_seed(0)
    pictures, _, view, truth = trainer.scenes()
    rows = range(len(pictures))
    seeds, views = [(seed, row) for row in rows], scene.views(seed, rows)
    made = [picture for picture, _ in script.pictures(Ours(renderer), renderer, truth, views, seeds)]
    assert np.array_equal(np.stack(made), to_bytes(pictures))
    shaded = (view.background < to_torch(views).background - 0.02).flatten(1).any(1)
    assert (views.lamp > 0).all() and shaded.sum() >= 2
    generate(
        script, "scene=tabletop_varied", "scenes=3", "scene.image_size=32", *NOISE_ALONE, f"out={tmp_path / 'set'}"
    )
    data = read_dataset(tmp_path / "set")
    again = Ours(renderer)(data.objects, data.view, [(0, 0)] * 3)
    noise = np.abs(data.images / 255 - again.numpy()).mean((1, 2, 3)) / data.view.noise
    assert (noise < 1.0).all(), "the mean of |normal numbers| is 0.8"


CHOICES = [
    f"{group}={path.stem}" for group in ("scene", "painter", "testset") for path in (CONFIGS / group).glob("*.yaml")
]


@pytest.mark.parametrize("choice", CHOICES)
def test_every_shipped_configuration_generates(script: ModuleType, tmp_path: Path, choice: str):
    traced = "mitsuba" in choice or "path_traced" in choice
    if traced:
        pytest.importorskip("mitsuba", reason="Mitsuba is not installed: pip install -e '.[mitsuba]'")
    of_folder = [f"scene.meshes={ROOT / 'meshes' / 'kitchen'}"] * choice.startswith("scene=meshes")
    generate(
        script,
        choice,
        *of_folder,
        *["painter.rays=1"] * traced,
        "scenes=2",
        "scene.image_size=16",
        f"out={tmp_path / 'set'}",
    )
    data = read_dataset(tmp_path / "set")
    assert data.images.shape == (2, 16, 16, 3) and data.images.max() > 20


def test_what_does_not_vary_is_not_written(script: ModuleType, tmp_path: Path):
    generate(script, "scenes=1", f"out={tmp_path / 'set'}")
    info = read_dataset(tmp_path / "set").info
    assert "vary" not in info["scene"] and "painter" not in info, "data sets are what they were"


def test_count_and_other_settings(script: ModuleType, tmp_path: Path):
    generate(script, "scenes=2", "count=5", f"out={tmp_path / 'set'}", "scene.image_size=32")
    data = read_dataset(tmp_path / "set")
    assert data.objects.count.tolist() == [5, 5] and data.images.shape[1:] == (32, 32, 3)
    assert data.info["count"] == 5 and data.info["renderer"]["name"] == "streaming"


def test_a_data_set_is_no_training_set():
    assert {dataset_seed(s) for s in range(1000)}.isdisjoint(train_seed(s) for s in range(1000))


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["count=50"], "50 objects do not fit"),
        (["scenes=0"], "scenes=0: ask for at least 1"),
        (["seed=-1"], "seed=-1"),
        (["scenes=many"], "scenes: Value 'many'"),
        (["scene.repeats=false", "count=5"], "5 objects without repeats"),
        (["scene.catalogue=cutlery"], "no catalogue 'cutlery'"),
        (["out="], "give out=DIR"),
        (["scene=3"], "must be a string"),
        (["testset=path_traced_4"], "did you mean path_traced_"),
        (["scene=tabletop_varied", "scene.vary.noise=[0.2,0.1]"], "two rising numbers"),
        (["scnes=4"], "did you mean scenes"),
    ],
)
def test_bad_input_is_one_line(script: ModuleType, tmp_path: Path, overrides: list[str], words: str):
    with pytest.raises(UserError) as caught:
        generate(script, f"out={tmp_path / 'set'}", *overrides)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path: Path):
    """As a user meets it: a folder of theirs is left alone, with one line and exit code 2."""
    (tmp_path / "photo.txt").write_text("mine")
    command = [sys.executable, str(ROOT / "generate.py"), "scenes=2", f"out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines() == [f"error: {tmp_path} exists and is not a data set of ours: choose another out"]
    command[-1] = f"out={tmp_path / 'set'}"
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"photo.txt", "set"}, "and no log files beside it"
    assert len(json.loads((tmp_path / "set" / "scenes.json").read_text())["scenes"]) == 2

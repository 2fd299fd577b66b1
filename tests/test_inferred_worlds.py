"""Light and camera inferred, from training to what the programs write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluating import evaluate
from small_runs import small_config, small_run, small_trainer, untrained

from air3d import cli
from air3d.inference.believed import believed_views, written_world
from air3d.programs import generate as generate_py
from air3d.programs import infer as infer_py
from air3d.training.checkpoint import begin_with, load_checkpoint, load_run
from renderers.convert import to_floats, to_numpy, to_torch
from scenes.camera import Camera
from scenes.reading import read_dataset
from scenes.scene import Scene, SceneConfig

WORDS = ["scene=tabletop_varied", "scene.vary.turn=3", "scene.vary.shift=0.03", "scene.image_size=16"]
WORDS += ["scene.view.light=inferred", "scene.view.camera=inferred"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    return untrained(folder, small_config(folder, *WORDS))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables") / "varied"
    words = [word for word in WORDS if not word.startswith("scene.view.")]
    generate_py.main(cli.compose("generate", [f"out={folder}", "scenes=5", "seed=2", *words]))
    return folder


def test_a_training_learns_it_and_goes_on_where_it_was(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, *WORDS)
    begun = trainer.run.model.world.posterior.read.weight.detach().clone()  # type: ignore[union-attr]
    for _ in range(2):
        values = trainer.train_step()
    assert {"train/world_kl", "train/world_log_q"} <= set(values) and np.isfinite(list(values.values())).all()
    trainer.save("last.pt")
    went_on = trainer.train_step()
    again = small_trainer(tmp_path / "again", *WORDS)
    again.restore(load_checkpoint(tmp_path / "last.pt"))
    assert again.train_step() == went_on
    there, here = trainer.run.model.state_dict(), again.run.model.state_dict()
    assert all(torch.equal(there[name], here[name]) for name in there)
    assert not torch.equal(there["world.posterior.read.weight"], begun)


@pytest.mark.parametrize("other", ["varied", "inferred"])
def test_a_network_goes_on_where_another_part_is_inferred(run_dir: Path, tmp_path: Path, other: str) -> None:
    """Step 0 begins anew where it differs, all else is taken over."""
    words = [word for word in WORDS if not word.startswith("scene.view.camera")]
    run = small_run(tmp_path, *words, f"scene.view.camera={other}")
    own = {name: value.clone() for name, value in run.model.state_dict().items()}
    theirs = load_checkpoint(begin_with(run, run_dir)[0])["model"]
    for name, value in run.model.state_dict().items():
        taken = other == "inferred" or not name.startswith("world.")
        assert torch.equal(value, theirs[name] if taken else own[name]), name


def test_evaluate_says_how_far_off_camera_and_light_are(
    run_dir: Path, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(f"run={run_dir}", f"data={tables}", f"out={tmp_path}", "importance_samples=2")
    written, said = json.loads((tmp_path / "metrics.json").read_text()), capsys.readouterr().out
    for name in ("turn_error_median_deg", "tilt_error_median_deg", "shift_error_median_m", "height_error_median_m"):
        assert written[f"camera_{name}"] > 0
    assert written["camera_turn_error_median_deg"] < 6 and written["camera_shift_error_median_m"] < 0.06
    assert written["light_error_median_deg"] > 1 and np.isfinite(written["importance_bound"])
    assert "the camera itself, median: " in said and "direction of the light, median: " in said
    assert "camera_position_error_median_m" in written


def test_objects_in_the_cameras_axes_are_seen_through_the_believed_one(run_dir: Path, tables: Path) -> None:
    run, data = load_run(run_dir), read_dataset(tables)
    pictures, view = to_floats(data.images), to_torch(data.view)
    believed = to_numpy(believed_views(run.model.world, pictures, view, batch_size=2))
    alone = to_numpy(run.model.world.believed(pictures, view))
    np.testing.assert_allclose(believed.camera_rotation, alone.camera_rotation, atol=1e-5)
    assert np.abs(believed.camera_rotation - np.asarray(data.view.camera_rotation)).max() > 1e-3


def test_infer_says_what_it_believes_of_each_picture(run_dir: Path, tables: Path, tmp_path: Path) -> None:
    words = [f"run={run_dir}", f"pictures={tables}", f"out={tmp_path}", "calibration_scenes=20", "show=1"]
    infer_py.main(cli.compose("infer", words))
    scenes = json.loads((tmp_path / "scenes.json").read_text())["scenes"]
    worlds = [scene["world"] for scene in scenes]
    for world in worlds:
        assert set(world) == {"camera", "light", "background", "noise"}
        assert set(world["light"]) == {"direction", "ambient", "diffuse"} and world["noise"] > 0
        assert np.linalg.norm(world["light"]["direction"]) == pytest.approx(1, abs=1e-5)
        assert len(world["background"]) == 3 and 0 <= min(world["background"]) <= max(world["background"]) <= 1
        own = {"rotation": world["camera"]["rotation"], "translation": world["camera"]["translation"]}
        Camera(np.array(world["camera"]["intrinsics"]), **{k: np.array(x) for k, x in own.items()}, height=16, width=16)
    assert worlds[0]["light"] != worlds[1]["light"] and worlds[0]["camera"] != worlds[1]["camera"]
    for scene in scenes:
        for entry in scene["objects"]:
            camera = scene["world"]["camera"]
            place = np.array(entry["3d_coords"]) @ camera["rotation"] + camera["translation"]
            np.testing.assert_allclose(np.array(entry["t_camera"]), place * [-1, -1, 1], atol=1e-5)


def test_where_nothing_is_inferred_nothing_is_said() -> None:
    view = Scene(SceneConfig()).configured
    assert written_world(view, 0, ()) == {} == written_world(view, 0, ("gain", "tint"))

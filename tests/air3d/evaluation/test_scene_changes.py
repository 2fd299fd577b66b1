"""Test scenes that differ from those of the training: what is changed, and what the network is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluating import evaluate
from small_runs import untrained

from air3d.cli import compose
from air3d.evaluation.scene_changes import SceneChange
from air3d.evaluation.scenes import EvaluateConfig, held_out_scenes, render, scenes_of
from air3d.model.attention import table_shares
from air3d.programs import generate
from air3d.training.checkpoint import load_run
from air3d.training.config import Config
from renderers import build_renderer
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig
from scenes.variation import Variation

HIGHER = (0.0, -0.67, 1.42)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    """A run that never learned anything, of a scene without repeats."""
    return untrained(tmp_path_factory.mktemp("run"), Config(scene=SceneConfig(image_size=32, repeats=False)))


def test_what_is_shown():
    trained = SceneConfig(repeats=False)
    assert SceneChange(repeats=True, camera_position=HIGHER).applied(trained) == SceneConfig(camera_position=HIGHER)
    assert SceneChange(camera_position=HIGHER, camera_known=False).applied(trained).camera_position == HIGHER
    assert SceneChange().changes() == {} and SceneChange().applied(trained) == trained
    with pytest.raises(UserError, match="gap"):
        SceneChange(gap=-1.0).applied(trained)


def test_what_is_told():
    """The camera at most: of another table top the network is told nothing."""
    change = SceneChange(camera_position=HIGHER, background=(0.5, 0.5, 0.5))
    trained, shown = Scene(SceneConfig()), Scene(change.applied(SceneConfig()))
    told = change.known_view(trained, shown.views(0, range(3)))
    assert len(told) == 3 and told.camera(2).close_to(shown.camera)
    np.testing.assert_array_equal(told.background, trained.views(0, range(3)).background)
    untold = SceneChange(camera_position=HIGHER, camera_known=False).known_view(trained, shown.views(0, range(3)))
    assert len(untold) == 3 and untold.camera(0).close_to(trained.camera)
    assert not shown.camera.close_to(trained.camera)


def test_where_every_picture_has_a_world_of_its_own_it_is_told():
    change = SceneChange(camera_position=HIGHER, camera_known=False)
    trained = Scene(SceneConfig(vary=Variation(noise=(0.0, 0.1))))
    view = Scene(change.applied(trained.config)).views(5, range(3))
    told = change.known_view(trained, view)
    np.testing.assert_array_equal(told.noise, view.noise)
    assert told.camera(0).close_to(trained.camera) and not told.camera(0).close_to(view.camera(0))


def test_a_data_sets_cameras_are_told_or_not(run_dir, tmp_path):
    words = ["scene.image_size=32", "+scene.vary.turn=3.0", "+scene.vary.noise=[0.02,0.02]", "scenes=3"]
    generate.main(compose("generate", [*words, f"out={tmp_path / 'set'}"]))
    run = load_run(run_dir)
    for known in (True, False):
        settings = EvaluateConfig("run", data=str(tmp_path / "set"), scene=SceneChange(camera_known=known))
        scenes, taken, about = scenes_of(settings, run.scene, run.scene, run.renderer)
        assert scenes.view.camera(1).close_to(taken.camera(1) if known else run.scene.camera)
        assert not taken.camera(1).close_to(run.scene.camera) and scenes.view.noise.tolist() == pytest.approx(
            [0.02] * 3
        )
        assert about.get("camera_known", True) == known
    evaluate(f"run={run_dir}", f"data={tmp_path / 'set'}", "scene.camera_known=false", f"out={tmp_path / 'out'}")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["camera_known"] is False


def test_a_network_that_is_told_looks_through_the_new_camera(run_dir):
    """Places on the table and paintings must be those of the new camera; what is judged was painted by it."""
    run = load_run(run_dir)
    for known in (True, False):
        change = SceneChange(camera_position=HIGHER, camera_known=known)
        scene = Scene(change.applied(run.config.scene))
        settings = EvaluateConfig("run", scenes=3, counts=[2], scene=change)
        scenes, painted_under, _ = scenes_of(settings, run.scene, scene, run.renderer)
        truth, view = held_out_scenes(scene, 0, 3, [2])
        expected = build_renderer("reference", scene).render(to_torch(truth), to_torch(view))
        assert (scenes.images - expected).abs().max() < 1e-4
        assert painted_under.camera(0).close_to(scene.camera)
        assert scenes.view.camera(0).close_to(scene.camera if known else run.scene.camera)
        places = [table_shares(run.model.prior, to_torch(each)) for each in (scenes.view, view)]
        assert torch.equal(*places) == known
        assert ((render(run.renderer, truth, scenes.view) - expected).abs().max() < 1e-4) == known
        assert known or (render(run.renderer, truth, scenes.view) - expected).abs().max() > 0.1


def test_evaluate_on_changed_scenes(run_dir, tmp_path):
    words = [f"run={run_dir}", "scenes=6", "counts=[3]", "scene.table=[0.5,0.5]", "scene.gap=0", f"out={tmp_path}"]
    evaluate(*words)
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["changed"] == {"table": [0.5, 0.5], "gap": 0.0}
    assert "table=[0.5, 0.5]" in written["scenes_from"] and written["trained_counts"] == [0, 1, 2, 3]
    crowded = Scene(SceneChange(table=(0.5, 0.5), gap=0.0).applied(load_run(run_dir).config.scene))
    assert np.abs(held_out_scenes(crowded, 0, 6, [3])[0].position).max() < 0.25


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scene.gap=-1"], "scene.gap is -1"),
        (["scene.gaps=1"], "there is no setting scene.gaps"),
        (["scene.table=[0.2,0.2]", "counts=[3]"], "do not fit"),
        (["scene.gap=0", "data=nowhere"], "give one of them"),
    ],
)
def test_bad_changes_get_one_line(words, said, run_dir):
    with pytest.raises(UserError, match=said):
        evaluate(f"run={run_dir}", "scenes=3", *words)

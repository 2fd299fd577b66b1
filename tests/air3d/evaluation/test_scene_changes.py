"""Tests on scenes that differ from those of the training: what is changed, and what the network is told of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import evaluate as evaluate_py
from air3d import cli
from air3d.evaluation.scene_changes import SceneChange
from air3d.evaluation.scenes import held_out_scenes, render
from air3d.training.checkpoint import build, load_run, save_checkpoint, save_config
from air3d.training.config import Config
from renderers import build_renderer
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig

HIGHER = (0.0, -0.67, 1.42)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run that never learned anything, of a scene without repeats."""
    folder = tmp_path_factory.mktemp("run")
    config = Config(scene=SceneConfig(image_size=32, repeats=False))
    run = build(config)
    save_config(config, folder)
    names = list(run.scene.catalogue.names)
    save_checkpoint(folder / "best.pt", {"identities": names, "model": run.model.state_dict()})
    return folder


def test_what_is_shown_and_what_is_assumed():
    trained = SceneConfig(repeats=False)
    told = SceneChange(repeats=True, camera_position=HIGHER)
    assert told.shown(trained) == SceneConfig(repeats=True, camera_position=HIGHER)
    assert told.assumed(trained) == SceneConfig(repeats=False, camera_position=HIGHER)
    untold = SceneChange(camera_position=HIGHER, camera_known=False)
    assert untold.shown(trained).camera_position == HIGHER and untold.assumed(trained) == trained
    assert SceneChange().changes() == {} and SceneChange().shown(trained) == trained
    with pytest.raises(UserError, match="gap"):
        SceneChange(gap=-1.0).shown(trained)


def test_a_network_that_is_told_looks_through_the_new_camera(run_dir):
    """Places on the table, rings and paintings must all be those of the new camera, with the weights of the run."""
    change = SceneChange(camera_position=HIGHER)
    before, after = load_run(run_dir), load_run(run_dir, scene=change.assumed)
    weights = before.model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in after.model.state_dict().items())
    assert not torch.equal(before.model.posterior.attention.places, after.model.posterior.attention.places)
    truth = held_out_scenes(Scene(change.shown(before.config.scene)), 0, 3, [2])
    expected = build_renderer("reference", Scene(change.shown(before.config.scene))).render(to_torch(truth))
    assert (render(after.renderer, truth) - expected).abs().max() < 1e-4
    assert (render(before.renderer, truth) - expected).abs().max() > 0.1


def test_evaluate_on_changed_scenes(run_dir, tmp_path):
    words = [f"run={run_dir}", "scenes=6", "counts=[3]", "scene.table=[0.5,0.5]", "scene.gap=0", f"out={tmp_path}"]
    evaluate_py.main(cli.compose("evaluate", words))
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["changed"] == {"table": [0.5, 0.5], "gap": 0.0}
    assert "table=[0.5, 0.5]" in written["scenes_from"] and written["trained_counts"] == [0, 1, 2, 3]
    crowded = Scene(SceneChange(table=(0.5, 0.5), gap=0.0).shown(load_run(run_dir).config.scene))
    assert np.abs(held_out_scenes(crowded, 0, 6, [3]).position).max() < 0.25


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
        evaluate_py.main(cli.compose("evaluate", [f"run={run_dir}", "scenes=3", *words]))

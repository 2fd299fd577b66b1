"""What is measured of a network that cheats in known ways."""

from __future__ import annotations

import pytest
import torch
from cheating import judged

from air3d.evaluation.measure import Scenes, evaluate_scenes
from scenes.scene import Scene, SceneConfig


@pytest.fixture(scope="module")
def cheated():
    return judged(Scene(SceneConfig(image_size=32)))


def test_what_is_measured(cheated):
    _, oracle, evaluation = cheated
    metrics = evaluation.metrics
    assert oracle.calls == 4  # one to warm up, three batches
    assert metrics["count_accuracy"] == pytest.approx(0.9) and metrics["count_confusion"][0] == [2, 0, 0, 1]
    assert metrics["detection_rate"] == metrics["identity_accuracy"] == 1
    assert metrics["position_error_median_m"] == pytest.approx(0.01, abs=1e-6)
    assert metrics["rotation_error_median_deg"] == pytest.approx(0, abs=1e-4)
    assert metrics["reconstruction_mse"] == pytest.approx(0.01, abs=1e-6) and metrics["elbo"] == -7
    assert metrics["milliseconds_per_image"] > 0 and metrics["max_objects"] == 3
    assert list(metrics["by_count"]) == ["0", "1", "2", "3"]
    assert [part["scenes"] for part in metrics["by_count"].values()] == [3, 3, 2, 2]
    assert metrics["by_count"]["0"]["count_accuracy"] == pytest.approx(2 / 3)
    assert metrics["by_count"]["2"]["count_accuracy"] == metrics["count_accuracy_by_count"]["2"] == 1


def test_without_a_bound_there_is_no_elbo(cheated):
    scenes, oracle, _ = cheated
    few = Scenes(scenes.images[:2], scenes.truth[:2], scenes.view[:2])
    assert evaluate_scenes(oracle, few, [1, 1, 1, 1]).metrics["elbo"] is None


def test_what_takes_long_is_explained_once_and_kept(cheated):
    scenes, oracle, evaluation = cheated
    before, again = oracle.calls, evaluate_scenes(oracle, scenes, [1, 1, 1, 1], batch_size=4, once=True)
    assert oracle.calls == before + 3 and evaluation.found is None and again.found is not None
    assert torch.equal(again.found.objects.position, again.objects.position) and len(again.found.rho) == 10

"""Counts and objects on cases small enough to work out by hand, and what must never matter to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from predicted import CUBE, MUG, PLATE, SYMMETRY, strict, tables

from air3d.evaluation.matching import match
from air3d.evaluation.metrics import score
from renderers.convert import to_torch
from scenes.objects import Objects


def test_perfect_predictions_in_another_order():
    truth = tables([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2)], [])
    predicted = tables([(CUBE, 0.3, 0, 0.2), (MUG, 0, 0, 1.0)], [])
    scores = strict(score(predicted, truth, SYMMETRY))
    assert scores["count_accuracy"] == scores["detection_rate"] == scores["identity_accuracy"] == 1
    assert scores["position_error_median_m"] == scores["position_error_mean_m"] == 0
    assert scores["rotation_error_median_deg"] == 0 and scores["rotation_objects"] == 2
    assert scores["count_confusion"] == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert scores["count_accuracy_by_count"] == {"0": 1, "2": 1}
    assert (scores["scenes"], scores["objects"]) == (2, 2)


def test_empty_scene_right_and_wrong():
    scores = strict(score(tables([]), tables([]), SYMMETRY))
    assert scores["count_accuracy"] == 1 and scores["count_confusion"] == [[1]]
    for key in ("detection_rate", "identity_accuracy", "position_error_median_m", "rotation_error_median_deg"):
        assert scores[key] is None
    scores = strict(score(tables([(MUG, 0, 0, 0)]), tables([]), SYMMETRY))
    assert scores["count_accuracy"] == 0 and scores["count_confusion"] == [[0, 1], [0, 0]]
    assert scores["detection_rate"] is None


def test_no_scenes_and_no_slots():
    scores = strict(score(tables(slots=0), tables(), SYMMETRY))
    assert scores["scenes"] == 0 and scores["count_accuracy"] is None and scores["count_accuracy_by_count"] == {}
    assert strict(score(tables([], slots=0), tables([(MUG, 0, 0, 0)]), SYMMETRY))["detection_rate"] == 0


def test_everything_wrong():
    truth, predicted = tables([(MUG, 0, 0, 0)]), tables([(PLATE, 0.3, 0.4, 1), (PLATE, 1, 1, 1)])
    scores = strict(score(predicted, truth, SYMMETRY))
    assert scores["count_accuracy"] == 0 and scores["detection_rate"] == 0
    assert scores["identity_accuracy"] is None  # nothing was detected that could be judged
    assert scores["position_error_median_m"] == pytest.approx(0.5)
    assert scores["rotation_objects"] == 0 and scores["rotation_error_median_deg"] is None


def test_mesh_and_face_are_judged_where_meshes_have_several():
    """Mug and cube are two faces of one mesh here: of four detected one is another mesh, and of three one lies."""
    places = [(0, 0), (0.3, 0), (0, 0.3), (0.3, 0.3)]
    truth = tables([(kind, *place, 0) for kind, place in zip((MUG, MUG, CUBE, PLATE), places, strict=True)])
    predicted = tables([(kind, *place, 0) for kind, place in zip((MUG, CUBE, CUBE, MUG), places, strict=True)])
    scores = strict(score(predicted, truth, SYMMETRY, kinds=(0, 1, 0)))
    assert scores["identity_accuracy"] == 0.5 and scores["mesh_accuracy"] == 0.75
    assert scores["face_accuracy"] == pytest.approx(2 / 3)
    assert not {"mesh_accuracy", "face_accuracy"} & score(predicted, truth, SYMMETRY, kinds=(0, 1, 2)).keys()
    nothing = score(tables([]), truth, SYMMETRY, kinds=(0, 1, 0))
    assert nothing["mesh_accuracy"] is nothing["face_accuracy"] is None


def test_more_proposals_than_objects():
    truth = tables([(MUG, 0, 0, 0), (PLATE, 0.3, 0, 0)])
    predicted = tables([(MUG, 0.31, 0, 0), (PLATE, 0.01, 0, 0), (MUG, 0.02, 0, 0)])
    scores = strict(score(predicted, truth, SYMMETRY))
    # The Hungarian pairing takes the plate (1 cm off) for the mug and the mug (1 cm off) for the plate.
    assert scores["detection_rate"] == 1 and scores["identity_accuracy"] == 0
    assert scores["position_error_mean_m"] == pytest.approx(0.01, abs=1e-6)
    assert scores["position_pairs"] == 2 and scores["count_confusion"][2] == [0, 0, 0, 1]


def test_fewer_proposals_than_objects():
    truth = tables([(MUG, 0, 0, 0), (PLATE, 0.3, 0, 0), (MUG, 0, 0.3, 0)])
    scores = strict(score(tables([(PLATE, 0.3, 0.04, 0)]), truth, SYMMETRY))
    assert scores["detection_rate"] == pytest.approx(1 / 3) and scores["identity_accuracy"] == 1
    assert scores["position_error_median_m"] == pytest.approx(0.04)
    assert scores["rotation_objects"] == 0  # a plate has no rotation


def test_detected_means_within_five_centimetres_and_height_counts():
    truth, predicted = tables([(MUG, 0, 0, 0)], [(MUG, 0, 0, 0)]), tables([(MUG, 0.049, 0, 0)], [(MUG, 0.049, 0, 0)])
    predicted.position[1, 0, 2] = 0.02
    assert score(predicted, truth, SYMMETRY)["detection_rate"] == 0.5


def test_pairing_is_optimal_not_greedy():
    truth, predicted = tables([(MUG, 0.0, 0, 0), (MUG, 0.1, 0, 0)]), tables([(MUG, 0.09, 0, 0), (MUG, 0.25, 0, 0)])
    # Greedy pairs 0.09 with 0.1 and leaves 0.25 for 0: 1 + 25 cm. The smallest sum is 9 + 15 cm.
    assert sorted(match(predicted, truth).distance) == pytest.approx([0.09, 0.15])


def test_a_pose_that_is_not_a_number_is_not_detected():
    predicted = tables([(MUG, math.nan, 0, math.nan), (MUG, 0, 0, 0)])
    scores = strict(score(predicted, tables([(MUG, 0, 0, 0), (PLATE, 0.2, 0, 0)]), SYMMETRY))
    assert scores["detection_rate"] == 0.5 and scores["position_error_mean_m"] is None


def test_torch_and_numpy_agree():
    truth, predicted = tables([(MUG, 0, 0, 0), (CUBE, 0.2, 0, 0)]), tables([(CUBE, 0.21, 0, 0.1)])
    tensors = to_torch(predicted)
    tensors.position.requires_grad_(True)
    tensors.presence = tensors.presence.to(torch.float32)
    assert score(tensors, to_torch(truth), SYMMETRY) == score(predicted, truth, SYMMETRY)


def test_scenes_must_correspond():
    with pytest.raises(ValueError, match="1 predicted scenes against 2"):
        match(tables([]), tables([], []))


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_objects_and_scenes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = scattered(rng), scattered(rng)
    predicted.position[:, 0] = truth.position[:, 0] + rng.normal(0, 0.01, (len(truth), 3))
    sure = rng.random((len(truth), predicted.slots))
    order = rng.permutation(len(truth))
    moved, slots = shuffled(rng, predicted)
    before = score(predicted, truth, SYMMETRY, sure)
    after = score(moved[order], shuffled(rng, truth)[0][order], SYMMETRY, np.take_along_axis(sure, slots, 1)[order])
    flat = {**before, **before.pop("average_precision")}, {**after, **after.pop("average_precision")}
    for key, value in flat[0].items():
        assert flat[1][key] == (pytest.approx(value) if isinstance(value, float) else value), key


def test_what_is_missed_and_what_is_reversed_by_object():
    truth = tables([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2)], [(MUG, 0, 0, 1.0)], [(MUG, 0, 0, 1.0)])
    predicted = tables([(MUG, 0, 0, 1.1), (CUBE, 0.3, 0, 0.2 + 2.0)], [(MUG, 0, 0, 1.0 + 3.0)], [])
    scores = score(predicted, truth, SYMMETRY)
    assert scores["detection_rate_by_identity"] == {str(MUG): 2 / 3, str(CUBE): 1, str(PLATE): None}
    assert scores["rotation_reversed_by_identity"] == {str(MUG): 0.5}, "a cube that is turned by 115 degrees is not"


def scattered(rng: np.random.Generator, scenes: int = 5, slots: int = 4) -> Objects:
    return Objects(
        rng.integers(0, 3, (scenes, slots)),
        rng.uniform(-0.1, 0.1, (scenes, slots, 3)),
        rng.uniform(-np.pi, np.pi, (scenes, slots)),
        np.arange(slots) < rng.integers(1, slots + 1, (scenes, 1)),
    )


def shuffled(rng: np.random.Generator, given: Objects) -> tuple[Objects, np.ndarray]:
    """The same scenes with their slots in another order, and that order."""
    slots = rng.permuted(np.tile(np.arange(given.slots), (len(given), 1)), axis=1)
    rows = np.arange(len(given))[:, None]
    return given.each(lambda _, array: array[rows, slots]), slots

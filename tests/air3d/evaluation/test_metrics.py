"""Metrics on cases small enough to work out by hand, and what must never matter to them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from air3d.evaluation.average_precision import average_precision
from air3d.evaluation.matching import match
from air3d.evaluation.metrics import score
from air3d.files import plain
from renderers.convert import to_torch
from scenes.objects import Objects

MUG, PLATE, CUBE = 0, 1, 2
SYMMETRY = (1, 0, 4)  # a mug has none, a plate is a full revolution, a cube is four-fold


def objects(*scenes: list[tuple[int, float, float, float]], slots: int = 4) -> Objects:
    """Scenes as lists of (identity, x, y, yaw)."""
    result = Objects.empty(len(scenes), slots)
    for b, scene in enumerate(scenes):
        for n, (identity, x, y, yaw) in enumerate(scene):
            result.identity[b, n], result.position[b, n], result.rotation[b, n] = identity, (x, y, 0), yaw
            result.presence[b, n] = True
    return result


def strict(scores: dict) -> dict:
    """The scores after a trip through strictly valid JSON."""
    return json.loads(json.dumps(plain(scores), allow_nan=False))


def test_perfect_answer_in_another_order():
    truth = objects([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2)], [])
    answer = objects([(CUBE, 0.3, 0, 0.2), (MUG, 0, 0, 1.0)], [])
    scores = strict(score(answer, truth, SYMMETRY))
    assert scores["count_accuracy"] == scores["detection_rate"] == scores["identity_accuracy"] == 1
    assert scores["position_error_median_m"] == scores["position_error_mean_m"] == 0
    assert scores["rotation_error_median_deg"] == 0 and scores["rotation_objects"] == 2
    assert scores["count_confusion"] == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert scores["count_accuracy_by_count"] == {"0": 1, "2": 1}
    assert (scores["scenes"], scores["objects"]) == (2, 2)


def test_empty_scene_right_and_wrong():
    scores = strict(score(objects([]), objects([]), SYMMETRY))
    assert scores["count_accuracy"] == 1 and scores["count_confusion"] == [[1]]
    for key in ("detection_rate", "identity_accuracy", "position_error_median_m", "rotation_error_median_deg"):
        assert scores[key] is None
    scores = strict(score(objects([(MUG, 0, 0, 0)]), objects([]), SYMMETRY))
    assert scores["count_accuracy"] == 0 and scores["count_confusion"] == [[0, 1], [0, 0]]
    assert scores["detection_rate"] is None


def test_no_scenes_and_no_slots():
    scores = strict(score(objects(slots=0), objects(), SYMMETRY))
    assert scores["scenes"] == 0 and scores["count_accuracy"] is None and scores["count_accuracy_by_count"] == {}
    assert strict(score(objects([], slots=0), objects([(MUG, 0, 0, 0)]), SYMMETRY))["detection_rate"] == 0


def test_everything_wrong():
    truth, answer = objects([(MUG, 0, 0, 0)]), objects([(PLATE, 0.3, 0.4, 1), (PLATE, 1, 1, 1)])
    scores = strict(score(answer, truth, SYMMETRY))
    assert scores["count_accuracy"] == 0 and scores["detection_rate"] == 0
    assert scores["identity_accuracy"] is None  # nothing was found that could be asked
    assert scores["position_error_median_m"] == pytest.approx(0.5)
    assert scores["rotation_objects"] == 0 and scores["rotation_error_median_deg"] is None


def test_more_proposals_than_objects():
    truth = objects([(MUG, 0, 0, 0), (PLATE, 0.3, 0, 0)])
    answer = objects([(MUG, 0.31, 0, 0), (PLATE, 0.01, 0, 0), (MUG, 0.02, 0, 0)])
    scores = strict(score(answer, truth, SYMMETRY))
    # The Hungarian pairing takes the plate (1 cm off) for the mug and the mug (1 cm off) for the plate.
    assert scores["detection_rate"] == 1 and scores["identity_accuracy"] == 0
    assert scores["position_error_mean_m"] == pytest.approx(0.01, abs=1e-6)
    assert scores["position_pairs"] == 2 and scores["count_confusion"][2] == [0, 0, 0, 1]


def test_fewer_proposals_than_objects():
    truth = objects([(MUG, 0, 0, 0), (PLATE, 0.3, 0, 0), (MUG, 0, 0.3, 0)])
    scores = strict(score(objects([(PLATE, 0.3, 0.04, 0)]), truth, SYMMETRY))
    assert scores["detection_rate"] == pytest.approx(1 / 3) and scores["identity_accuracy"] == 1
    assert scores["position_error_median_m"] == pytest.approx(0.04)
    assert scores["rotation_objects"] == 0  # a plate has no rotation


def test_found_means_within_five_centimetres_and_height_counts():
    truth, answer = objects([(MUG, 0, 0, 0)], [(MUG, 0, 0, 0)]), objects([(MUG, 0.049, 0, 0)], [(MUG, 0.049, 0, 0)])
    answer.position[1, 0, 2] = 0.02
    assert score(answer, truth, SYMMETRY)["detection_rate"] == 0.5


def test_pairing_is_optimal_not_greedy():
    truth, answer = objects([(MUG, 0.0, 0, 0), (MUG, 0.1, 0, 0)]), objects([(MUG, 0.09, 0, 0), (MUG, 0.25, 0, 0)])
    # Greedy pairs 0.09 with 0.1 and leaves 0.25 for 0: 1 + 25 cm. The smallest sum is 9 + 15 cm.
    assert sorted(match(answer, truth).distance) == pytest.approx([0.09, 0.15])


@pytest.mark.parametrize(
    ("identity", "true", "guess", "degrees"),
    [
        (MUG, 0, 0, 0),
        (MUG, math.radians(179), math.radians(-179), 2),  # across the seam
        (MUG, 0, math.pi, 180),
        (CUBE, 0, math.pi / 2, 0),  # a quarter turn of a cube is no turn
        (CUBE, 0, math.radians(44), 44),
        (CUBE, 0, math.radians(46), 44),
        (CUBE, math.radians(-179), math.radians(178), 3),
    ],
)
def test_rotation_modulo_symmetry(identity, true, guess, degrees):
    scores = score(objects([(identity, 0, 0, guess)]), objects([(identity, 0, 0, true)]), SYMMETRY)
    assert scores["rotation_error_median_deg"] == pytest.approx(degrees, abs=1e-4)
    assert scores["rotation_objects"] == 1


def test_rotation_is_asked_of_the_right_identity_only():
    scores = score(objects([(CUBE, 0, 0, 1)]), objects([(MUG, 0, 0, 0)]), SYMMETRY)
    assert scores["rotation_objects"] == 0 and scores["rotation_error_median_deg"] is None


def test_a_pose_that_is_not_a_number_is_not_found():
    answer = objects([(MUG, math.nan, 0, math.nan), (MUG, 0, 0, 0)])
    scores = strict(score(answer, objects([(MUG, 0, 0, 0), (PLATE, 0.2, 0, 0)]), SYMMETRY))
    assert scores["detection_rate"] == 0.5 and scores["position_error_mean_m"] is None


def test_torch_and_numpy_agree():
    truth, answer = objects([(MUG, 0, 0, 0), (CUBE, 0.2, 0, 0)]), objects([(CUBE, 0.21, 0, 0.1)])
    tensors = to_torch(answer)
    tensors.position.requires_grad_(True)
    tensors.presence = tensors.presence.to(torch.float32)
    assert score(tensors, to_torch(truth), SYMMETRY) == score(answer, truth, SYMMETRY)


def test_scenes_must_correspond():
    with pytest.raises(ValueError, match="1 predicted scenes against 2"):
        match(objects([]), objects([], []))


def test_average_precision_by_hand():
    truth = objects([(MUG, 0, 0, 0), (PLATE, 0.3, 0, 0)], [(MUG, 0, 0, 0)])
    answer = objects([(MUG, 0.005, 0, 0), (PLATE, 0.33, 0, 0), (MUG, 0.0, 0, 0)], [(PLATE, 0, 0, 0)])
    sure = np.array([[0.9, 0.7, 0.8, 0], [0.6, 0, 0, 0]])
    # From the surest: right, the same mug again (wrong), the plate 3 cm off, a wrong identity. Three true objects.
    # Within 1 cm the precisions are 1, 1/2, 1/3, 1/4 at recalls 1/3 ...: area 1/3.
    assert average_precision(answer, truth, sure, 0.01) == pytest.approx(1 / 3)
    # Within 5 cm they are 1, 1/2, 2/3, 1/2 at recalls 1/3, 1/3, 2/3, 2/3: area 1/3 + 1/3 * 2/3.
    assert average_precision(answer, truth, sure, 0.05) == pytest.approx(1 / 3 + 2 / 9)
    assert average_precision(answer, objects([], []), sure, 0.05) is None
    assert average_precision(objects([], []), truth, sure, 0.05) == 0
    assert average_precision(truth, truth, np.ones((2, 4)), 0.01) == pytest.approx(1)
    scores = strict(score(answer, truth, SYMMETRY, sure))
    assert set(scores["average_precision"]) == {"0.01", "0.02", "0.05", "0.10", "any"}


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_objects_and_scenes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    truth, answer = scattered(rng), scattered(rng)
    answer.position[:, 0] = truth.position[:, 0] + rng.normal(0, 0.01, (len(truth), 3))
    sure = rng.random((len(truth), answer.slots))
    order = rng.permutation(len(truth))
    moved, slots = shuffled(rng, answer)
    before = score(answer, truth, SYMMETRY, sure)
    after = score(moved[order], shuffled(rng, truth)[0][order], SYMMETRY, np.take_along_axis(sure, slots, 1)[order])
    flat = {**before, **before.pop("average_precision")}, {**after, **after.pop("average_precision")}
    for key, value in flat[0].items():
        assert flat[1][key] == (pytest.approx(value) if isinstance(value, float) else value), key


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
    fields = (given.identity, given.position, given.rotation, given.presence)
    return Objects(*(field[rows, slots] for field in fields)), slots


def test_rotation_by_object():
    truth = objects([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2), (PLATE, -0.3, 0, 0.0)], [(MUG, 0, 0, 1.0)])
    turned = math.radians(10)
    answer = objects(
        [(MUG, 0, 0, 1.0 + turned), (CUBE, 0.3, 0, 0.2 + math.pi / 2 - turned / 2), (PLATE, -0.3, 0, 2.0)],
        [(MUG, 0, 0, 1.0 + 3 * turned)],
    )
    found = score(answer, truth, SYMMETRY)["rotation_error_median_deg_by_identity"]
    assert found == {str(MUG): pytest.approx(20, abs=1e-3), str(CUBE): pytest.approx(5, abs=1e-3)}
    nothing = score(objects([]), objects([]), SYMMETRY)["rotation_error_median_deg_by_identity"]
    assert strict(nothing) == {str(MUG): None, str(CUBE): None}


def test_what_is_missed_and_what_is_reversed_by_object():
    truth = objects([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2)], [(MUG, 0, 0, 1.0)], [(MUG, 0, 0, 1.0)])
    answer = objects([(MUG, 0, 0, 1.1), (CUBE, 0.3, 0, 0.2 + 2.0)], [(MUG, 0, 0, 1.0 + 3.0)], [])
    scores = score(answer, truth, SYMMETRY)
    assert scores["detection_rate_by_identity"] == {str(MUG): 2 / 3, str(CUBE): 1, str(PLATE): None}
    assert scores["rotation_reversed_by_identity"] == {str(MUG): 0.5}, "a cube that is turned by 115 degrees is not"


def test_what_shows_is_judged_apart():
    truth = objects([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2)], [(MUG, 0, 0, 1.0)], [(MUG, 0, 0, 1.0)])
    answer = objects([(CUBE, 0.3, 0, 0.4), (MUG, 0, 0, 1.1)], [(MUG, 0, 0, 1.0 + 3.0)], [(MUG, 0, 0, 1.3)])
    shows = np.zeros((3, 4), bool)
    shows[0, 0], shows[2, 0] = True, True
    scores = strict(score(answer, truth, SYMMETRY, shows=shows))
    shown = scores["turn_shows"]
    assert shown["rotation_objects"] == 2 and scores["rotation_objects"] == 4
    assert shown["rotation_error_median_deg"] == pytest.approx(math.degrees(0.2), abs=1e-3)
    assert shown["rotation_reversed_by_identity"] == {str(MUG): 0.0} and shown[
        "rotation_error_median_deg_by_identity"
    ] == {str(MUG): pytest.approx(math.degrees(0.2), abs=1e-3), str(CUBE): None}
    assert scores["rotation_reversed_by_identity"] == {str(MUG): pytest.approx(1 / 3)}
    assert "turn_shows" not in score(answer, truth, SYMMETRY)

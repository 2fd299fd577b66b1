"""Average precision of BOP's detection task, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from air3d.evaluation.bootstrap import draws
from air3d.evaluation.detections import Detections, average_precision, found_targets, matched, mean_average_precision

ONCE = np.ones((1, 2), int)
"""Two pictures as they are."""
FAR = np.inf


def detections(errors: list[list[float]], picture: list[int], target: list[list[bool]], unseen=None) -> Detections:
    """From the surest down."""
    scores = np.linspace(1, 0.5, len(picture))
    there = np.array(target, bool)
    nothing = np.zeros_like(there) if unseen is None else np.array(unseen, bool)
    table = np.array(errors, float).reshape(len(picture), there.shape[1])
    return Detections(np.array(picture, int), scores, table, there, nothing)


def precision(found: Detections, threshold: float, drawn: np.ndarray = ONCE) -> float:
    right, counted = matched(found, np.array([threshold], float))
    return float(average_precision(found, right[0], counted[0], drawn)[0])


def test_two_estimates_for_one_object_are_one_right_and_one_wrong() -> None:
    """The surer takes it, though the other is nearer. Precisions 1, 1/2 at recalls 1, 1: the area is 1."""
    found = detections([[3.0], [1.0]], [0, 0], [[True], [False]])
    right, _ = matched(found, np.array([5.0]))
    assert right.tolist() == [[True, False]] and precision(found, 5) == pytest.approx(1)
    assert precision(found, 2) == pytest.approx(0.5)  # now the surer one is wrong and the other takes it: 0, then 1/2
    assert matched(found, np.array([1.0]))[0].tolist() == [[False, False]]  # below, not at, the threshold


def test_a_missing_object_bounds_the_recall() -> None:
    """One of two found, with precision 1: 51 of the 101 levels of recall are reached (0 to 0.5)."""
    found = detections([[1.0, FAR]], [0], [[True, False], [True, False]])
    assert precision(found, 2) == pytest.approx(51 / 101)
    assert found_targets(found, 2.0).tolist() == [1, 0]
    assert precision(detections([], [], [[True], [False]]), 2) == 0


def test_what_is_not_there_lowers_the_precision() -> None:
    """From the surest: wrong, right, of two: precisions 0, 1/2 at recalls 0, 1/2."""
    found = detections([[FAR, FAR], [1.0, FAR]], [1, 0], [[True, False], [True, False]])
    assert precision(found, 2) == pytest.approx(0.5 * 51 / 101)


def test_estimates_of_objects_that_are_hidden_do_not_count() -> None:
    hidden = detections([[1.0, FAR], [FAR, 1.0]], [0, 0], [[False, True], [False, False]],
                        [[True, False], [False, False]])  # fmt: skip
    right, counted = matched(hidden, np.array([2.0]))
    assert right.tolist() == [[False, True]] and counted.tolist() == [[False, True]]
    assert precision(hidden, 2) == pytest.approx(1) and hidden.targets.tolist() == [1, 0]


def test_the_nearest_object_that_is_free_is_taken() -> None:
    found = detections([[2.0, 1.0], [3.0, 1.0]], [0, 0], [[True, True], [False, False]])
    assert matched(found, np.array([5.0, 2.5]))[0].tolist() == [[True, True], [True, False]]


def test_a_mean_is_over_the_kinds_that_occur() -> None:
    """Found, missed, and never there: (1 + 0) / 2."""
    found = detections([[1.0]], [0], [[True], [False]])
    missed = detections([], [], [[True], [False]])
    absent = detections([[FAR]], [0], [[False], [False]])
    kinds = [(each, np.array([2.0, 0.5])) for each in (found, missed, absent)]
    assert mean_average_precision(kinds, ONCE)[0] == pytest.approx((0.5 + 0) / 2)
    assert np.isnan(mean_average_precision([(absent, np.array([2.0]))], ONCE)[0])


def test_a_draw_is_what_a_data_set_of_its_pictures_would_give() -> None:
    """Pictures that are drawn twice stand in the data set twice."""
    rng = np.random.default_rng(0)
    errors, picture = rng.uniform(0, 4, (12, 2)), rng.integers(0, 6, 12)
    target = rng.random((6, 2)) < 0.7
    found = detections(np.where(target[picture], errors, FAR).tolist(), picture.tolist(), target.tolist())
    for drawn in draws(6, 20, seed=1):
        copies = np.repeat(np.arange(6), drawn)
        rows = [(row, copy) for row in range(12) for copy in np.flatnonzero(copies == picture[row]).tolist()]
        again = detections([found.errors[row].tolist() for row, _ in rows], [copy for _, copy in rows],
                           target[copies].tolist())  # fmt: skip
        expected = precision(again, 2, np.ones((1, 6), int))
        given = precision(found, 2, drawn[None])
        assert given == pytest.approx(expected, nan_ok=True)

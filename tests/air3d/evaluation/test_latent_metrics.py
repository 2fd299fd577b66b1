"""Errors of the rotation on cases small enough to work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from predicted import CUBE, MUG, PLATE, SYMMETRY, strict, tables

from air3d.evaluation.metrics import score


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
    scores = score(tables([(identity, 0, 0, guess)]), tables([(identity, 0, 0, true)]), SYMMETRY)
    assert scores["rotation_error_median_deg"] == pytest.approx(degrees, abs=1e-4)
    assert scores["rotation_objects"] == 1


def test_rotation_is_judged_for_the_right_identity_only():
    scores = score(tables([(CUBE, 0, 0, 1)]), tables([(MUG, 0, 0, 0)]), SYMMETRY)
    assert scores["rotation_objects"] == 0 and scores["rotation_error_median_deg"] is None


def test_rotation_by_object():
    truth = tables([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2), (PLATE, -0.3, 0, 0.0)], [(MUG, 0, 0, 1.0)])
    turned = math.radians(10)
    predicted = tables(
        [(MUG, 0, 0, 1.0 + turned), (CUBE, 0.3, 0, 0.2 + math.pi / 2 - turned / 2), (PLATE, -0.3, 0, 2.0)],
        [(MUG, 0, 0, 1.0 + 3 * turned)],
    )
    found = score(predicted, truth, SYMMETRY)["rotation_error_median_deg_by_identity"]
    assert found == {str(MUG): pytest.approx(20, abs=1e-3), str(CUBE): pytest.approx(5, abs=1e-3)}
    nothing = score(tables([]), tables([]), SYMMETRY)["rotation_error_median_deg_by_identity"]
    assert strict(nothing) == {str(MUG): None, str(CUBE): None}


def test_visible_rotations_are_judged_apart():
    truth = tables([(MUG, 0, 0, 1.0), (CUBE, 0.3, 0, 0.2)], [(MUG, 0, 0, 1.0)], [(MUG, 0, 0, 1.0)])
    predicted = tables([(CUBE, 0.3, 0, 0.4), (MUG, 0, 0, 1.1)], [(MUG, 0, 0, 1.0 + 3.0)], [(MUG, 0, 0, 1.3)])
    visible = np.zeros((3, 4), bool)
    visible[0, 0], visible[2, 0] = True, True
    scores = strict(score(predicted, truth, SYMMETRY, visible=visible))
    shown, error = scores["rotation_visible"], pytest.approx(math.degrees(0.2), abs=1e-3)
    assert shown["rotation_objects"] == 2 and scores["rotation_objects"] == 4
    assert shown["rotation_error_median_deg"] == error
    assert shown["rotation_reversed_by_identity"] == {str(MUG): 0.0}
    assert shown["rotation_error_median_deg_by_identity"] == {str(MUG): error, str(CUBE): None}
    assert scores["rotation_reversed_by_identity"] == {str(MUG): pytest.approx(1 / 3)}
    assert "rotation_visible" not in score(predicted, truth, SYMMETRY)

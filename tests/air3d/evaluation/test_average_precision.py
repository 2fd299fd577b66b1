"""Average precision, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from predicted import MUG, PLATE, SYMMETRY, strict, tables

from air3d.evaluation.average_precision import average_precision
from air3d.evaluation.metrics import score


def test_average_precision_by_hand():
    truth = tables([(MUG, 0, 0, 0), (PLATE, 0.3, 0, 0)], [(MUG, 0, 0, 0)])
    predicted = tables([(MUG, 0.005, 0, 0), (PLATE, 0.33, 0, 0), (MUG, 0.0, 0, 0)], [(PLATE, 0, 0, 0)])
    sure = np.array([[0.9, 0.7, 0.8, 0], [0.6, 0, 0, 0]])
    # From the surest: right, the same mug again (wrong), the plate 3 cm off, a wrong identity. Three true objects.
    # Within 1 cm the precisions are 1, 1/2, 1/3, 1/4 at recalls 1/3 ...: area 1/3.
    assert average_precision(predicted, truth, sure, 0.01) == pytest.approx(1 / 3)
    # Within 5 cm they are 1, 1/2, 2/3, 1/2 at recalls 1/3, 1/3, 2/3, 2/3: area 1/3 + 1/3 * 2/3.
    assert average_precision(predicted, truth, sure, 0.05) == pytest.approx(1 / 3 + 2 / 9)
    assert average_precision(predicted, tables([], []), sure, 0.05) is None
    assert average_precision(tables([], []), truth, sure, 0.05) == 0
    assert average_precision(truth, truth, np.ones((2, 4)), 0.01) == pytest.approx(1)
    scores = strict(score(predicted, truth, SYMMETRY, sure))
    assert set(scores["average_precision"]) == {"0.01", "0.02", "0.05", "0.10", "any"}

"""Numbers of several seeds in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from air3d.comparison.collect import Result
from air3d.comparison.report.figures import summed
from air3d.comparison.report.parts import circumstances
from air3d.comparison.report.summary import COLUMNS, counts_table, headline, means
from air3d.comparison.trainings import Cost


def result(model: str, seed: int, share: float) -> Result:
    counts = {"0": 1.0, "4": share}
    metrics = {"count_accuracy": share, "detection_rate": 1.0, "count_accuracy_by_count": counts,
               "by_count": {count: {} for count in counts}, "trained_counts": [0, 1]}  # fmt: skip
    return Result(model, seed, "test", "", Path(), Cost(10, 320, 2.0 + seed), Path(), metrics)


def test_seeds_in_one_line():
    results = [result("air", 0, 0.99), result("air", 1, 0.91), result("other", 0, 0.5)]
    table = headline(results)
    assert table[0][:4] == ["model", "seeds", "above 95%", "count accuracy"]
    assert table[1][:5] == ["AIR", "2", "1 of 2", "95.0 ± 5.7 %", "100.0 ± 0.0 %"]
    assert table[2][:4] == ["other", "1", "0 of 1", "50.0 %"]
    assert table[1][3 + [c.title for c in COLUMNS].index("training")] == "2.5 ± 0.7 min"
    assert table[1][-1] == "320 ± 0" and "-" in table[1]
    assert means(results)["test/air/count_accuracy"] == pytest.approx(95) and "test/air/position" not in means(results)
    assert counts_table(results)[:2] == [["objects", "0*", "4"], ["AIR", "100.0 ± 0.0 %", "95.0 ± 5.7 %"]]


def test_how_objects_were_counted_is_said_where_it_is_unusual():
    usual, other = (
        replace(result("air", 0, 1.0), metrics={"scenes_from": "tables", "counting": how})
        for how in ("presence", "likelihood")
    )
    assert circumstances(usual) == "tables." and "counted by what explains" in circumstances(other)


def test_confusions_of_different_sizes_are_added_up():
    np.testing.assert_array_equal(summed([[[1, 2], [3, 4]], [[5]]]), [[6, 2], [3, 4]])

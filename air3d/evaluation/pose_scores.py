"""The figures that the field of 6D pose estimation compares methods by, for a batch of pictures.

See `pose_errors` for the distances and `detections` for average precision; docs/programs.md says what differs from
BOP's toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from air3d.evaluation.bootstrap import Draws, Interval, interval, shares
from air3d.evaluation.detections import found_targets, mean_average_precision
from air3d.evaluation.metrics import over
from air3d.evaluation.pose_comparisons import Comparison

SHARES = np.arange(0.05, 0.51, 0.05)  # of the diameter
MILLIMETRES = np.arange(2.0, 21.0, 2.0)
PIXELS = np.arange(5.0, 51.0, 5.0)  # of a picture that is 640 wide
WIDTH = 640
CLOSE = 0.1  # of the diameter: what ADD calls right


def pose_scores(comparisons: Sequence[Comparison], width: int, drawn: Draws) -> dict[str, Any]:
    """Every figure of the pictures themselves, and its interval over draws of them.

    ap_mssd, ap_mspd: average precision below shares of the diameter and below pixels (of pictures `width` wide), ap:
    their mean, BOP's of 2024; ap_mssd_mm: below millimetres, as since 2025. recall_add, recall_add_s: share of the
    targets that are found with a mean distance below a tenth of the diameter; recall_add_or_s: ADD of objects without
    symmetry and ADD-S of the others, which is written ADD(-S). mssd_median_mm: of the estimates that are nearest to a
    true object of their kind.
    """
    everything = np.concatenate([np.ones((1, drawn.shape[1]), int), drawn])  # the pictures as they are, then the draws
    figures = precisions(comparisons, width, everything) | recalls(comparisons, everything)
    intervals: dict[str, Interval] = {name: interval(values[1:]) for name, values in figures.items()}
    nearest = [each.mssd.errors.min(1) for each in comparisons if each.found.errors.size]
    errors = np.concatenate([*nearest, np.zeros(0)])
    return {
        **{name: over(np.mean, values[:1]) for name, values in figures.items()},
        "mssd_median_mm": over(np.median, 1000 * errors[np.isfinite(errors)]),
        "targets": int(sum(each.found.targets.sum() for each in comparisons)),
        "intervals": intervals,
    }


def precisions(comparisons: Sequence[Comparison], width: int, drawn: Draws) -> dict[str, np.ndarray]:
    """Mean average precisions in every draw."""
    below = {
        "ap_mssd": [(each.mssd, SHARES * each.model.diameter) for each in comparisons],
        "ap_mspd": [(each.mspd, PIXELS * width / WIDTH) for each in comparisons],
        "ap_mssd_mm": [(each.mssd, MILLIMETRES / 1000) for each in comparisons],
    }
    values = {name: mean_average_precision(kinds, drawn) for name, kinds in below.items()}
    return {"ap": (values["ap_mssd"] + values["ap_mspd"]) / 2, **values}


def recalls(comparisons: Sequence[Comparison], drawn: Draws) -> dict[str, np.ndarray]:
    """Shares of all targets in every draw."""
    targets = np.sum([each.found.targets for each in comparisons], 0)
    chosen = {
        "recall_add": [each.add for each in comparisons],
        "recall_add_s": [each.add_s for each in comparisons],
        "recall_add_or_s": [each.add_s if each.model.symmetric else each.add for each in comparisons],
    }
    limits = [CLOSE * each.model.diameter for each in comparisons]
    return {
        name: shares(np.sum([found_targets(*pair) for pair in zip(kinds, limits, strict=True)], 0), targets, drawn)
        for name, kinds in chosen.items()
    }

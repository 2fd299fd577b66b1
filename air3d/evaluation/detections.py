"""Average precision of poses, as in BOP's 6D detection task (2024 and 2025; Van Nguyen et al. 2025, arXiv 2504.02812).

Neither which objects a picture shows nor how many is given. The estimates of one kind of object are taken from the
surest down; one is right if its error from a true object of that kind in its picture, of those that are still free, is
below a threshold, and then takes the one with the least. True objects that are hardly visible are no targets, and
estimates that take them do not count. Precision is averaged over 101 levels of recall as in COCO, then over thresholds,
then over the kinds that occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from air3d.evaluation.bootstrap import Draws

Thresholds = Float[np.ndarray, " threshold"]
LEVELS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, eq=False)
class Detections:
    """What was estimated of one kind of object, from the surest down, and what there is.

    picture, score [E]; errors [E, N]: from the true objects of the estimate's picture, infinite from other kinds;
    target [B, N]: which true objects are to be found; unseen [B, N]: which need not be.
    """

    picture: Int[np.ndarray, " estimate"]
    score: Float[np.ndarray, " estimate"]
    errors: Float[np.ndarray, "estimate slot"]
    target: Bool[np.ndarray, "picture slot"]
    unseen: Bool[np.ndarray, "picture slot"]

    @property
    def targets(self) -> Int[np.ndarray, " picture"]:
        """How many objects there are to be found."""
        return self.target.sum(1)


def matched(
    found: Detections, thresholds: Thresholds
) -> tuple[Bool[np.ndarray, "threshold estimate"], Bool[np.ndarray, "threshold estimate"]]:
    """Which estimates are right below each threshold, and which count at all."""
    free = np.repeat((found.target | found.unseen)[None], len(thresholds), 0)
    right, counted = np.zeros((2, len(thresholds), len(found.picture)), bool)
    for row, (picture, errors) in enumerate(zip(found.picture, found.errors, strict=True)):
        fitting = free[:, picture] & (errors < thresholds[:, None])
        nearest = np.where(fitting, errors, np.inf).argmin(1)
        taken = fitting.any(1)
        free[np.flatnonzero(taken), picture, nearest[taken]] = False
        right[:, row] = taken & found.target[picture, nearest]
        counted[:, row] = ~(taken & found.unseen[picture, nearest])
    return right, counted


def average_precision(
    found: Detections,
    right: Bool[np.ndarray, " estimate"],
    counted: Bool[np.ndarray, " estimate"],
    drawn: Draws,
) -> Float[np.ndarray, " draw"]:
    """Of one kind below one threshold, in every draw of pictures; NaN where a draw has no target."""
    targets = (drawn @ found.targets)[:, None]
    weight = drawn[:, found.picture] * counted
    hits, all_so_far = (weight * right).cumsum(1), weight.cumsum(1)
    precision = hits / np.maximum(all_so_far, 1)
    recall = hits / np.maximum(targets, 1)
    best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]  # at this recall or a higher one
    best = np.concatenate([best, np.zeros((len(best), 1))], 1)
    reached = np.array([np.searchsorted(row, LEVELS) for row in recall])
    area = np.take_along_axis(best, reached, 1).mean(1)
    return np.where(targets[:, 0] > 0, area, np.nan)


def mean_average_precision(kinds: Sequence[tuple[Detections, Thresholds]], drawn: Draws) -> Float[np.ndarray, " draw"]:
    """Over thresholds and then over kinds, in every draw; NaN where no kind has a target."""
    of_kinds = np.array([over_thresholds(found, thresholds, drawn) for found, thresholds in kinds])
    there = ~np.isnan(of_kinds)
    total, number = np.where(there, of_kinds, 0).sum(0), there.sum(0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def over_thresholds(found: Detections, thresholds: Thresholds, drawn: Draws) -> Float[np.ndarray, " draw"]:
    """The mean over thresholds of the average precision of one kind."""
    pairs = zip(*matched(found, thresholds), strict=True)
    return np.mean([average_precision(found, right, counted, drawn) for right, counted in pairs], 0)


def found_targets(found: Detections, threshold: float) -> Int[np.ndarray, " picture"]:
    """How many objects of each picture are found with an error below the threshold."""
    right = matched(found, np.array([threshold]))[0][0]
    return np.bincount(found.picture[right], minlength=len(found.target))

"""How sure our own figures are: intervals over the pictures they were measured on (`bootstrap`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from air3d.evaluation.bootstrap import LEVEL, Draws, interval, medians, shares
from air3d.evaluation.matching import Matching


def figure_intervals(matching: Matching, drawn: Draws) -> dict[str, Any]:
    """Of the shares of right counts and right identities, and of the median distance between base points."""
    pictures = len(matching.true_count)
    detected, right = (
        np.bincount(matching.scene[chosen], minlength=pictures) for chosen in (matching.detected, matching.judged)
    )
    counts = matching.true_count == matching.predicted_count
    return {
        "level": LEVEL,
        "draws": len(drawn),
        "count_accuracy": interval(shares(counts, np.ones(pictures), drawn)),
        "identity_accuracy": interval(shares(right, detected, drawn)),
        "position_error_median_m": interval(medians(matching.distance, matching.scene, drawn)),
    }

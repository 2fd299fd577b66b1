"""How well a list of objects describes a table: counts, objects, poses, once they are paired (`air3d.matching`).

What there is nothing to measure of is None (null in JSON).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from air3d.average_precision import average_precisions
from air3d.matching import Matching, match, turn_errors
from renderers.convert import to_numpy
from scenes.objects import Objects


def score(
    predicted: Objects,
    truth: Objects,
    symmetry: Sequence[int],
    confidence: Float[np.ndarray, "batch slot"] | None = None,
    shows: Bool[np.ndarray, "batch true_slot"] | None = None,
) -> dict[str, Any]:
    """Every metric of a batch of scenes, ready for JSON.

    `symmetry[k]` is the n-fold rotational symmetry of mesh k about +Z: 1 none, 0 full revolution. `confidence` is the
    probability that each predicted slot holds an object, `shows` whether the picture tells how a true one is turned
    (`renderers.visibility.turn_shows`); what needs them is reported only where they are given.
    """
    matching = match(predicted, truth)
    errors = np.degrees(turn_errors(matching, symmetry))
    scores = {
        "scenes": len(matching.true_count),
        "objects": int(matching.true_count.sum()),
        **count_scores(matching),
        **object_scores(matching, truth, len(symmetry)),
        **turn_scores(matching, errors, symmetry),
    }
    if shows is not None:
        seen = np.where(shows[matching.scene, matching.true_slot], errors, np.nan)
        scores["turn_shows"] = turn_scores(matching, seen, symmetry)
    if confidence is not None:
        scores["average_precision"] = average_precisions(predicted, truth, confidence)
    return scores


def count_scores(matching: Matching) -> dict[str, Any]:
    """Share of scenes whose number of objects is right, per true count too; confusion[true][predicted] in scenes."""
    true, predicted = matching.true_count, matching.predicted_count
    size = int(max(true.max(initial=0), predicted.max(initial=0))) + 1
    confusion = np.zeros((size, size), dtype=int)
    np.add.at(confusion, (true, predicted), 1)
    return {
        "count_accuracy": over(np.mean, true == predicted),
        "count_accuracy_by_count": {
            str(count): over(np.mean, predicted[true == count] == count) for count in np.unique(true)
        },
        "count_confusion": confusion.tolist(),
    }


def object_scores(matching: Matching, truth: Objects, identities: int) -> dict[str, Any]:
    """How many objects are found and identified, and how far off the pairs are in metres."""
    return {
        "found": ratio(matching.found.sum(), matching.true_count.sum()),
        "identity_accuracy": over(np.mean, matching.identified[matching.found]),
        "position_error_median_m": over(np.median, matching.distance),
        "position_error_mean_m": over(np.mean, matching.distance),
        "position_pairs": len(matching.distance),
        "found_by_identity": found_by_identity(matching, truth, identities),
    }


def found_by_identity(matching: Matching, truth: Objects, identities: int) -> dict[str, float | None]:
    """The share of each mesh's true objects that is found, by the mesh's number."""
    truth = to_numpy(truth)
    real = truth.identity[truth.presence > 0.5]
    found = matching.true_identity[matching.found]
    return {str(k): ratio((found == k).sum(), (real == k).sum()) for k in range(identities)}


def turn_scores(matching: Matching, errors: Float[np.ndarray, " pair"], symmetry: Sequence[int]) -> dict[str, Any]:
    """The yaw errors of all pairs that have one (the others are NaN), in degrees, and those of each mesh."""
    turned = errors[~np.isnan(errors)]
    return {
        "rotation_error_median_deg": over(np.median, turned),
        "rotation_objects": len(turned),
        **turned_by_identity(matching, errors, symmetry),
    }


def turned_by_identity(
    matching: Matching, errors: Float[np.ndarray, " pair"], symmetry: Sequence[int]
) -> dict[str, dict[str, float | None]]:
    """Of meshes that have a rotation, by their number: the median yaw error in degrees, and without symmetry the share
    turned by more than 90, which a median does not show. Pairs without an error (NaN) do not count."""
    turned = [errors[(matching.true_identity == k) & ~np.isnan(errors)] for k in range(len(symmetry))]
    return {
        "rotation_error_median_deg_by_identity": {
            str(k): over(np.median, turned[k]) for k, fold in enumerate(symmetry) if fold > 0
        },
        "rotation_reversed_by_identity": {
            str(k): over(np.mean, turned[k] > 90) for k, fold in enumerate(symmetry) if fold == 1
        },
    }


def over(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    """A statistic of values, None where there are none or it is no finite number."""
    if len(values) == 0:
        return None
    result = float(statistic(values))
    return result if np.isfinite(result) else None


def ratio(part: Any, whole: Any) -> float | None:
    """A share, None of nothing."""
    return float(part / whole) if whole else None

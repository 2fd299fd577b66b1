"""How well a list of objects describes a table: counts, objects, poses, once they are paired (`air3d.matching`).

What there is nothing to measure of is None (null in JSON).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from air3d.matching import Matching, match, turn_errors
from renderers.convert import to_numpy
from scenes.objects import Objects

AP_THRESHOLDS = (0.01, 0.02, 0.05, 0.10, np.inf)  # metres; inf asks for the right identity in the right scene only


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
    turned = errors[~np.isnan(errors)]
    scores = {
        "scenes": len(matching.true_count),
        "objects": int(matching.true_count.sum()),
        **count_scores(matching),
        "found": _ratio(matching.found.sum(), matching.true_count.sum()),
        "identity_accuracy": over(np.mean, matching.identified[matching.found]),
        "position_error_median_m": over(np.median, matching.distance),
        "position_error_mean_m": over(np.mean, matching.distance),
        "position_pairs": len(matching.distance),
        "rotation_error_median_deg": over(np.median, turned),
        "rotation_objects": len(turned),
        "found_by_identity": found_by_identity(matching, truth, len(symmetry)),
        **turned_by_identity(matching, errors, symmetry),
    }
    if shows is not None:
        seen = np.where(shows[matching.scene, matching.true_slot], errors, np.nan)
        scores["turn_shows"] = {
            "rotation_objects": int((~np.isnan(seen)).sum()),
            "rotation_error_median_deg": over(np.median, seen[~np.isnan(seen)]),
            **turned_by_identity(matching, seen, symmetry),
        }
    if confidence is not None:
        scores["average_precision"] = {
            "any" if np.isinf(threshold) else f"{threshold:.2f}": average_precision(
                predicted, truth, confidence, threshold
            )
            for threshold in AP_THRESHOLDS
        }
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


def found_by_identity(matching: Matching, truth: Objects, identities: int) -> dict[str, float | None]:
    """The share of each mesh's true objects that is found, by the mesh's number."""
    truth = to_numpy(truth)
    real = truth.identity[truth.presence > 0.5]
    found = matching.true_identity[matching.found]
    return {str(k): _ratio((found == k).sum(), (real == k).sum()) for k in range(identities)}


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


def average_precision(
    predicted: Objects, truth: Objects, confidence: Float[np.ndarray, "batch slot"], threshold: float
) -> float | None:
    """Average precision at one distance (metres) as CLEVR set prediction measures it; None without true objects.

    Predictions of all scenes are taken from the surest down. One is right when the nearest true object of its identity
    is within the threshold and was not taken before. Area under the monotone precision-recall curve
    (Locatello et al. 2020, arXiv 2006.15055, who took it from Zhang et al. 2019, arXiv 1906.06565). Only slots that
    are reported as present count as predictions.
    """
    predicted, truth, sure = to_numpy(predicted), to_numpy(truth), np.asarray(confidence)
    there, real = predicted.presence > 0.5, truth.presence > 0.5
    if not real.any():
        return None
    same = predicted.identity[:, :, None] == truth.identity[:, None, :]
    taken, hits = np.zeros_like(real), []
    scene, slot = np.nonzero(there)
    for rank in np.argsort(-sure[scene, slot], kind="stable"):
        b, n = scene[rank], slot[rank]
        distance = np.linalg.norm(predicted.position[b, n] - truth.position[b], axis=-1)
        distance = np.where(real[b] & same[b, n], distance, np.nan)
        nearest = None if np.isnan(distance).all() else np.nanargmin(distance)
        hits.append(nearest is not None and distance[nearest] <= threshold and not taken[b, nearest])
        if hits[-1]:
            taken[b, nearest] = True
    return _area(np.array(hits, dtype=float), int(real.sum()))


def _area(hits: Float[np.ndarray, " prediction"], positives: int) -> float:
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(right / positives, prepend=0.0) * envelope))


def over(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    """A statistic of values, None where there are none or it is no finite number."""
    if len(values) == 0:
        return None
    result = float(statistic(values))
    return result if np.isfinite(result) else None


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None

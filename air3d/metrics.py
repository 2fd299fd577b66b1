"""How well a list of objects describes a table: counts, objects, poses, once they are paired (`air3d.matching`).

What there is nothing to measure of is None (null in JSON).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from air3d.matching import Matching, match, turn_errors
from renderers.convert import to_numpy
from scenes.objects import Objects

AP_THRESHOLDS = (0.01, 0.02, 0.05, 0.10, np.inf)  # metres; inf asks for the right identity in the right scene only


def score(
    predicted: Objects,
    truth: Objects,
    symmetry: Sequence[int],
    confidence: Float[np.ndarray, "batch slot"] | None = None,
) -> dict[str, Any]:
    """Every metric of a batch of scenes, ready for JSON.

    `symmetry[k]` is the n-fold rotational symmetry of mesh k about +Z: 1 none, 0 full revolution. `confidence` is the
    probability that each predicted slot holds an object; average precision is reported only where it is given.
    """
    matching = match(predicted, truth)
    turned = rotation_errors(matching, symmetry)
    scores = {
        "scenes": len(matching.true_count),
        "objects": int(matching.true_count.sum()),
        **count_scores(matching),
        "found": _ratio(matching.found.sum(), matching.true_count.sum()),
        "identity_accuracy": _over(np.mean, matching.identified[matching.found]),
        "position_error_median_m": _over(np.median, matching.distance),
        "position_error_mean_m": _over(np.mean, matching.distance),
        "position_pairs": len(matching.distance),
        "rotation_error_median_deg": _over(np.median, np.degrees(turned)),
        "rotation_objects": len(turned),
        **by_identity(matching, truth, symmetry),
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
        "count_accuracy": _over(np.mean, true == predicted),
        "count_accuracy_by_count": {
            str(count): _over(np.mean, predicted[true == count] == count) for count in np.unique(true)
        },
        "count_confusion": confusion.tolist(),
    }


def rotation_errors(matching: Matching, symmetry: Sequence[int]) -> Float[np.ndarray, " object"]:
    """The `turn_errors` of the pairs that have one."""
    errors = turn_errors(matching, symmetry)
    return errors[~np.isnan(errors)]


def by_identity(matching: Matching, truth: Objects, symmetry: Sequence[int]) -> dict[str, dict[str, float | None]]:
    """What differs from mesh to mesh, by its number: the share that is found, and of meshes that have a rotation the
    median yaw error in degrees, and without symmetry the share turned by more than 90, which a median does not show."""
    truth = to_numpy(truth)
    real = truth.identity[truth.presence > 0.5]
    errors, meshes = np.degrees(turn_errors(matching, symmetry)), range(len(symmetry))
    found = [matching.found & (matching.true_identity == k) for k in meshes]
    turned = [errors[(matching.true_identity == k) & ~np.isnan(errors)] for k in meshes]
    return {
        "found_by_identity": {str(k): _ratio(found[k].sum(), (real == k).sum()) for k in meshes},
        "rotation_error_median_deg_by_identity": {
            str(k): _over(np.median, turned[k]) for k in meshes if symmetry[k] > 0
        },
        "rotation_reversed_by_identity": {str(k): _over(np.mean, turned[k] > 90) for k in meshes if symmetry[k] == 1},
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


def _over(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    if len(values) == 0:
        return None
    result = float(statistic(values))
    return result if np.isfinite(result) else None


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None

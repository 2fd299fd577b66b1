"""Average precision: whether the surest predictions are right, at several distances."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from renderers.convert import to_numpy
from scenes.objects import Objects

AP_THRESHOLDS = (0.01, 0.02, 0.05, 0.10, np.inf)  # metres; inf asks for the right identity in the right scene only


def average_precisions(
    predicted: Objects, truth: Objects, confidence: Float[np.ndarray, "batch slot"]
) -> dict[str, float | None]:
    """At every distance of `AP_THRESHOLDS`, by its name ("0.05", "any")."""
    named = {"any" if np.isinf(threshold) else f"{threshold:.2f}": threshold for threshold in AP_THRESHOLDS}
    return {name: average_precision(predicted, truth, confidence, threshold) for name, threshold in named.items()}


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

"""How well a list of objects describes a table: counts, objects, poses, once they are paired (`matching.py`).

What there is nothing to measure of is None (null in JSON). Errors of poses go over the table of latents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from air3d.evaluation.average_precision import average_precisions
from air3d.evaluation.matching import Matching, match
from air3d.model.latents import LATENTS, Latent
from renderers.convert import to_numpy
from scenes.objects import Objects

REVERSED = 90.0  # degrees beyond which a mesh without symmetry faces the wrong way


def score(
    predicted: Objects,
    truth: Objects,
    symmetry: Sequence[int],
    confidence: Float[np.ndarray, "batch slot"] | None = None,
    visible: Bool[np.ndarray, "batch true_slot"] | None = None,
    latents: Sequence[type[Latent]] = LATENTS,
    kinds: Sequence[int] = (),
) -> dict[str, Any]:
    """Every metric of a batch of scenes, ready for JSON.

    `symmetry[k]` is the n-fold rotational symmetry of entry k about +Z: 1 none, 0 full revolution. `kinds[k]` is which
    mesh it is (`Catalogue.kind_of`): where meshes have several entries, mesh and face are judged too. `confidence` is
    the probability that each predicted slot holds an object, `visible` whether the picture tells how a true one is
    turned (`renderers.visibility.rotation_visible`); what needs them is reported only where they are given.
    """
    matching = match(predicted, truth)
    scores = {
        "scenes": len(matching.true_count),
        "objects": int(matching.true_count.sum()),
        **count_scores(matching),
        **object_scores(matching, truth, len(symmetry)),
        **(face_scores(matching, kinds) if len(set(kinds)) < len(kinds) else {}),
    }
    for latent in latents:
        errors = pose_errors(matching, latent, symmetry)
        scores |= latent_scores(matching, latent, errors, symmetry)
        if latent.name == "rotation" and visible is not None:
            seen = np.where(visible[matching.scene, matching.true_slot], errors, np.nan)
            scores["rotation_visible"] = latent_scores(matching, latent, seen, symmetry)
    if confidence is not None:
        scores["average_precision"] = average_precisions(predicted, truth, confidence)
    return scores


def pose_errors(matching: Matching, latent: type[Latent], symmetry: Sequence[int]) -> Float[np.ndarray, " pair"]:
    """The error in a latent of every pair, NaN where it is not judged (or the mesh has none): places are compared for
    all pairs, the rest for detected objects of the right identity."""
    if latent.name not in matching.predicted or latent.name not in matching.true:
        return np.full(len(matching.distance), np.nan)
    fold = np.asarray(symmetry, dtype=int)[matching.true["identity"]]
    errors = latent.errors(matching.predicted[latent.name], matching.true[latent.name], fold)
    return errors if latent.name == "position" else np.where(matching.judged, errors, np.nan)


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
    """How many objects are detected and identified."""
    return {
        "detection_rate": ratio(matching.detected.sum(), matching.true_count.sum()),
        "identity_accuracy": over(np.mean, matching.identified[matching.detected]),
        "detection_rate_by_identity": detection_rate_by_identity(matching, truth, identities),
        "identity_confusion": identity_confusion(matching, identities),
    }


def identity_confusion(matching: Matching, identities: int) -> list[list[int]]:
    """Detected objects by their true (row) and their predicted identity (column)."""
    confusion = np.zeros((identities, identities), dtype=int)
    pair = (matching.true["identity"][matching.detected], matching.predicted["identity"][matching.detected])
    np.add.at(confusion, tuple(of.astype(int) for of in pair), 1)
    return confusion.tolist()


def face_scores(matching: Matching, kinds: Sequence[int]) -> dict[str, float | None]:
    """Of detected objects the share whose mesh is right, and of those the share that rests on the right face."""
    mesh_of, detected = np.asarray(kinds, dtype=int), matching.detected
    right = mesh_of[matching.true["identity"]] == mesh_of[matching.predicted["identity"]]
    return {
        "mesh_accuracy": over(np.mean, right[detected]),
        "face_accuracy": over(np.mean, matching.identified[detected & right]),
    }


def detection_rate_by_identity(matching: Matching, truth: Objects, identities: int) -> dict[str, float | None]:
    """The share of each entry's true objects that is detected, by the entry's number."""
    truth = to_numpy(truth)
    real = truth.identity[truth.presence > 0.5]
    detected = matching.true["identity"][matching.detected]
    return {str(k): ratio((detected == k).sum(), (real == k).sum()) for k in range(identities)}


def latent_scores(
    matching: Matching, latent: type[Latent], errors: Float[np.ndarray, " pair"], symmetry: Sequence[int]
) -> dict[str, Any]:
    """The `error_key` and the like of all pairs that have an error (the others are NaN), and of each mesh."""
    judged, median = ~np.isnan(errors), error_key(latent, "median")
    of_mesh = [errors[(matching.true["identity"] == k) & judged] for k in range(len(symmetry))]
    if latent.name == "position":  # of all pairs: one that is no number is no median either
        statistics = {"median": np.median, "mean": np.mean}
        of_all = {error_key(latent, name): over(f, errors) for name, f in statistics.items()}
        return of_all | {"position_pairs": len(errors)}
    scores: dict[str, Any] = {median: over(np.median, errors[judged]), f"{latent.name}_objects": int(judged.sum())}
    by_identity = f"{median}_by_identity"
    if latent.name != "rotation":
        return scores | {by_identity: {str(k): over(np.median, x) for k, x in enumerate(of_mesh)}}
    turning = {k: x for k, x in enumerate(of_mesh) if symmetry[k] > 0}
    return scores | {
        by_identity: {str(k): over(np.median, x) for k, x in turning.items()},
        # without symmetry: the share that faces the wrong way, which a median does not show
        "rotation_reversed_by_identity": {
            str(k): over(np.mean, x > REVERSED) for k, x in turning.items() if symmetry[k] == 1
        },
    }


def error_key(latent: type[Latent], statistic: str) -> str:
    """Its name among the metrics: `rotation_error_median_deg`."""
    return f"{latent.name}_error_{statistic}" + (f"_{latent.unit}" if latent.unit else "")


def over(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float | None:
    """A statistic of values, None where there are none or it is no finite number."""
    if len(values) == 0:
        return None
    result = float(statistic(values))
    return result if np.isfinite(result) else None


def ratio(part: Any, whole: Any) -> float | None:
    """A share, None of nothing."""
    return float(part / whole) if whole else None

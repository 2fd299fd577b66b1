"""Which predicted object is which true one.

Objects have no order, so predicted and true objects of a scene are first paired: the Hungarian algorithm finds the
pairing with the smallest sum of distances between base points. A true object is **detected** when the object paired
with it stands at most `DETECTED_WITHIN` metres away; identity and everything else are judged on detected objects only,
because it means nothing to ask which mesh stands where nothing was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from renderers.convert import to_numpy
from scenes.objects import Objects

DETECTED_WITHIN = 0.05  # metres


@dataclass(frozen=True)
class Matching:
    """The paired objects of a batch, one row per pair, and the counts of every scene.

    true, predicted: the fields of `Objects` by name, [pairs, ...], `None` for a field that one of them lacks.
    """

    true_count: np.ndarray  # [scenes] int
    predicted_count: np.ndarray  # [scenes] int
    distance: np.ndarray  # [pairs] metres between base points
    scene: np.ndarray  # [pairs] int
    predicted_slot: np.ndarray  # [pairs] int
    true_slot: np.ndarray  # [pairs] int
    predicted: dict[str, np.ndarray]
    true: dict[str, np.ndarray]

    @property
    def detected(self) -> np.ndarray:
        return self.distance <= DETECTED_WITHIN

    @property
    def identified(self) -> np.ndarray:
        return self.true["identity"] == self.predicted["identity"]

    @property
    def judged(self) -> np.ndarray:
        """Pairs whose poses are compared: detected, and of the right identity."""
        return self.detected & self.identified

    def chosen(self, rows: np.ndarray) -> Matching:
        """Some of the pairs; the counts stay those of all scenes."""
        names = ("distance", "scene", "predicted_slot", "true_slot")
        columns = {name: getattr(self, name)[rows] for name in names}
        sides = {side: {k: x[rows] for k, x in getattr(self, side).items()} for side in ("predicted", "true")}
        return replace(self, **columns, **sides)


def match(predicted: Objects, truth: Objects) -> Matching:
    """Pairs the present objects of every scene by position. The two batches may have different numbers of slots."""
    predicted, truth = to_numpy(predicted), to_numpy(truth)
    if len(predicted) != len(truth):
        raise ValueError(f"{len(predicted)} predicted scenes against {len(truth)} true ones")
    there, real = predicted.presence > 0.5, truth.presence > 0.5
    rows, distances = [], []
    for scene, (guessed, given) in enumerate(zip(there, real, strict=True)):
        distance = _distances(truth.position[scene][given], predicted.position[scene][guessed])
        # A prediction that is not a number is nobody's neighbour: it pairs last and is never detected.
        i, j = linear_sum_assignment(np.nan_to_num(distance, nan=1e9, posinf=1e9))
        rows.append(np.stack([np.full(len(i), scene), np.flatnonzero(guessed)[j], np.flatnonzero(given)[i]], 1))
        distances.append(distance[i, j])
    scenes, predicted_slot, true_slot = (np.concatenate(rows) if rows else np.zeros((0, 3), int)).T
    return Matching(
        real.sum(1),
        there.sum(1),
        np.concatenate(distances) if distances else np.zeros(0),
        scenes,
        predicted_slot,
        true_slot,
        _values(predicted, scenes, predicted_slot),
        _values(truth, scenes, true_slot),
    )


def _values(objects: Objects, scene: np.ndarray, slot: np.ndarray) -> dict[str, np.ndarray]:
    given = {field.name: getattr(objects, field.name) for field in fields(objects)}
    return {name: value[scene, slot] for name, value in given.items() if value is not None}


def _distances(first: Float[np.ndarray, "m 3"], second: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "m n"]:
    return np.linalg.norm(first[:, None].astype(float) - second[None].astype(float), axis=-1)

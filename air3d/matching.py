"""Which predicted object is which true one.

Objects have no order, so predicted and true objects of a scene are first paired: the Hungarian algorithm finds the
pairing with the smallest sum of distances between base points. A true object is **found** when the object paired with
it stands at most `FOUND_WITHIN` metres away; identity and rotation are judged on found objects only, because it means
nothing to ask which mesh stands where nothing was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from renderers.convert import to_numpy
from scenes.objects import Objects

FOUND_WITHIN = 0.05  # metres


@dataclass(frozen=True)
class Matching:
    """The paired objects of a batch, one row per pair, and the counts of every scene."""

    true_count: np.ndarray  # [scenes] int
    predicted_count: np.ndarray  # [scenes] int
    distance: np.ndarray  # [pairs] metres between base points
    true_identity: np.ndarray  # [pairs] int
    predicted_identity: np.ndarray  # [pairs] int
    turn: np.ndarray  # [pairs] predicted minus true yaw, radians, not wrapped
    scene: np.ndarray  # [pairs] int
    predicted_slot: np.ndarray  # [pairs] int
    true_slot: np.ndarray  # [pairs] int

    @property
    def found(self) -> np.ndarray:
        return self.distance <= FOUND_WITHIN

    @property
    def identified(self) -> np.ndarray:
        return self.true_identity == self.predicted_identity


def match(predicted: Objects, truth: Objects) -> Matching:
    """Pairs the present objects of every scene by position. The two batches may have different numbers of slots."""
    predicted, truth = to_numpy(predicted), to_numpy(truth)
    if len(predicted) != len(truth):
        raise ValueError(f"{len(predicted)} predicted scenes against {len(truth)} true ones")
    there, real = predicted.presence > 0.5, truth.presence > 0.5
    rows = []
    for scene, (guessed, given) in enumerate(zip(there, real, strict=True)):
        distance = _distances(truth.position[scene][given], predicted.position[scene][guessed])
        # A prediction that is not a number is nobody's neighbour: it pairs last and is never found.
        i, j = linear_sum_assignment(np.nan_to_num(distance, nan=1e9, posinf=1e9))
        turn = predicted.rotation[scene][guessed][j].astype(float) - truth.rotation[scene][given][i]
        identities = truth.identity[scene][given][i], predicted.identity[scene][guessed][j]
        slots = np.flatnonzero(guessed)[j], np.flatnonzero(given)[i]
        rows.append(np.stack([distance[i, j], turn, *identities, np.full(len(i), scene), *slots], 1))
    distance, turn, *whole = (np.concatenate(rows) if rows else np.zeros((0, 7))).T
    true_identity, predicted_identity, scenes, predicted_slot, true_slot = (column.astype(int) for column in whole)
    return Matching(
        real.sum(1), there.sum(1), distance, true_identity, predicted_identity, turn, scenes, predicted_slot, true_slot
    )


def turn_errors(matching: Matching, symmetry: Sequence[int]) -> Float[np.ndarray, " pair"]:
    """Yaw errors in radians, in [0, pi/n] for an n-fold symmetric mesh.

    Of found objects of the right identity, otherwise NaN; so are meshes of full revolution (symmetry 0), which have no
    rotation.
    """
    fold = np.asarray(symmetry, dtype=int)[matching.true_identity]
    judged = matching.found & matching.identified & (fold > 0)
    period = 2 * np.pi / np.where(judged, fold, 1)
    errors = np.abs(matching.turn - period * np.round(matching.turn / period))
    return np.where(judged, errors, np.nan)


def _distances(first: Float[np.ndarray, "m 3"], second: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "m n"]:
    return np.linalg.norm(first[:, None].astype(float) - second[None].astype(float), axis=-1)

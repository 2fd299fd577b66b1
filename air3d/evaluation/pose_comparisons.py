"""Estimates and true objects of one kind side by side, with their errors, for the figures of `pose_scores`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from air3d.evaluation import pose_errors
from air3d.evaluation.detections import Detections
from air3d.evaluation.object_models import ObjectModel
from renderers.convert import to_numpy
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.poses import camera_poses
from scenes.view import View

SEEN = 0.1  # share of an object that must be visible for it to be a target


@dataclass(frozen=True, eq=False)
class Posed:
    """Objects of a batch with their full poses: matrices [B, N, 4, 4] from the mesh's file to the camera, metres.

    kind, there [B, N]: which kind each is, and whether it is there at all.
    """

    kind: np.ndarray
    there: np.ndarray
    poses: np.ndarray

    @staticmethod
    def of(objects: Objects, catalogue: Catalogue, view: View) -> Posed:
        """As they are seen through the cameras of a view."""
        objects = to_numpy(objects)
        rotation, translation = camera_poses(objects, catalogue, to_numpy(view))
        size = 1.0 if objects.size is None else np.asarray(objects.size, float)[..., None, None]
        poses = np.tile(np.eye(4), (*objects.identity.shape, 1, 1))
        poses[..., :3, :3], poses[..., :3, 3] = size * rotation, translation
        kinds = np.asarray(catalogue.kind_of)[objects.identity]
        return Posed(kinds, np.asarray(objects.presence) > 0.5, poses)


@dataclass(frozen=True, eq=False)
class Comparison:
    """All estimates of one kind beside the true objects of that kind in their pictures, from the surest down.

    errors of a pair are found by row (of the estimate) and slot (of the true object).
    """

    model: ObjectModel
    found: Detections
    row: np.ndarray
    slot: np.ndarray
    estimated: np.ndarray
    true: np.ndarray
    lenses: np.ndarray

    def by(self, errors: Callable[[], Float[np.ndarray, " pair"]]) -> Detections:
        """The detections with those errors of their pairs."""
        table = np.full(self.found.errors.shape, np.inf)
        table[self.row, self.slot] = errors()
        return Detections(self.found.picture, self.found.score, table, self.found.target, self.found.unseen)

    @cached_property
    def mssd(self) -> Detections:
        return self.by(lambda: pose_errors.mssd(self.estimated, self.true, self.model))

    @cached_property
    def mspd(self) -> Detections:
        return self.by(lambda: pose_errors.mspd(self.estimated, self.true, self.lenses, self.model))

    @cached_property
    def add(self) -> Detections:
        return self.by(lambda: pose_errors.add(self.estimated, self.true, self.model))

    @cached_property
    def add_s(self) -> Detections:
        return self.by(lambda: pose_errors.add_s(self.estimated, self.true, self.model))


def compared(
    predicted: Posed,
    truth: Posed,
    confidence: Float[np.ndarray, "batch slot"],
    models: Sequence[ObjectModel],
    intrinsics: Float[np.ndarray, "batch 4"],
    visibility: Float[np.ndarray, "batch true_slot"] | None = None,
) -> list[Comparison]:
    """One for each kind. `intrinsics` of the cameras that took the pictures; `visibility`: the share of each true
    object that can be seen, NaN where nobody said; all count where it is None."""
    seen = np.ones(truth.there.shape, bool) if visibility is None else ~(visibility < SEEN)
    comparisons = []
    for kind, model in enumerate(models):
        picture, slot = np.nonzero(predicted.there & (predicted.kind == kind))
        order = np.argsort(-confidence[picture, slot], kind="stable")
        picture, slot = picture[order], slot[order]
        real = truth.there & (truth.kind == kind)
        row, true_slot = np.nonzero(real[picture])
        found = Detections(picture, confidence[picture, slot], np.full((len(picture), real.shape[1]), np.inf),
                           real & seen, real & ~seen)  # fmt: skip
        at = picture[row]
        comparisons.append(Comparison(model, found, row, true_slot, predicted.poses[at, slot[row]],
                                      truth.poses[at, true_slot], intrinsics[at]))  # fmt: skip
    return comparisons

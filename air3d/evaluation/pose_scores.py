"""The figures that the field of 6D pose estimation compares methods by, for a batch of pictures.

See `pose_errors` for the distances and `detections` for average precision; docs/evaluation.md says what differs from
BOP's toolkit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from air3d.evaluation import pose_errors
from air3d.evaluation.bootstrap import Draws, Interval, interval, shares
from air3d.evaluation.detections import Detections, found_targets, mean_average_precision
from air3d.evaluation.metrics import over
from air3d.evaluation.object_models import ObjectModel
from renderers.convert import to_numpy
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.poses import camera_poses
from scenes.view import View

SHARES = np.arange(0.05, 0.51, 0.05)  # of the diameter
MILLIMETRES = np.arange(2.0, 21.0, 2.0)
PIXELS = np.arange(5.0, 51.0, 5.0)  # of a picture that is 640 wide
WIDTH = 640
SEEN = 0.1  # share of an object that must be visible for it to be a target
CLOSE = 0.1  # of the diameter: what ADD calls right


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


def pose_scores(comparisons: Sequence[Comparison], width: int, drawn: Draws) -> dict[str, Any]:
    """Every figure of the pictures themselves, and its interval over draws of them.

    ap_mssd, ap_mspd: average precision below shares of the diameter and below pixels (of pictures `width` wide), ap:
    their mean, BOP's of 2024; ap_mssd_mm: below millimetres, as since 2025. recall_add, recall_add_s: share of the
    targets that are found with a mean distance below a tenth of the diameter; recall_add_or_s: ADD of objects without
    symmetry and ADD-S of the others, which is written ADD(-S). mssd_median_mm: of the estimates that are nearest to a
    true object of their kind.
    """
    everything = np.concatenate([np.ones((1, drawn.shape[1]), int), drawn])  # the pictures as they are, then the draws
    figures = precisions(comparisons, width, everything) | recalls(comparisons, everything)
    intervals: dict[str, Interval] = {name: interval(values[1:]) for name, values in figures.items()}
    nearest = [each.mssd.errors.min(1) for each in comparisons if each.found.errors.size]
    errors = np.concatenate([*nearest, np.zeros(0)])
    return {
        **{name: over(np.mean, values[:1]) for name, values in figures.items()},
        "mssd_median_mm": over(np.median, 1000 * errors[np.isfinite(errors)]),
        "targets": int(sum(each.found.targets.sum() for each in comparisons)),
        "intervals": intervals,
    }


def precisions(comparisons: Sequence[Comparison], width: int, drawn: Draws) -> dict[str, np.ndarray]:
    """Mean average precisions in every draw."""
    below = {
        "ap_mssd": [(each.mssd, SHARES * each.model.diameter) for each in comparisons],
        "ap_mspd": [(each.mspd, PIXELS * width / WIDTH) for each in comparisons],
        "ap_mssd_mm": [(each.mssd, MILLIMETRES / 1000) for each in comparisons],
    }
    values = {name: mean_average_precision(kinds, drawn) for name, kinds in below.items()}
    return {"ap": (values["ap_mssd"] + values["ap_mspd"]) / 2, **values}


def recalls(comparisons: Sequence[Comparison], drawn: Draws) -> dict[str, np.ndarray]:
    """Shares of all targets in every draw."""
    targets = np.sum([each.found.targets for each in comparisons], 0)
    chosen = {
        "recall_add": [each.add for each in comparisons],
        "recall_add_s": [each.add_s for each in comparisons],
        "recall_add_or_s": [each.add_s if each.model.symmetric else each.add for each in comparisons],
    }
    limits = [CLOSE * each.model.diameter for each in comparisons]
    return {
        name: shares(np.sum([found_targets(*pair) for pair in zip(kinds, limits, strict=True)], 0), targets, drawn)
        for name, kinds in chosen.items()
    }

"""Scenes that no training and no test sees, by which a network's credible regions are scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from air3d.evaluation.matching import match
from air3d.evaluation.scenes import photographs
from air3d.inference.conformal import ConformalRegions, Residuals, spread
from air3d.inference.greedy import Predictor, infer
from air3d.inference.predictions import Predictions, predict
from air3d.model.air import Air
from air3d.model.latents.rotation import turn_between
from air3d.model.prior import Prior
from air3d.splits import calibration_seed
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.scene import Scene

CALIBRATION_SCENES = 1000


def residuals(predictions: Predictions, truth: Objects, prior: Prior, symmetry: Sequence[int]) -> Residuals:
    """How far off the predictions are. `truth` in numpy, `symmetry` as in `metrics.score`."""
    pairs = match(predictions.objects, truth)
    pairs = pairs.chosen(pairs.judged)
    own = spread(predictions, prior, symmetry)[pairs.scene * predictions.steps + pairs.predicted_slot]
    off = pairs.predicted["position"] - pairs.true["position"]
    fold = np.asarray(symmetry)[pairs.true["identity"]]
    turn = turn_between(pairs.predicted["rotation"], pairs.true["rotation"], fold)
    return Residuals(pairs.true["identity"], np.linalg.norm(off[:, :2] / own.axes, axis=1), turn / own.turn, own)


def calibrate(
    model: Air, scene: Scene, seed: int, scenes: int = CALIBRATION_SCENES, predictor: Predictor = infer
) -> ConformalRegions:
    """Asks the network about scenes like those it was trained on with that seed; `predictor` as in `predict`."""
    split, rows = calibration_seed(seed), range(scenes)
    truth, view = scene.batch(split, rows), scene.views(split, rows)
    device, symmetry = model.renderer.device, scene.catalogue.symmetries
    pictures = photographs(model.renderer, truth, view, [(split, row) for row in rows]).to(device)
    views = to_torch(view, device)
    predictions = predict(model, pictures, views, model.prior.steps, doing="calibrating", predictor=predictor)
    seen = residuals(predictions, truth, model.prior, symmetry)
    return ConformalRegions(seen, symmetry, predictions.misfit.max().item())

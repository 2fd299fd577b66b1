"""Residuals of calibration scenes, and regions that they scale."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from predicted import CUBE, MUG, PLATE, PRIOR, SYMMETRY, predictions

from air3d.evaluation.calibration_scenes import calibrate, residuals
from air3d.evaluation.scenes import render
from air3d.inference.predictions import predict
from air3d.training.checkpoint import load_run
from renderers.convert import to_torch
from scenes.objects import Objects

ROOT = Path(__file__).resolve().parents[3]


def test_residuals_are_distances_in_units_of_the_spread() -> None:
    predicted = predictions([MUG, PLATE, CUBE], [0.5, 0.0, 0.1], [[0.0, 0.0, 0.0, 0.0]] * 3)
    truth = Objects.empty(3, 2)
    truth.presence[:, 0], truth.identity[:, 0] = True, [MUG, PLATE, MUG]
    truth.position[:2, 0] = [[0.01, 0.0, 0.0], [0.0, -0.008, 0.0]]
    truth.rotation[:2, 0] = [0.5 + 2 * math.pi - 0.3, 2.0]
    found = residuals(predicted, truth, PRIOR, SYMMETRY)
    assert found.identity.tolist() == [MUG, PLATE], "the mug that was taken for a cube is not judged"
    np.testing.assert_allclose(found.position, [0.01 / 0.005, 0.008 / 0.004], rtol=1e-4)
    assert found.rotation[0] == pytest.approx(0.3 / (math.pi / 2), rel=0.02) and np.isnan(found.rotation[1])


@torch.no_grad()
def test_a_network_is_calibrated_on_scenes_of_its_own() -> None:
    """A released one: its own regions hold too few of other scenes' truths, the conformal ones hold their share."""
    run = load_run(ROOT / "pretrained" / "single_object")
    prior, symmetries = run.model.prior, run.scene.catalogue.symmetries
    conformal = calibrate(run.model, run.scene, run.config.seed, 400)
    truth, view = run.scene.batch(77, range(400)), run.scene.views(77, range(400))
    predicted = predict(run.model, render(run.renderer, truth, view), to_torch(view), prior.max_objects)
    assert predicted.identity.shape == (400, 1, 3) and predicted.misfit.max() < 2 * conformal.largest_misfit
    found = residuals(predicted, truth, prior, symmetries)
    assert len(found.identity) > 390, "enough are detected with the right identity to say something"
    own = found.position**2 < -2 * math.log(1 - 0.9)  # the chi-squared with two axes
    assert own.mean() < 0.8, "nothing to be mended"
    for kind, values in (("position", found.position), ("rotation", found.rotation)):
        there = ~np.isnan(values)
        inside = conformal.levels(kind, found.identity[there], values[there]) < 0.9
        assert inside.mean() == pytest.approx(0.9, abs=0.06)

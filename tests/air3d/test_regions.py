"""Credible regions scaled by dreams: they hold what they promise, whatever the posterior says of itself."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from air3d.evaluation.scenes import render
from air3d.inference.conformal import ConformalRegions, Residuals, Spread, residuals, spread
from air3d.inference.predictions import Answers, answers
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.posterior import Pose
from air3d.model.prior import Prior
from air3d.training.checkpoint import load_run
from scenes.objects import Objects

ROOT = Path(__file__).resolve().parents[2]
PRIOR = Prior(0, 3, [-0.5, -0.4, 0.0], [0.5, 0.4, 0.0])
MUG, PLATE, CUBE = 0, 1, 2
SYMMETRY = (1, 0, 4)


def said(identity: list[int], rotation: list[float], logits: list[list[float]], std: float = 0.02) -> Answers:
    """One object on each table, in the middle, with four yaw bins whose offsets are narrow and in their middles."""
    number = len(identity)
    objects = Objects(
        torch.tensor(identity)[:, None],
        torch.zeros(number, 1, 3),
        torch.tensor(rotation)[:, None],
        torch.ones(number, 1, dtype=torch.bool),
    )
    box = LogitNormal(torch.zeros(number, 3), torch.full((number, 3), std))
    pose = Pose(
        box, Choice(logits=torch.tensor(logits)), LogitNormal(torch.zeros(number, 4), torch.full((number, 4), 0.2))
    )
    return Answers(objects, torch.ones(number, 1), torch.ones(number, 1, 3) / 3, pose, torch.zeros(number))


def seen(identity: int, position: np.ndarray, rotation: np.ndarray) -> Residuals:
    some = np.full(len(position), identity)
    return Residuals(some, position, rotation, Spread(np.ones((len(position), 2)), np.ones(len(position))))


def test_the_spread_is_what_the_posterior_says() -> None:
    middle, sure, torn = -math.pi / 4, [-50.0, 0.0, -50.0, -50.0], [-50.0, 0.0, -50.0, math.log(0.25)]
    here = spread(said([MUG, MUG, PLATE, CUBE], [middle] * 4, [sure, torn, sure, torn]), PRIOR, SYMMETRY)
    np.testing.assert_allclose(here.axes, [[0.25 * 0.02 * 1.0, 0.25 * 0.02 * 0.8]] * 4, rtol=1e-5)
    within = 0.25 * 0.2 * math.pi / 2 * math.sqrt(2 / math.pi)  # E|.| of a Gaussian of that width in radians
    assert here.turn[0] == pytest.approx(within, rel=0.05), "in cells of a degree and a half, here"
    assert here.turn[1] == pytest.approx(0.2 * math.pi + 0.8 * within, rel=0.02), "a fifth of it half a turn away"
    assert np.isnan(here.turn[2]), "a body of revolution"
    assert here.turn[3] == pytest.approx(within, rel=0.05), "half a turn of a cube is none"


def test_residuals_are_distances_in_units_of_the_spread() -> None:
    answer = said([MUG, PLATE, CUBE], [0.5, 0.0, 0.1], [[0.0, 0.0, 0.0, 0.0]] * 3)
    truth = Objects.empty(3, 2)
    truth.presence[:, 0], truth.identity[:, 0] = True, [MUG, PLATE, MUG]
    truth.position[:2, 0] = [[0.01, 0.0, 0.0], [0.0, -0.008, 0.0]]
    truth.rotation[:2, 0] = [0.5 + 2 * math.pi - 0.3, 2.0]
    found = residuals(answer, truth, PRIOR, SYMMETRY)
    assert found.identity.tolist() == [MUG, PLATE], "the mug that was taken for a cube is not judged"
    np.testing.assert_allclose(found.position, [0.01 / 0.005, 0.008 / 0.004], rtol=1e-4)
    assert found.rotation[0] == pytest.approx(0.3 / (math.pi / 2), rel=0.02) and np.isnan(found.rotation[1])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 0.99), st.floats(0, 100))
def test_level_and_reach_agree(residuals_seen: list[float], level: float, residual: float) -> None:
    dreams = ConformalRegions(seen(MUG, np.array(residuals_seen), np.array(residuals_seen)), SYMMETRY)
    reach = dreams.reach("position", MUG, level)
    inside = dreams.levels("position", np.array([MUG]), np.array([residual]))[0] < level
    assert inside == (residual <= reach)
    assert math.isinf(dreams.reach("rotation", CUBE, level)), "no cube was residuals_seen of"
    assert np.mean(np.array(residuals_seen) <= reach) >= level or math.isinf(reach)


@pytest.mark.parametrize("too_sure", [1.0, 0.2])
def test_regions_hold_their_share_however_sure_the_posterior_is(too_sure: float) -> None:
    """Errors with heavy tails, of objects of very different difficulty."""
    rng = np.random.default_rng(0)

    def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
        width = rng.lognormal(0.0, 1.0, number)
        return np.abs(width * rng.standard_t(2, number)), too_sure * width

    error, width = drawn(3000)
    dreams = ConformalRegions(seen(MUG, error / width, error / width), SYMMETRY)
    error, width = drawn(3000)
    for level in (0.5, 0.9):
        ours = dreams.regions(Spread(width[:, None].repeat(2, 1), width), np.full(3000, MUG), level)
        assert np.mean(error <= ours.axes[:, 0]) == pytest.approx(level, abs=0.03)
        held = (error <= ours.turn) | (ours.turn == math.pi)
        assert np.mean(held) >= level - 0.03 and ours.turn.max() <= math.pi, (
            "nothing is turned by more than half a turn"
        )


@torch.no_grad()
def test_a_network_is_asked_about_its_own_dreams() -> None:
    """A released one: its own regions hold too few of other scenes' truths, scaled by dreams they hold their share."""
    run = load_run(ROOT / "pretrained" / "single_object")
    dreams, truth, prior = calibrate(run, 400), run.scene.batch(77, range(400)), run.model.prior
    said_of = answers(run.model, render(run.renderer, truth), prior.max_objects)
    assert said_of.identity.shape == (400, 1, 3) and said_of.unexplained.max() < 2 * dreams.largest_error
    found = residuals(said_of, truth, prior, run.scene.catalogue.symmetries)
    assert len(found.identity) > 390, "enough are found and named right to say something"
    own = found.position**2 < -2 * math.log(1 - 0.9)  # the chi-squared with two axes
    assert own.mean() < 0.8, "nothing to be mended"
    for kind, values in (("position", found.position), ("rotation", found.rotation)):
        there = ~np.isnan(values)
        inside = dreams.levels(kind, found.identity[there], values[there]) < 0.9
        assert inside.mean() == pytest.approx(0.9, abs=0.06)

"""Entries that are not as likely as each other: the faces of a mesh, from the catalogue to what is learned and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from render_tools import on_faces
from small_runs import example, small_run
from torch.distributions import Categorical, kl_divergence

from air3d.evaluation.calibration_scenes import calibrate
from air3d.gradients import GradientConfig
from air3d.inference.predictions import predict
from air3d.inference.serialization import Serializer, scene_text
from air3d.model.air import Air
from air3d.model.batches import concatenate, select_rows
from air3d.model.distributions import Choice
from air3d.model.latents.position import BasePoint
from air3d.objectives.counterfactuals import CounterfactualEvaluator
from air3d.objectives.elbo import Elbo
from air3d.objectives.weights import Weights
from renderers.convert import to_numpy
from scenes import crockery
from scenes.catalogue import CATALOGUES, Catalogue, catalogue
from scenes.poses import world_rotations

LYING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
SHARES = torch.tensor([0.7, 0.2, 0.1])


@pytest.fixture
def tipping(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """A bowl, and a mug that lies on its side three times in four; scenes find them as a catalogue of ours."""
    meshes = (crockery.bowl(), *on_faces((crockery.mug(),), LYING, weights=(0.25, 0.75)).meshes)
    monkeypatch.setitem(CATALOGUES, "tipping", tuple(lambda mesh=mesh: mesh for mesh in meshes))
    catalogue.cache_clear()
    return Catalogue(meshes)


def test_the_divergence_of_a_choice_is_from_its_prior() -> None:
    torch.manual_seed(0)
    choice = Choice(torch.randn(5, 3), SHARES.log())
    prior = Categorical(probs=SHARES.expand(5, 3))
    torch.testing.assert_close(choice.kl(), kl_divergence(Categorical(logits=choice.logits), prior))
    assert Choice(SHARES.log()[None], SHARES.log()).kl().item() == pytest.approx(0, abs=1e-6)
    drawn = torch.tensor([0, 1, 2, 1, 0])
    torch.testing.assert_close(choice.log_prior_of(drawn), SHARES[drawn].log())
    joined = concatenate([choice, select_rows(choice, torch.tensor([3, 1]))])
    torch.testing.assert_close(joined.kl(), choice.kl()[[0, 1, 2, 3, 4, 3, 1]])
    torch.testing.assert_close(choice[drawn].kl(), choice.kl()[drawn])


def test_an_even_prior_is_none(tmp_path: Path) -> None:
    """All that is computed of today's catalogues is what it was."""
    assert small_run(tmp_path, "scene=tabletop").model.prior.log_identity is None
    even = Choice(torch.randn(5, 4), torch.full((4,), 0.25).log())
    torch.testing.assert_close(even.kl(), Choice(even.logits).kl())
    assert Choice(even.logits).log_prior_of(torch.zeros(5).long()) == -np.log(4)


def test_the_prior_of_a_network_is_its_catalogues(tmp_path: Path, tipping: Catalogue) -> None:
    """In what is drawn, what it costs, and what it weighs."""
    run = small_run(tmp_path, "scene.catalogue=tipping")
    weights = torch.tensor([0.5, 0.125, 0.375])
    torch.testing.assert_close(run.model.prior.shares(3), weights)
    head = run.model.posterior.identity[-1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(weights.log())
    pictures, view, _ = example(run, 16)
    elbo = Elbo(run.model, GradientConfig("nvil", 2, sum_yaw=False), run.scene.catalogue.symmetries)

    def kl() -> torch.Tensor:
        torch.manual_seed(0)
        return elbo.terms(pictures, view, Weights(), pictures).kl

    own, run.model.prior.log_identity = kl(), None
    even = kl()
    entropy = -(weights * weights.log()).sum()
    torch.testing.assert_close(even - own, (torch.tensor(3.0).log() - entropy).expand_as(own), atol=1e-4, rtol=0)


def test_where_the_picture_says_nothing_the_wake_phase_draws_identities_to_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(tmp_path, "scene=single_object")
    run.model.prior.log_identity = SHARES.log()
    head = run.model.posterior.identity[-1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
    monkeypatch.setattr(Air, "gains", lambda *asked: [torch.zeros(asked[2].presence.shape)] * len(asked[3]))
    monkeypatch.setattr(BasePoint, "mode_kl", lambda base_point: torch.zeros(len(base_point.box.mean)))
    monkeypatch.setattr(CounterfactualEvaluator, "per_identity", lambda *_: torch.zeros(8, 3))
    elbo = Elbo(run.model, GradientConfig("local_expectation", 2, sum_yaw=False), run.scene.catalogue.symmetries)
    pictures, view, _ = example(run, 4)
    terms = elbo.terms(pictures, view, Weights(sigma=0.1, wake_phase=1.0), pictures)
    assert terms.wake_phase is not None and terms.identity_expectation is not None
    (gradient,) = torch.autograd.grad(terms.wake_phase.sum(), head.bias, retain_graph=True)
    torch.testing.assert_close(gradient, 4 * (SHARES - 1 / 3))
    (gradient,) = torch.autograd.grad(terms.identity_expectation.sum(), head.bias)
    torch.testing.assert_close(gradient, torch.zeros(3))


def test_an_answer_says_mesh_face_and_the_full_rotation(tmp_path: Path, tipping: Catalogue) -> None:
    run = small_run(tmp_path, "scene.catalogue=tipping")
    model, (pictures, view, _) = run.model, example(run, 3)
    with torch.no_grad():
        model.posterior.identity[-1].bias[2] = 50.0
        model.posterior.presence[-1].bias.fill_(50.0)
    found = predict(model, pictures, view, 1)
    conformal = calibrate(model, run.scene, 0, 4)
    said = Serializer(run.scene.catalogue, model.prior, conformal, 0.9).scenes(found, run.scene.configured.repeat(3))
    expected = world_rotations(to_numpy(found.objects), tipping)
    for scene, rotation in zip(said, expected, strict=True):
        (entry,) = scene["objects"]
        assert (entry["shape"], entry["face"]) == ("mug", 1)
        assert list(entry["identity"]) == ["bowl", "mug/0", "mug/1"] and entry["identity"]["mug/1"] > 0.99
        np.testing.assert_allclose(entry["R_world"], rotation[0])
        assert abs(entry["R_world"][2][2]) < 1e-6, "its axis lies"
        assert scene_text(scene).split(": ")[-1].startswith("mug/1 at (")


def test_a_checkpoint_of_other_weights_is_of_another_catalogue(tipping: Catalogue) -> None:
    bowl, standing, lying = tipping.meshes
    other = Catalogue((bowl, replace(standing, weight=0.5), replace(lying, weight=0.5)))
    assert other.fingerprint != tipping.fingerprint and other.names == tipping.names

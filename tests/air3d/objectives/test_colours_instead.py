"""Alternatives where colours are inferred: each in the colour that suits it best, and less what that costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from air3d.model.air import Air, Place, Step
from air3d.model.colour import RANGE
from air3d.model.policies import Sample, sample
from air3d.objectives import counterfactuals
from air3d.objectives.counterfactuals import CounterfactualEvaluator
from scenes.objects import Objects

SIGMA = 0.1
STATES = {
    "untold": (["gain=inferred", "tint=inferred", "background=inferred", "camera=varied"], False),
    "told": (["gain=inferred", "tint=inferred", "background=inferred", "camera=varied"], True),
    "known": ([], True),
}


def second_step(folder: Path, name: str) -> tuple[Air, CounterfactualEvaluator, Step]:
    """Of pictures under a light of another colour, from cameras of their own; one object is on the canvas already."""
    states, told = STATES[name]
    run = small_run(folder, "scene=tabletop", *(f"scene.view.{state}" for state in states))
    _, view, truth = example(run, 4, count=2)
    turned = view.camera_translation + 0.02 * torch.randn(4, 3, dtype=torch.float64)
    view = replace(view, gain=torch.tensor([[1.2, 1.1, 0.9]]).repeat(4, 1), camera_translation=turned)
    view = replace(view, camera_rotation=view.camera_rotation.clone(memory_format=torch.contiguous_format))
    pictures = run.renderer.render(truth, view)
    steps = list(run.model.unroll(pictures, view, 2, sample, 2, pictures if told else None, SIGMA))
    return run.model, CounterfactualEvaluator(run.model, run.scene.catalogue.symmetries, SIGMA), steps[1]


def without(step: Step) -> Tensor:
    """log p(x | ..) of the canvas before the object."""
    return Normal(step.seen.double(), SIGMA).log_prob(step.place.pictures.double()).sum((1, 2, 3))


def by_hand(model: Air, place: Place, objects: Objects) -> Tensor:
    """log p(x | ..) less the colour's cost, with matrices in float64, by painting the object in three tints."""
    renderer, prior = model.renderer, model.world.colours(place.told)

    def painted(factor: Tensor) -> Tensor:
        other = replace(objects, tint=factor[:, None].float())
        return renderer.develop(renderer.paint(place.before, other, place.view), place.view).double()

    plain = torch.ones(len(place.pictures), 3)
    picture, image = place.pictures.double(), painted(plain)
    if prior is None:
        return Normal(image, SIGMA).log_prob(picture).sum((1, 2, 3))
    front, values = painted(2 * plain) - image, []
    within = prior.common**2 + prior.channel**2 * torch.eye(3, dtype=torch.float64)
    seen = front.square().sum((1, 2)) / SIGMA**2
    precision = torch.linalg.inv(within) + torch.diag_embed(seen)
    pull = (front * (picture - image)).sum((1, 2)) / SIGMA**2
    mean = torch.linalg.solve(precision, pull).clamp(RANGE[0] - 1, RANGE[1] - 1)
    q = MultivariateNormal(mean, precision_matrix=precision)
    blurred = (seen * q.covariance_matrix.diagonal(dim1=1, dim2=2)).sum(-1) / 2
    cost = kl_divergence(q, MultivariateNormal(torch.zeros_like(mean), within.expand(len(mean), 3, 3))) + blurred
    values = Normal(painted(1 + mean), SIGMA).log_prob(picture).sum((1, 2, 3))
    return values - cost


@pytest.mark.parametrize("name", STATES)
def test_each_identity_less_its_own_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model, ask, step = second_step(tmp_path, name)
    drawn, others, draw = step.decision, [], counterfactuals.sample_of
    assert isinstance(drawn, Sample)

    def kept(*given: object) -> Sample:
        others.append(draw(*given))
        return others[-1]

    monkeypatch.setattr(counterfactuals, "sample_of", kept)
    with torch.no_grad():
        found, kinds = ask.per_identity(step), step.proposal.identity.logits.shape[-1]
        assert len(others) == kinds - 1
        for other in (drawn, *others):
            expected = by_hand(model, step.place, other.objects) - without(step) - other.kl
            chosen = found.gather(1, other.choices["identity"][:, None])[:, 0]
            torch.testing.assert_close(chosen, expected.float(), rtol=1e-5, atol=0.05)
    costs = step.painted.colour_cost
    assert (costs is None) == (name == "known") and (costs is None or (costs > 0.1).any())


@pytest.mark.parametrize("name", STATES)
def test_each_yaw_less_its_own_colour(tmp_path: Path, name: str) -> None:
    model, ask, step = second_step(tmp_path, name)
    yaws = torch.linspace(-3, 3, 4).expand(8, 4)
    with torch.no_grad():
        found = ask.per_bin(step.place, step.decision.objects, yaws)
        for column in range(4):
            turned = replace(step.decision.objects, rotation=yaws[:, column, None])
            expected = by_hand(model, step.place, turned) - without(step)
            torch.testing.assert_close(found[:, column], expected.float(), rtol=1e-5, atol=0.05)


@pytest.mark.parametrize("name", STATES)
def test_the_same_identity_instead_is_the_same_object(tmp_path: Path, name: str) -> None:
    """Whatever the likelihood is told, an alternative is read off what the network is shown: it is what was drawn."""
    _, ask, step = second_step(tmp_path, name)
    drawn = step.decision
    assert isinstance(drawn, Sample)
    with torch.no_grad():
        again = ask.instead(step, drawn.choices["identity"])
    torch.testing.assert_close(again.objects.position, drawn.objects.position)
    torch.testing.assert_close(again.objects.rotation, drawn.objects.rotation)
    torch.testing.assert_close(again.kl, drawn.kl)

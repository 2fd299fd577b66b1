"""Of a picture that was painted, the network sees the photograph alone, and the likelihood the painting alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from small_runs import example, small_run
from torch import Tensor

from air3d.model.air import Air, Step
from air3d.model.mode import Mode
from air3d.model.policies import Decision, Policy, sample
from renderers.sensor import photograph
from scenes.view import View

STATES = {
    "all is known": (),
    "colours are open": ("tint=inferred",),
    "next to all is open": ("background=inferred", "noise=inferred", "gain=inferred", "light=varied", "tint=inferred"),
}
SIGMA, SAMPLES = 0.2, 2
WITH_STATES = pytest.mark.parametrize("states", STATES)


def photographs(folder: Path, states: str) -> tuple[Air, Tensor, Tensor, View]:
    """A network that is of two minds about presence; photographs, and of what they were taken, under that view."""
    settings = (f"scene.view.{state}" for state in STATES[states])
    run = small_run(folder, "scene=tabletop", "model.crop=16", "scene.image_size=64", *settings)
    torch.nn.init.zeros_(run.model.posterior.presence[-1].bias)
    painting, view, _ = example(run, 3)
    taken = replace(view, blur=torch.full((3,), 1.0), tone=torch.full((3,), 1.3), noise=torch.full((3,), 0.03))
    return run.model, photograph(painting, taken, [(0, row) for row in range(3)]), painting, view


def unrolled(model: Air, pictures: Tensor, view: View, painting: Tensor | None, policy: Policy = sample) -> list[Step]:
    torch.manual_seed(2)
    with torch.no_grad():
        return list(model.unroll(pictures, view, 3, policy, SAMPLES, painting, SIGMA))


def saying(step: Step) -> dict[str, Tensor]:
    """All that the network is shown and says at a step, and what is decided on."""
    proposal, objects = step.proposal, step.decision.objects
    said = {name: getattr(proposal, name) for name in ("presence_logit", "attended", "place", "state")}
    decided = {name: getattr(objects, name) for name in ("identity", "position", "rotation", "presence")}
    return {"closeup": step.closeup, "identity logits": proposal.identity.logits, **said, **decided}


def each(pictures: Tensor) -> Tensor:
    return pictures.repeat_interleave(SAMPLES, 0)


@WITH_STATES
@pytest.mark.parametrize("policy", ["sample", "mode"])
def test_what_the_network_says_depends_on_the_photograph_alone(tmp_path: Path, states: str, policy: str) -> None:
    model, pictures, painting, view = photographs(tmp_path, states)
    runs = [
        unrolled(model, pictures, view, shown, sample if policy == "sample" else Mode(0, -1.0))
        for shown in (painting, 0.5 * painting.flip(0))
    ]
    for one, another in zip(*runs, strict=True):
        for name, value in saying(one).items():
            assert torch.equal(value, saying(another)[name]), name
        assert torch.equal(one.closeup[:, :3].permute(0, 2, 3, 1), each(pictures))


@WITH_STATES
def test_what_is_painted_is_compared_with_the_painting_alone(tmp_path: Path, states: str) -> None:
    """The same objects are decided on whatever the network says of two photographs."""
    model, pictures, painting, view = photographs(tmp_path, states)
    objects = [step.decision.objects for step in unrolled(model, pictures, view, painting)]

    def likelihoods(pictures: Tensor, painting: Tensor | None) -> Float[Tensor, "step row"]:
        slots = iter(objects)
        steps = unrolled(model, pictures, view, painting, lambda *_: Decision(next(slots), {}))
        for step in steps:
            assert torch.equal(step.place.pictures, each(pictures if painting is None else painting))
        return torch.stack([model.log_likelihood(step.image, step.place.pictures, SIGMA) for step in steps])

    here = likelihoods(pictures, painting)
    assert torch.equal(here, likelihoods(1 - pictures, painting))
    assert (here - likelihoods(pictures, 0.5 * painting)).abs().min() > 1
    assert (here - likelihoods(pictures, None)).abs().min() > 0.1


@WITH_STATES
def test_the_bound_is_made_of_those_likelihoods(tmp_path: Path, states: str) -> None:
    model, pictures, painting, view = photographs(tmp_path, states)
    steps: list[Step] = []
    with torch.no_grad():
        terms, _ = model.elbo_terms(pictures, view, SAMPLES, SIGMA, steps.append, painting)
    for index, step in enumerate(steps):
        expected = model.log_likelihood(step.image, each(painting), SIGMA).view(-1, SAMPLES)
        torch.testing.assert_close(terms.log_likelihood[..., index + 1], expected)
    empty = model.log_likelihood(steps[0].seen, each(painting), SIGMA).view(-1, SAMPLES)
    torch.testing.assert_close(terms.log_likelihood[..., 0], empty)


def test_nobody_tells_the_network_what_the_sensor_did(tmp_path: Path) -> None:
    model, pictures, painting, view = photographs(tmp_path, "next to all is open")
    other = replace(view, blur=view.blur + 2, tone=view.tone + 0.5, jpeg=view.jpeg + 50)
    for one, another in zip(*(unrolled(model, pictures, given, painting) for given in (view, other)), strict=True):
        for name, value in saying(one).items():
            assert torch.equal(value, saying(another)[name]), name
        assert torch.equal(one.image, another.image)

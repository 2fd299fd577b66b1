"""The posterior is unrolled by one function, whoever asks; what differs is how a step decides on its object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import example, small_run, small_trainer
from torch import Tensor

from air3d.inference.greedy import infer
from air3d.model.air import Air, Step
from air3d.model.mode import Mode
from air3d.model.policies import Decision, Policy, sample
from air3d.model.posterior import Posterior
from air3d.model.proposal import Gains, Proposal
from air3d.objectives import Elbo, Labels, Weights
from air3d.training.run import Run
from scenes.view import View

POLICIES = {"sample": lambda: sample, "mode": Mode, "labels": lambda: Mode(0, -1.0)}


WITH_CROP = pytest.mark.parametrize("crop", [0, 16])


def run_of(folder: Path, crop: int = 0) -> Run:
    """A network that knows nothing, and is of two minds about whether there is an object."""
    run = small_run(folder, "scene=tabletop", f"model.crop={crop}")
    torch.nn.init.zeros_(run.model.posterior.presence[-1].bias)
    run.model.posterior.presence[-1].weight.data *= 20
    return run


def unrolled(run: Run, policy: Policy, steps: int = 4, samples: int = 1) -> list[Step]:
    pictures, view, _ = example(run, 6)
    torch.manual_seed(2)
    with torch.no_grad():
        return list(run.model.unroll(pictures, view, steps, policy, samples))


def test_drawing_answering_and_labels_go_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, unroll = [], Air.unroll

    def watched(
        self: Air, pictures: Tensor, view: View, steps: int, policy: Policy, samples: int = 1, *rest: Any, **named: Any
    ) -> Iterator[Step]:
        asked.append((policy, steps, samples))
        return unroll(self, pictures, view, steps, policy, samples, *rest, **named)

    monkeypatch.setattr(Air, "unroll", watched)
    run = small_run(tmp_path, "scene=tabletop", "model=supervised")
    pictures, view, truth = example(run, 2)
    symmetries = run.scene.catalogue.symmetries
    Elbo(run.model, run.config.gradient, symmetries)(pictures, view, Weights(wake_phase=1.0))
    infer(run.model, pictures, view, 5)
    Labels(run.model, run.config.supervised, symmetries)(pictures, view, Weights(), truth)
    (drawing, *by_draw), (answering, *by_answer), (labelling, *by_label) = asked
    assert drawing is sample and (by_draw, by_answer, by_label) == ([3, 2], [5, 1], [3, 1])
    assert isinstance(answering, Mode) and answering.least == 0.5
    assert isinstance(labelling, Mode) and labelling.least < 0


@pytest.mark.parametrize("name", POLICIES)
def test_a_step_sees_what_was_painted_before_it(tmp_path: Path, name: str) -> None:
    run = run_of(tmp_path)
    steps, renderer = unrolled(run, POLICIES[name](), samples=2), run.renderer
    for step in steps:
        objects, place = step.decision.objects, step.place
        painted = renderer.develop(renderer.paint(place.before, objects, place.view), place.view)
        assert torch.equal(painted, step.image) and torch.equal(renderer.develop(place.before, place.view), step.seen)
        picture, lacking = step.closeup.permute(0, 2, 3, 1).split(3, -1)
        assert torch.equal(picture, place.pictures) and torch.equal(lacking, place.pictures - step.seen)
        changed, there = (step.image != step.seen).flatten(1).any(1), objects.presence[:, 0] > 0.5
        assert not changed[~there].any()
        assert step is not steps[0] or (changed[there].all() and there.any())
    for before, after in pairwise(steps):
        assert torch.equal(before.image, after.seen)
    view = steps[0].place.view
    assert torch.equal(steps[0].seen, renderer.develop(renderer.blank(view), view))


def test_what_the_next_step_says_depends_on_what_was_painted(tmp_path: Path) -> None:
    """Another policy, which moves each object: what is said first stays, what is said next does not."""

    def elsewhere(posterior: Posterior, proposal: Proposal, closeup: Tensor, view: View, gains: Gains) -> Decision:
        decision = sample(posterior, proposal, closeup, view, gains)
        return replace(decision, objects=replace(decision.objects, position=0.3 - 0.6 * decision.objects.position))

    run = run_of(tmp_path)
    here, there = unrolled(run, sample, 2), unrolled(run, elsewhere, 2)
    assert torch.equal(here[0].proposal.attended, there[0].proposal.attended)
    assert (here[1].proposal.attended - there[1].proposal.attended).abs().amax(1).min() > 1e-3


@WITH_CROP
def test_all_samples_of_a_picture_share_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crop: int
) -> None:
    run = run_of(tmp_path, crop)
    looks, look = [], Air.look

    def watched(self: Air, stem: Tensor, pictures: Tensor, image: Tensor, view: View) -> Tensor:
        looks.append((len(stem), len(pictures), len(image), len(view)))
        return look(self, stem, pictures, image, view)

    monkeypatch.setattr(Air, "look", watched)
    each, alone = unrolled(run, sample, 3, samples=3), unrolled(run, sample, 3)
    assert looks == [(6,) * 4, (18,) * 4, (18,) * 4, *[(6,) * 4] * 3]
    of_sample = each[0].proposal.attended.view(6, 3, -1)
    for index in range(3):
        torch.testing.assert_close(of_sample[:, index], alone[0].proposal.attended, rtol=1e-4, atol=1e-5)
    assert torch.equal(each[0].place.pictures[each[0].first], alone[0].place.pictures)
    drawn = each[0].decision.objects.position.view(6, 3, 3)
    assert not torch.equal(drawn[:, 0], drawn[:, 1]), "but they are draws of their own"


@WITH_CROP
@pytest.mark.parametrize("name", POLICIES)
def test_nothing_depends_on_how_many_steps_there_are(tmp_path: Path, name: str, crop: int) -> None:
    run = run_of(tmp_path, crop)
    few, many = unrolled(run, POLICIES[name](), 2), unrolled(run, POLICIES[name](), 5)
    assert len(few) == 2 and len(many) == 5
    for short, long in zip(few, many, strict=False):
        assert torch.equal(short.image, long.image) and torch.equal(short.closeup, long.closeup)
        for name in ("presence_logit", "attended", "place", "state"):
            assert torch.equal(getattr(short.proposal, name), getattr(long.proposal, name))
        assert same(short.decision.objects, long.decision.objects)


def same(first: Any, second: Any) -> bool:
    pairs = ((getattr(first, name), getattr(second, name)) for name in ("identity", "position", "rotation", "presence"))
    return all(torch.equal(*pair) for pair in pairs)


def test_answers_end_where_presence_does_and_labels_go_on(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    answering, forced, labelling = Mode(), Mode(min_objects=2), Mode(0, -1.0)
    answers, at_least, labels = (unrolled(run, policy) for policy in (answering, forced, labelling))
    presence = torch.cat([step.decision.objects.presence for step in answers], 1)
    assert (presence.diff(dim=1) <= 0).all() and 0 < presence.sum() < presence.numel()
    rho = torch.stack(answering.rho, 1)
    assert torch.equal(presence.bool(), (rho > 0.5).cumprod(1).bool()), "once one is missing, none is there"
    assert all((step.decision.objects.presence == 1).all() for step in [*labels, *at_least[:2]])
    assert (torch.stack(forced.rho, 1)[:, :2] == 1).all()
    likeliest = answers[0].proposal.identity.logits.argmax(-1)
    assert torch.equal(answers[0].decision.objects.identity[:, 0], likeliest)
    for field, family in answers[0].decision.pose.items():
        assert torch.equal(getattr(answers[0].decision.objects, field)[:, 0], family.mode())


@WITH_CROP
def test_what_is_painted_is_an_observation(tmp_path: Path, crop: int) -> None:
    """No gradient runs from what a later step says to the object that an earlier one painted."""
    trainer = small_trainer(tmp_path, "scene=tabletop", f"model.crop={crop}")
    pictures, view, _ = example(trainer.run, 2)
    first, second = trainer.run.model.unroll(pictures, view, 2, sample)
    said = second.proposal.presence_logit.sum()
    position = first.decision.objects.position
    assert position.requires_grad and first.image.requires_grad
    assert torch.autograd.grad(said, position, retain_graph=True, allow_unused=True) == (None,)
    (of_picture,) = torch.autograd.grad(second.image.sum(), position)
    assert of_picture.abs().max() > 0

"""An answer whose identities and yaws are compared by painting each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from small_runs import example, small_run
from torch import Tensor

from air3d.inference.greedy import infer
from air3d.model.distributions import Choice
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import yaw_of
from air3d.model.mode import Mode
from air3d.model.proposal import Pose, Proposal
from renderers.convert import to_torch
from scenes.objects import Objects


def test_what_the_picture_says_of_each_identity_is_added_to_what_the_network_says(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    pictures, view, _ = example(run, 4)
    tried: list[Objects] = []

    def gains(place: object, objects: Objects, sigmas: Sequence[float]) -> list[Tensor]:
        tried.append(objects)
        return [torch.tensor([0.0, 0.0, 50.0, 0.0]).expand(len(objects), 4) for _ in sigmas]

    run.model.gains = gains  # type: ignore[method-assign, assignment]
    policy = Mode(least=-1.0, compare=True)
    steps = list(run.model.unroll(pictures, view, 2, policy))
    assert len(tried) == 2, "all identities of a step at once"
    for step, objects, believed in zip(steps, tried, policy.identities, strict=True):
        assert torch.equal(objects.identity, torch.arange(4).expand(4, 4))
        assert (step.decision.objects.identity == 2).all()
        moved = believed.logits - step.proposal.identity.logits
        torch.testing.assert_close(moved - moved[:, :1], torch.tensor([0.0, 0.0, 50.0, 0.0]).expand(4, 4))
        torch.testing.assert_close(step.decision.objects.position[:, 0], objects.position[:, 2])


def test_a_network_of_two_minds_names_what_it_sees(tmp_path: Path) -> None:
    """Objects in plain sight, where the network would say of all of them that they are the same."""
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=64")
    rows = range(24)
    truth, view = to_torch(run.scene.batch(5, rows, 1)), to_torch(run.scene.views(5, rows))
    pictures = run.renderer.render(truth, view)
    with torch.no_grad():  # an untrained network, which proposes the attended place
        run.model.posterior.identity[-1].weight.zero_()
        run.model.posterior.identity[-1].bias.zero_()[0] = 0.1
    right = {}
    for compare in (False, True):
        run.model.posterior.config.compare_identities = compare
        found = infer(run.model, pictures, view, 1, least=-1.0)
        right[compare] = (found.objects.identity[:, 0] == truth.identity[:, 0]).float().mean().item()
        assert (found.proposals[0].identity.logits.argmax(-1) == found.objects.identity[:, 0]).all()
    assert right[True] > right[False] + 0.2, right


def test_a_network_that_reads_no_yaw_turns_what_it_sees(tmp_path: Path) -> None:
    """Saucepans and mugs in plain sight, of which an untrained network says that all yaws are alike."""
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=64")
    names, rows = run.scene.catalogue.names, range(24)
    truth, view = to_torch(run.scene.batch(5, rows, 1)), to_torch(run.scene.views(5, rows))
    truth.identity[:, 0] = torch.tensor([names.index("mug"), names.index("saucepan")]).repeat(12)
    pictures, right = run.renderer.render(truth, view), {}
    read = run.model.posterior.pose

    def at_the_true_place(*given: Any, **options: Any) -> Pose:
        pose = read(*given, **options)
        place = pose["position"]
        assert isinstance(place, BasePoint)
        unit = run.model.prior.to_unit(truth.position[:, 0]).clamp(1e-3, 1 - 1e-3)
        return {**pose, "position": replace(place, box=replace(place.box, mean=unit.logit()))}

    run.model.posterior.pose = at_the_true_place  # type: ignore[method-assign]
    with torch.no_grad():
        run.model.posterior.identity[-1].weight.zero_()
    for turn in (False, True):
        policy = Mode(least=-1.0, turn=turn)
        run.model.posterior.identity[-1].bias.data.zero_()
        proposed = run.model.posterior.propose

        def said(*given: Any, **options: Any) -> Proposal:
            logits = 50 * F.one_hot(truth.identity[:, 0], 4).float()
            return replace(proposed(*given, **options), identity=Choice(logits=logits))  # noqa: B023

        run.model.posterior.propose = said  # type: ignore[method-assign]
        (step,) = run.model.unroll(pictures, view, 1, policy)
        run.model.posterior.propose = proposed  # type: ignore[method-assign]
        off = (step.decision.objects.rotation - truth.rotation)[:, 0]
        right[turn] = (off.sin().atan2(off.cos()).abs() < math.radians(30)).float().mean().item()
        assert torch.equal(step.decision.pose["rotation"].mode(), step.decision.objects.rotation[:, 0])
    assert right[True] > 0.8 > 0.4 > right[False], right


def test_neither_a_plate_nor_what_is_absent_is_turned(tmp_path: Path) -> None:
    """Nor is any of them painted for it."""
    run = small_run(tmp_path, "scene=tabletop")
    pictures, view, _ = example(run, 4)
    posterior, names, tried = run.model.posterior, run.scene.catalogue.names, []
    step = next(run.model.unroll(pictures, view, 1, Mode(least=-1.0)))
    identity = torch.tensor([names.index(name) for name in ("plate", "mug", "mug", "saucepan")])
    present = torch.tensor([True, False, True, True])
    pose = posterior.pose(step.proposal, identity, step.closeup, view, answering=True)
    yaw = yaw_of(pose)

    def gains(objects: Objects, sigmas: Sequence[float]) -> list[Tensor]:
        tried.append(objects)
        return run.model.gains(step.place, objects, sigmas)

    turned = Mode(turn=True).turned(posterior, identity, pose, gains, present)
    torch.testing.assert_close(turned.choice.probs[:2], yaw.choice.probs[:2])
    assert torch.equal(turned.offset.mean[:2], yaw.offset.mean[:2])
    assert (turned.choice.probs[2:] - yaw.choice.probs[2:]).abs().amax(1).min() > 1e-3
    assert tried[0].presence.any(1).tolist() == [False, False, True, True]

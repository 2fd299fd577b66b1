"""An answer whose identities are compared by painting each of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.inference.greedy import infer
from air3d.model.policies import Mode
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

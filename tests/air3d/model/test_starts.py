"""Hypotheses that begin where attention fell: where that puts each identity, and that they are never worse for it."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from compared_steps import SIGMA, first_step
from small_runs import small_run

from air3d.model.air import Air, Step
from air3d.model.footprints import direction
from air3d.model.hypotheses import Hypotheses
from air3d.model.starts import Started, attended_places
from scenes.mesh import build

SETTINGS = ("scene=tabletop", "model.candidates=2", "model.starts=true", "model.standing=true")


def tries(model: Air, step: Step) -> tuple[Hypotheses, Started]:
    given = model.posterior, step.proposal, step.closeup, step.believed
    torch.manual_seed(1)
    plain = Hypotheses(*given)
    torch.manual_seed(1)
    return plain, Started(*given, partial(model.gains, step.place), SIGMA)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 120.0])
def test_the_direction_in_which_a_mesh_is_longest(degrees: float) -> None:
    solid = trimesh.creation.box((0.2, 0.05, 0.04))
    solid.apply_transform(trimesh.transformations.rotation_matrix(math.radians(degrees), (0, 0, 1)))
    mesh = build("bar", solid, lambda points: np.full_like(points, 0.5), 2)
    assert (math.degrees(direction(mesh)) - degrees + 90) % 180 - 90 == pytest.approx(0, abs=1e-3)


def test_the_middle_of_every_identity_hides_the_place_that_was_attended_to(tmp_path: Path) -> None:
    run = small_run(tmp_path, *SETTINGS)
    model, (step, _) = run.model, first_step(run, "mug", 3)
    places = attended_places(model.posterior, step.proposal, step.believed)
    attended = model.prior.to_metres(torch.nn.functional.pad(step.proposal.place, (0, 1)))
    for b in range(3):
        eye = torch.tensor(run.scene.views(0, range(3)).camera(b).position)
        for k, mesh in enumerate(run.scene.catalogue.meshes):
            middle = torch.cat([places[b, k], torch.tensor([float(mesh.vertices[:, 2].max()) / 2])])
            ray = (middle - eye) / (middle - eye)[2] * -eye[2] + eye
            assert torch.allclose(ray[:2].float(), attended[b, :2], atol=1e-4)


def test_no_identity_is_worse_for_another_start_and_what_is_said_is_what_was_painted(tmp_path: Path) -> None:
    run = small_run(tmp_path, *SETTINGS)
    model, (step, truth) = run.model, first_step(run, "saucepan", 4)
    step.proposal.lengthwise = truth.rotation[:, 0] + model.posterior.footprints.directions[truth.identity[:, 0]]
    gains = partial(model.gains, step.place)
    with torch.no_grad():
        plain, started = tries(model, step)
        every = torch.arange(4).expand(4, -1)
        assert (started.first >= plain.ranked(gains, SIGMA) - 1e-3).all()
        painted = gains(started.objects(every, started.likeliest), [SIGMA])[0]
        torch.testing.assert_close(started.ranked(gains, SIGMA), painted, rtol=1e-4, atol=1e-2)
        torch.testing.assert_close(started.places[:, :, 0], started.values["position"])
        bins = started.turned(every, gains, SIGMA)
        assert torch.allclose(bins.amax(-1).maximum(started.first), bins.amax(-1))
        yaws = started.yaws_of(every)
        best = yaws.gather(2, bins.argmax(-1, keepdim=True))[..., 0]
        turns = model.posterior.symmetries != 0
        again = gains(started.objects(every, best), [SIGMA])[0]
        torch.testing.assert_close(again[:, turns], bins.amax(-1)[:, turns], rtol=1e-4, atol=1e-2)

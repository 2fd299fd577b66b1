"""The importance-weighted bound against brute force."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from small_runs import small_run

from air3d.inference.greedy import importance_weighted_bound
from air3d.model.air import Air
from air3d.model.likelihood import log_likelihood
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.view import View

SIGMA, NUMBER = 4.0, 6000


@pytest.mark.parametrize("scene", ["single_object", "tabletop"])
@torch.no_grad()
def test_it_tends_to_what_the_prior_says(scene: str, tmp_path: Path) -> None:
    """log p(x) by drawing whole scenes from the prior, and by weighing draws of a posterior that knows nothing."""
    few = ["scene.max_objects=2"] * (scene == "tabletop")
    run = small_run(tmp_path, f"scene={scene}", "scene.image_size=24", "model.initial_std=2.0", *few)
    model, view = run.model, to_torch(run.scene.views(0, [1]))
    picture = run.renderer.render(to_torch(run.scene.batch(0, range(2)))[1:], view)
    truth = evidence(model, picture, view, len(run.scene.catalogue))

    torch.manual_seed(1)
    found = [importance_weighted_bound(model, picture, view, SIGMA, NUMBER // 4, 2000).item() for _ in range(4)]
    error = torch.tensor(found).std().item()
    print(truth, found, model.elbo(picture, view, SIGMA).item())
    assert error < 0.3, "too noisy to show anything"
    assert sum(found) / 4 == pytest.approx(truth, abs=0.05 + 2.5 * error)
    elbo = sum(model.elbo(picture, view, SIGMA).item() for _ in range(100)) / 100
    assert elbo < truth, "the plain bound of a posterior that knows nothing is lower"


def evidence(model: Air, picture: torch.Tensor, view: View, kinds: int) -> float:
    """log p(x) from scenes that the prior draws."""
    prior, views, terms = model.prior, view.repeat(NUMBER), []
    canvas, ones = model.renderer.blank(views), torch.ones(NUMBER, 1)
    for count in range(prior.max_objects + 1):
        image = model.renderer.develop(canvas, views)
        terms.append(log_likelihood(image, picture.expand_as(image), SIGMA) + prior.log_count[count])
        position, yaw = prior.to_metres(torch.rand(NUMBER, 1, 3)), math.pi * (2 * torch.rand(NUMBER, 1) - 1)
        canvas = model.renderer.paint(canvas, Objects(torch.randint(kinds, (NUMBER, 1)), position, yaw, ones), views)
    return (torch.stack(terms, -1).flatten().logsumexp(0) - math.log(NUMBER)).item()

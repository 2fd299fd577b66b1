"""First steps of an untrained network before tables of one object, and what their comparison says."""

from __future__ import annotations

from functools import partial

import torch

from air3d.model.air import Air, Step
from air3d.model.comparison import Compared, compare_identities
from air3d.model.policies import sample
from air3d.training.run import Run
from renderers.convert import to_torch
from scenes.objects import Objects

SIGMA = 0.3


def first_step(run: Run, identity: str, count: int = 8) -> tuple[Step, Objects]:
    """An untrained network before tables of one object of that identity, its attention led to where it stands."""
    torch.manual_seed(0)
    truth, view = to_torch(run.scene.batch(0, range(count), 1)), to_torch(run.scene.views(0, range(count)))
    truth.identity[:, 0] = run.scene.catalogue.names.index(identity)
    pictures = run.model.generate(truth, view)
    step = next(run.model.unroll(pictures, view, 1, sample, 1, pictures, SIGMA))
    shares = run.model.prior.to_unit(truth.position[:, 0])[:, :2]
    step.proposal.place = shares + 0.01 * torch.randn_like(shares)
    return step, truth


def compared(model: Air, step: Step) -> Compared:
    torch.manual_seed(1)  # for the places farther out
    gains = partial(model.gains, step.place)
    return compare_identities(model.posterior, step.proposal, step.closeup, step.believed, gains, SIGMA)

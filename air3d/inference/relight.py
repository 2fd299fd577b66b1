"""The light of a picture, by descent, once its objects are found.

A network reads the light off the picture before it knows what stands there. What is lit says more: which sides of a
known mesh are bright is its direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.world import World
from scenes.view import View

RATE = 0.1
"""First step of Adam, in standard deviations of the light's prior."""


def relit(world: World, view: View, explained: Callable[[View], Float[Tensor, " picture"]], steps: int) -> View:
    """The view with the light that explains the most, nats, less what it costs by its prior; as it was where the light
    is not inferred, and in pictures that this explains worse."""
    about = world.posterior.parts.get("light") if world.posterior is not None else None
    if about is None or not steps:
        return view
    before = about.of(view).detach()
    numbers = before.clone().requires_grad_()

    def worth(numbers: Tensor) -> Tensor:
        return explained(replace(view, **about.fields(numbers))) - numbers.square().sum(-1) / 2

    optimiser = torch.optim.Adam([numbers], RATE, betas=(0.9, 0.95))
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / steps)
        with torch.enable_grad():
            optimiser.zero_grad()
            (-worth(numbers).sum()).backward()
        optimiser.step()
    with torch.no_grad():
        better = worth(numbers) >= worth(before)
        return replace(view, **about.fields(torch.where(better[:, None], numbers, before)))

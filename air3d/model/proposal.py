"""What a step of the posterior sees, and what it says before its object is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from air3d.model.distributions import Choice
from air3d.model.latents import Family
from scenes.objects import Objects
from scenes.view import View

Pose = dict[str, Family]
"""q of every latent of the table, given the identity, by name."""

Gains = Callable[[Objects, Sequence[float]], list[Tensor]]
"""By how many nats each of several objects would explain the pictures better, at some pixel noises (`Air.gains`)."""

FORGIVING = 0.5
"""Pixel noise by which answers, and places to look at, are compared. A finer one would trust the renderer with pictures
that it cannot explain that well."""


@dataclass
class Sight:
    """What a step sees. cells: the feature map, the last channel of which is how much is unexplained; contrast: the
    same, normalised; places: the points of the table behind the cells, in shares of its sides; state: of who has seen
    the steps before; closeup: picture and canvas, for closer looks; shape: rows and columns of the map."""

    cells: Float[Tensor, "batch cell channel"]
    contrast: Float[Tensor, "batch cell channel"]
    places: Float[Tensor, "#batch cell 2"]
    state: Float[Tensor, "batch hidden"]
    closeup: Float[Tensor, "batch 6 height width"]
    view: View
    shape: tuple[int, int]


@dataclass
class Proposal:
    """What a step says of the place that it attends to, in shares of the table's sides: presence, identity, and what it
    has seen there. lengthwise: the direction in which what was attended to is longest, radians in (-pi/2, pi/2]."""

    presence_logit: Float[Tensor, " batch"]
    identity: Choice
    attended: Float[Tensor, "batch feature"]
    place: Float[Tensor, "batch 2"]
    state: Float[Tensor, "batch hidden"]
    lengthwise: Float[Tensor, " batch"]

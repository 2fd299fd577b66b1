"""Where the network looks: at what the canvas leaves unexplained, or besides at what it has learned to look for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from air3d.encoder import table_points
from air3d.prior import Prior
from scenes.camera import Camera

SHARPNESS = 2.0
"""Factor on what is unexplained, in standard deviations over the picture: the cells of an object share the attention,
and the bare table around it gets next to none."""

REACH = 0.15
"""How far around the best cell attention reaches, and how far from the attended place an object may stand, as a share
of the table."""

GAIN = 10.0
"""Factor on a query: what it has learned must outweigh what is unexplained within a few hundred steps."""


class Attention(nn.Module):
    """A softmax over the cells around the best one, which is where most is unexplained: nothing in it is learned. Two
    objects of one kind score alike; whoever looked at both at once would put one object half-way between them.

    A learned score finds the same early in training, and then may look past one kind of object whenever another has
    been painted, which nothing corrects: who does not look there does not see what it would gain (docs/history.md).

    With a `query`, what is looked for depends besides on what has been seen, and where. Then the softmax is over all
    cells: a query learns that it should have looked elsewhere from what little it has seen there.
    """

    places: Tensor

    def __init__(self, prior: Prior, camera: Camera, channels: int, hidden: int, query: bool):
        super().__init__()
        places = table_points(camera).clamp(prior.low[:2], prior.high[:2])
        places = prior.to_unit(F.pad(places, (0, 1)))[:, :2]
        self.register_buffer("places", places, persistent=False)
        self.query = Query(places, channels, hidden) if query else None

    def forward(
        self, contrast: Float[Tensor, "batch cell channel"], state: Float[Tensor, "batch hidden"]
    ) -> Float[Tensor, "batch cell"]:
        """How much each cell is looked at. The last channel of `contrast` is how much is unexplained there."""
        scores = SHARPNESS * contrast[..., -1]
        if self.query is not None:
            return (scores + self.query(contrast, state)).softmax(-1)
        best = self.places[scores.detach().argmax(-1)]
        near = (self.places - best[:, None]).square().sum(-1) < REACH**2
        return scores.masked_fill(~near, -torch.inf).softmax(-1)


class Query(nn.Module):
    """How well each cell fits what has been seen so far, and where. Before anything is learned, all do alike."""

    code: Tensor

    def __init__(self, places: Float[Tensor, "cell 2"], channels: int, hidden: int):
        super().__init__()
        self.register_buffer("code", waves(places), persistent=False)
        self.ask = nn.Linear(hidden, channels + self.code.shape[-1])
        nn.init.zeros_(self.ask.weight)
        nn.init.zeros_(self.ask.bias)

    def forward(
        self, contrast: Float[Tensor, "batch cell channel"], state: Float[Tensor, "batch hidden"]
    ) -> Float[Tensor, "batch cell"]:
        what, where = self.ask(state).split([contrast.shape[-1], self.code.shape[-1]], -1)
        return GAIN * (torch.einsum("bkc,bc->bk", contrast, what) + where @ self.code.T)


def waves(places: Float[Tensor, "cell 2"]) -> Float[Tensor, "cell 12"]:
    """A code for places on the table (shares of its sides) whose products with a query can say "here" or "not here"."""
    angles = torch.pi * torch.tensor([1.0, 2.0, 4.0]) * places[..., None]
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(1)

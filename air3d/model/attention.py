"""Where the network looks: at what the canvas leaves unexplained, or besides at what it has learned to look for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from air3d.model.encoder import table_points
from air3d.model.prior import Prior
from scenes.view import View

SHARPNESS = 2.0
"""Factor on what is unexplained, in standard deviations over the picture: the cells of an object share the attention,
and the bare table around it gets next to none."""

REACH = 0.15
"""How far around the best cell attention reaches, and how far from the attended place an object may stand, as a share
of the table."""

GAIN = 10.0
"""Factor on a query: what it has learned must outweigh what is unexplained within a few hundred steps."""

FAINT = 0.05
"""Share of the most that is unexplained anywhere from which on a cell belongs to a region."""

FREQUENCIES = (1.0, 2.0, 4.0)
"""Half waves along a side of the table."""

CODE = 4 * len(FREQUENCIES)
"""Length of a place's code: sine and cosine along both sides."""


class Attention(nn.Module):
    """A softmax over the cells around the best one, which is where most is unexplained: nothing in it is learned. Two
    objects of one kind score alike; whoever looked at both at once would put one object half-way between them.

    A learned score finds the same early in training, and then may look past one kind of object whenever another has
    been painted, which nothing corrects: who does not look there does not see what it would gain (docs/history.md).

    With a `query`, what is looked for depends besides on what has been seen, and where. Then the softmax is over all
    cells: a query learns that it should have looked elsewhere from what little it has seen there.
    """

    def __init__(self, channels: int, hidden: int, query: bool):
        super().__init__()
        self.query = Query(channels, hidden) if query else None

    def forward(
        self,
        contrast: Float[Tensor, "batch cell channel"],
        state: Float[Tensor, "batch hidden"],
        places: Float[Tensor, "#batch cell 2"],
    ) -> Float[Tensor, "batch cell"]:
        """How much each cell is looked at. The last channel of `contrast` is how much is unexplained there; `places`
        are the points on the table behind the cells, in shares of its sides (`table_shares`)."""
        scores = SHARPNESS * contrast[..., -1]
        if self.query is not None:
            return (scores + self.query(contrast, state, places)).softmax(-1)
        return within_reach(scores, places, scores.detach().argmax(-1))[0]

    def candidates(
        self,
        contrast: Float[Tensor, "batch cell channel"],
        places: Float[Tensor, "#batch cell 2"],
        number: int,
    ) -> list[Float[Tensor, "batch cell"]]:
        """So many places, each the best that is out of the reach of those before it."""
        scores, found = SHARPNESS * contrast[..., -1], []
        left = scores.detach()
        for _ in range(number):
            attention, near = within_reach(scores, places, left.argmax(-1))
            found.append(attention)
            left = left.masked_fill(near, -torch.inf)
        return found


def region(unexplained: Float[Tensor, "batch row column"]) -> Float[Tensor, "batch cell"]:
    """Even attention to the connected cells around the one where most is unexplained, up to half a side away. Their
    middle is about that of an object that stands alone, where the most striking cell is a label or the far end of a
    bottle."""
    flat = unexplained.flatten(1)
    best = flat.argmax(1)
    something = (unexplained >= FAINT * flat.amax(1)[:, None, None]).to(flat)[:, None]
    grown = torch.zeros_like(flat).scatter(1, best[:, None], 1.0).view_as(something)
    for _ in range(max(unexplained.shape[1:]) // 2):
        grown = F.max_pool2d(grown, 3, 1, 1) * something
    return grown.flatten(1) / grown.flatten(1).sum(1, keepdim=True)


def lengthwise(
    attention: Float[Tensor, "batch cell"], points: Float[Tensor, "#batch cell 2"]
) -> Float[Tensor, " batch"]:
    """The direction in which attended points of the table lie farthest apart, radians in (-pi/2, pi/2]."""
    middle = attended_place(attention, points)
    away = (points - middle[:, None]).expand(len(attention), -1, -1)
    xx, yy, xy = torch.einsum("bk,bkc->cb", attention, torch.cat([away.square(), away.prod(-1, keepdim=True)], -1))
    return 0.5 * torch.atan2(2 * xy, xx - yy)


def attended_place(
    attention: Float[Tensor, "batch cell"], places: Float[Tensor, "#batch cell 2"]
) -> Float[Tensor, "batch 2"]:
    """The mean of the cells' places, weighted by attention."""
    return attention @ places[0] if len(places) == 1 else torch.einsum("bk,bkc->bc", attention, places)


def within_reach(
    scores: Float[Tensor, "batch cell"], places: Float[Tensor, "#batch cell 2"], best: Int[Tensor, " batch"]
) -> tuple[Float[Tensor, "batch cell"], Bool[Tensor, "batch cell"]]:
    """Attention around the `best` cell, and which cells those are."""
    each = places.expand(len(scores), -1, -1)
    middle = each.gather(1, best[:, None, None].expand(-1, 1, 2))
    near = (each - middle).square().sum(-1) < REACH**2
    return scores.masked_fill(~near, -torch.inf).softmax(-1), near


class Query(nn.Module):
    """How well each cell fits what has been seen so far, and where. Before anything is learned, all do alike."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.ask = nn.Linear(hidden, channels + CODE)
        nn.init.zeros_(self.ask.weight)
        nn.init.zeros_(self.ask.bias)

    def forward(
        self,
        contrast: Float[Tensor, "batch cell channel"],
        state: Float[Tensor, "batch hidden"],
        places: Float[Tensor, "#batch cell 2"],
    ) -> Float[Tensor, "batch cell"]:
        what, where = self.ask(state).split([contrast.shape[-1], CODE], -1)
        code = waves(places)
        there = where @ code[0].T if len(code) == 1 else torch.einsum("bkc,bc->bk", code, where)
        return GAIN * (torch.einsum("bkc,bc->bk", contrast, what) + there)


def waves(places: Float[Tensor, "*batch cell 2"]) -> Float[Tensor, "*batch cell 12"]:
    """A code for places on the table (shares of its sides) whose products with a query can say "here" or "not here"."""
    angles = torch.pi * places.new_tensor(FREQUENCIES) * places[..., None]
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)


def table_shares(prior: Prior, view: View) -> Float[Tensor, "#batch cell 2"]:
    """The point on the table behind each cell, in shares of the prior's box; one row where all pictures share a
    camera."""
    points = table_points(view).clamp(prior.low[:2], prior.high[:2])
    return prior.to_unit(F.pad(points, (0, 1)))[..., :2]

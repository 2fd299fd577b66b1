"""Which of many possible objects stand on a table together: a beam search over sets of them.

Taken one at a time, the first is whatever hides most: a mug where a mug and a brick of the same colour stand in front
of each other. So several sets are kept, each with its canvas, and all grow by one object at a time (Lowerre 1976, "The
HARPY Speech Recognition System").
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from air3d.inference.refine import empty
from air3d.model.air import Air, Place
from air3d.model.footprints import Footprints
from scenes.objects import Objects

SQUEEZED = 0.01
"""How far the circles of two objects may overlap, metres: their places are not refined yet."""

Sets = list[tuple[int, ...]]
"""Sets of candidates by their rows, in the order in which they were found."""


@torch.no_grad()
def best_sets(
    model: Air,
    table: Place,
    candidates: Objects,
    beside: Bool[Tensor, "candidate candidate"],
    prices: Float[Tensor, " candidate"],
    sigma: float,
    most: int,
    width: int,
) -> Objects:
    """At most `width` sets of `most` objects or fewer that explain one picture best, less the price of each in nats;
    the best first, one set a row. `table`: the canvas without any of the candidates, which are rows of one object;
    `beside`: which of them can be there together."""
    sets: Sets = [()]
    least = model.prior.min_objects
    worth, canvases = prices.new_zeros(1), table.before
    found: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for size in range(1, most + 1):
        here = several(table, canvases)
        gained = model.gains(here, in_rows(candidates, len(sets)), [sigma])[0] - prices
        free = torch.stack([beside[list(each)].all(0) for each in sets])
        sets, worth, grown = extended(sets, worth[:, None] + gained.masked_fill(~free, -torch.inf), width)
        if not sets:
            break
        last = candidates[torch.tensor([each[-1] for each in sets], device=prices.device)]
        canvases = model.paint(several(table, canvases[grown]), last, sigma).canvas
        better = worth[0] > max(found)[0]
        found += zip(worth.tolist(), sets, strict=True)
        if size >= least and not better:
            break
    chosen = sorted(found, key=lambda each: (len(each[1]) < least, -each[0]))[:width]
    return as_objects(candidates, [each for _, each in chosen], most)


def extended(
    sets: Sets, worth: Float[Tensor, "set candidate"], width: int
) -> tuple[Sets, Float[Tensor, " larger"], Int[Tensor, " larger"]]:
    """The best `width` sets of one object more, none twice; what each is worth, and the row of the set it grew from."""
    grown: dict[frozenset[int], tuple[tuple[int, ...], float, int]] = {}
    order = worth.flatten().topk(min(worth.numel(), width * (len(sets[0]) + 1)))
    for value, index in zip(order.values.tolist(), order.indices.tolist(), strict=True):
        row, candidate = divmod(index, worth.shape[1])
        larger = (*sets[row], candidate)
        if value > -torch.inf:
            grown.setdefault(frozenset(larger), (larger, value, row))
    best = list(grown.values())[:width]
    rows = torch.tensor([row for *_, row in best], dtype=torch.long, device=worth.device)
    return [each for each, *_ in best], worth.new_tensor([value for _, value, _ in best]), rows


def possible_beside(
    footprints: Footprints, candidates: Objects, kinds: Int[Tensor, " identity"] | None = None
) -> Bool[Tensor, "candidate candidate"]:
    """Whether two candidates can stand on the table at once. `kinds`: the mesh of each identity, where every mesh is
    there at most once."""
    number = len(candidates.identity)
    one = torch.arange(number, device=candidates.identity.device).repeat_interleave(number)
    other = one.view(number, number).mT.flatten()
    identity, place = candidates.identity[:, 0], candidates.position[:, 0, :2]
    apart = footprints.apart(identity[one], place[one], identity[other], place[other], SQUEEZED)
    if kinds is not None:
        apart = apart & (kinds[identity[one]] != kinds[identity[other]])
    return apart.view(number, number)


def several(table: Place, canvases: Tensor) -> Place:
    """The same picture with each of these canvases."""
    rows = len(canvases)
    pictures = table.pictures.expand(rows, *table.pictures.shape[1:])
    return replace(table, before=canvases, pictures=pictures, view=table.view.repeat(rows))


def in_rows(candidates: Objects, rows: int) -> Objects:
    """All candidates as the objects of each of so many pictures."""
    return candidates.each(lambda _, array: array.flatten(0, 1)[None].expand(rows, *array.flatten(0, 1).shape))


def as_objects(candidates: Objects, sets: Sets, slots: int) -> Objects:
    """Sets as rows of present objects, absent ones after them."""
    objects = empty(len(sets), slots, candidates.identity.device)
    for row, each in enumerate(sets):
        which = list(each)
        for name in ("identity", "position", "rotation", "presence"):
            getattr(objects, name)[row, : len(which)] = getattr(candidates, name)[which, 0]
    return objects

"""The beam search against every set that there is."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.inference.beam import as_objects, best_sets, extended, possible_beside
from air3d.inference.scan import Grid, scanned
from air3d.model.air import Air, Place
from scenes.objects import Objects
from scenes.view import View

SIGMA, PRICE = 0.3, 15.0


def table_of(model: Air, pictures: Tensor, view: View, row: int) -> Place:
    here = slice(row, row + 1)
    return Place(model.blank(view[here]).canvas, pictures[here], view[here], told=False)


def worth(model: Air, table: Place, candidates: Objects, rows: tuple[int, ...]) -> float:
    """What a set explains, less its price, painted one after the other."""
    canvas, gained = table.before, 0.0
    for row in rows:
        place = Place(canvas, table.pictures, table.view, told=False)
        one = candidates[torch.tensor([row])]
        gained += model.gains(place, one, [SIGMA])[0].item() - PRICE
        canvas = model.paint(place, one, SIGMA).canvas
    return gained


def described(objects: Objects, number: int) -> set[tuple[float, ...]]:
    rows = range(number)
    return {(objects.identity[0, row].item(), *objects.position[0, row].tolist()) for row in rows}


@pytest.mark.parametrize("least", [0, 1])
def test_it_finds_the_best_of_all_sets(tmp_path: Path, least: int) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=48", f"scene.min_objects={least}")
    pictures, view, _ = example(run, 5, seed=4)
    grid = Grid(run.scene.catalogue, run.model.prior.low, run.model.prior.high)
    for row in range(5):
        table = table_of(run.model, pictures, view, row)
        candidates = scanned(run.model, grid, table, SIGMA, 2)
        number = len(candidates.identity)
        beside = possible_beside(run.model.posterior.footprints, candidates)
        every = [
            rows
            for size in range(least, 4)
            for rows in combinations(range(number), size)
            if all(beside[a, b] for a, b in combinations(rows, 2))
        ]
        best = max(every, key=lambda rows: worth(run.model, table, candidates, rows))
        prices = torch.full((number,), PRICE)
        found = best_sets(run.model, table, candidates, beside, prices, SIGMA, 3, 40)
        expected = as_objects(candidates, [best], 3)
        assert len(found.identity) > 1 or not (found.presence > 0.5).any(), "and the next best after it"
        there = found.presence[0] > 0.5
        assert there.sum() == len(best) >= least
        assert described(found[:1], len(best)) == described(expected, len(best))


def test_one_at_a_time_takes_what_hides_most(tmp_path: Path) -> None:
    """A wide beam explains at least as much as a narrow one, and of these tables more."""
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=48", "scene.table=[0.4,0.4]", "scene.tries=1000")
    pictures, view, _ = example(run, 8, seed=2, count=2)
    grid, gained = Grid(run.scene.catalogue, run.model.prior.low, run.model.prior.high), {1: [], 24: []}
    for row in range(8):
        table = table_of(run.model, pictures, view, row)
        candidates = scanned(run.model, grid, table, SIGMA, 4)
        prices = torch.full((len(candidates.identity),), PRICE)
        beside = possible_beside(run.model.posterior.footprints, candidates)
        for width, values in gained.items():
            sets = best_sets(run.model, table, candidates, beside, prices, SIGMA, 3, width)
            picture = run.renderer.render(sets[0], view[row : row + 1])
            values.append(
                (picture - table.pictures).square().sum().item() / (2 * SIGMA**2) + PRICE * sets[0].count.item()
            )
    assert all(wide <= narrow + 1e-2 for narrow, wide in zip(gained[1], gained[24], strict=True))
    assert sum(gained[24]) < sum(gained[1])


def test_no_set_grows_twice_into_the_same() -> None:
    sets, worth_of, grown = extended([(0,), (1,)], torch.tensor([[-torch.inf, 5.0, 1.0], [5.0, -torch.inf, 2.0]]), 3)
    assert sets == [(0, 1), (1, 2), (0, 2)] and worth_of.tolist() == [5.0, 2.0, 1.0] and grown.tolist() == [0, 1, 0]
    assert extended([()], torch.full((1, 2), -torch.inf), 3)[0] == []


def test_what_overlaps_cannot_stand_together(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    position = torch.tensor([[[0.0, 0.0, 0.0]], [[0.05, 0.0, 0.0]], [[0.3, 0.0, 0.0]]])
    plates = Objects(torch.zeros(3, 1).long(), position, torch.zeros(3, 1), torch.ones(3, 1))
    beside = possible_beside(run.model.posterior.footprints, plates)
    assert beside.tolist() == [[False, False, True], [False, False, True], [True, True, False]]
    kinds = torch.tensor([0, 1, 2, 3])
    assert not possible_beside(run.model.posterior.footprints, plates, kinds).any(), "no mesh twice"

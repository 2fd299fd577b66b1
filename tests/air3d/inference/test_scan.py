"""The scan: a pose near every object, and no more than its own."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from small_runs import example, small_run

from air3d.inference.scan import PITCH, Grid, middles, reach, scanned, summits, yaws_of
from air3d.model.air import Place


def test_summits_of_a_literal_map() -> None:
    """Two places that stand out, one of them in two yaws, and a slope between."""
    explained = torch.zeros(1, 5, 4)
    explained[0, 0] = torch.tensor([5.0, 2.0, 4.0, 1.0])
    explained[0, 1] = 4.5  # the slope of the first
    explained[0, 3] = torch.tensor([2.0, 3.0, 1.0, 0.5])
    explained[0, 4, 1] = 2.0
    found = summits(explained)
    assert (found > -torch.inf).nonzero().tolist() == [[0, 0, 0], [0, 0, 2], [0, 3, 1]]
    assert found[0, 0, 2] == 4.0


def test_all_of_the_table_and_of_the_circle_is_tried() -> None:
    assert middles(0.0, 1.0, 0.3).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert middles(0.2, 0.2, 0.3).tolist() == [torch.tensor(0.2).item()]
    assert len(yaws_of(1)) == 12 and len(yaws_of(0)) == 1 and len(yaws_of(4)) == 3
    torch.testing.assert_close(yaws_of(4).diff(), torch.full((2,), math.pi / 6))


def test_one_of_its_poses_is_near_each_object(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=48")
    catalogue, prior = run.scene.catalogue, run.model.prior
    grid = Grid(catalogue, prior.low, prior.high)
    for identity, mesh in enumerate(catalogue.meshes):
        places = grid.places[identity]
        assert (places[1:, :, 0] - places[:-1, :, 0]).amax() <= PITCH * reach(mesh) + 1e-6
        assert grid.poses(identity).slots == places[..., 0].numel() * len(grid.yaws[identity])
    pictures, view, truth = example(run, 6, seed=3, count=2)
    for picture in range(6):
        here = slice(picture, picture + 1)
        table = Place(run.model.blank(view[here]).canvas, pictures[here], view[here], told=False)
        tried = scanned(run.model, grid, table, 0.3, 4)
        assert tried.identity[:, 0].bincount().max() <= 4
        for slot in range(2):
            same = tried.identity[:, 0] == truth.identity[picture, slot]
            away = (tried.position[same, 0] - truth.position[picture, slot]).norm(dim=-1)
            assert away.min() < 0.06

"""What a panel shows where."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from air3d.inference.greedy import Inference
from air3d.report.panels import EMPTY, SCALE, cell_corner, draw_panel, save_panel
from renderers.convert import to_torch
from scenes.objects import Objects

HEIGHT, WIDTH = 8, 10


def inference(counts: list[int], canvases: list[torch.Tensor]) -> Inference:
    """Mugs and plates in turn, as many as the counts say."""
    objects = Objects.empty(len(counts), 3)
    objects.identity[:] = (0, 1, 0)
    objects.presence[:] = np.arange(3) < np.array(counts)[:, None]
    return Inference(to_torch(objects), canvases, torch.full((len(counts), 3), 0.75), [], [])


@pytest.fixture
def panel():
    """Two scenes, of two objects and of none, every canvas in a grey of its own."""
    images = torch.rand(2, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(0))
    canvases = [torch.full_like(images, 0.1 * step) for step in (0, 1, 2, 2)]
    answer = inference([2, 0], canvases)
    return images, canvases, np.asarray(draw_panel(images, answer, answer.objects, ["mug", "plate"]))


def cell(panel: np.ndarray, row: int, column: int) -> np.ndarray:
    x, y = cell_corner(row, column, HEIGHT, WIDTH)
    return panel[y : y + HEIGHT * SCALE, x : x + WIDTH * SCALE]


def pixels(image: torch.Tensor) -> np.ndarray:
    return (image.numpy() * 255).round().astype(np.uint8).repeat(SCALE, 0).repeat(SCALE, 1)


def test_every_cell_is_where_it_should_be(panel):
    images, canvases, drawn = panel
    for row in (0, 1):
        np.testing.assert_array_equal(cell(drawn, row, 0), pixels(images[row]))
    np.testing.assert_array_equal(cell(drawn, 0, 1), pixels(canvases[1][0]))
    np.testing.assert_array_equal(cell(drawn, 0, 2), pixels(canvases[2][0]))
    np.testing.assert_array_equal(cell(drawn, 0, 3), pixels((images[0] - canvases[2][0]).abs()))
    for column in (1, 2):  # no object was painted in the second scene
        assert (cell(drawn, 1, column) == EMPTY).all()
    np.testing.assert_array_equal(cell(drawn, 1, 3), pixels((images[1] - canvases[3][1]).abs()))


def test_captions_stay_out_of_the_cells_and_tell_a_wrong_count(panel):
    images, canvases, drawn = panel
    x, y = cell_corner(0, 0, HEIGHT, WIDTH)
    assert (drawn[y + HEIGHT * SCALE : cell_corner(1, 0, HEIGHT, WIDTH)[1], x : x + 100] < 128).any()
    right, wrong = inference([2, 0], canvases), inference([1, 0], canvases)
    red = np.asarray(draw_panel(images, wrong, right.objects, ["mug", "plate"])).astype(int)
    assert ((red[..., 0] - red[..., 1] > 100) & (red[..., 2] < 100)).any()
    assert not ((drawn.astype(int)[..., 0] - drawn[..., 1] > 100) & (drawn[..., 2] < 100))[y + HEIGHT * SCALE :, x:][
        : 2 * SCALE
    ].any()


def test_panel_is_written_whole_and_limited_in_rows(panel, tmp_path):
    images, canvases, _ = panel
    save_panel(tmp_path / "panels" / "step_000500.png", images, inference([2, 0], canvases), None, ["mug", "plate"], 1)
    assert [path.name for path in (tmp_path / "panels").iterdir()] == ["step_000500.png"]
    assert Image.open(tmp_path / "panels" / "step_000500.png").size == cell_corner(1, 4, HEIGHT, WIDTH)

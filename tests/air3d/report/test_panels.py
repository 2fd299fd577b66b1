"""What a panel shows where, and that every plot can be drawn from what an evaluation gives it."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from air3d import plots
from air3d.files import atomic, write_json
from air3d.inference.greedy import Inference
from air3d.report.panels import EMPTY, SCALE, cell_corner, draw_panel, save_panel
from renderers.convert import to_torch
from scenes.objects import Objects

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "plot_learning_curve.py"
HEIGHT, WIDTH = 8, 10


def inference(counts: list[int], canvases: list[torch.Tensor]) -> Inference:
    """Mugs and plates in turn, as many as the counts say."""
    objects = Objects.empty(len(counts), 3)
    objects.identity[:] = (0, 1, 0)
    objects.presence[:] = np.arange(3) < np.array(counts)[:, None]
    return Inference(to_torch(objects), canvases, torch.full((len(counts), 3), 0.75))


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


def test_atomic_keeps_the_old_file_when_writing_fails(tmp_path):
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": np.float32(1), 3: (np.arange(2), torch.tensor([True]))})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": None, "y": 1.0, "3": [[0, 1], [True]]}
    with pytest.raises(RuntimeError), atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text().startswith("{")


def test_plots_can_be_drawn_from_nothing_and_from_something(tmp_path):
    rows = [{"step": s, "perf/minutes": s / 60, "val/count_accuracy": s / 100} for s in range(0, 100, 10)]
    rows.append({"step": 100, "train/elbo": 1.0})  # not every row has every metric
    plots.learning_curve(tmp_path / "curve.png", {"seed 0": rows, "nothing yet": []}, goal=0.95)
    plots.count_accuracy_by_count(tmp_path / "by.png", {"air": {"0": 1.0, "10": 0.5, "2": None}}, range(4))
    plots.count_accuracy_by_count(tmp_path / "none.png", {"air": {}})
    plots.count_confusion(tmp_path / "confusion.png", [[3, 1], [0, 0]])
    plots.position_error_histogram(tmp_path / "error.png", np.array([0.01, 0.02, 0.9, np.nan]), 0.05)
    plots.position_error_histogram(tmp_path / "no_error.png", np.array([]), 0.05)
    assert len({path.name for path in tmp_path.iterdir() if Image.open(path).size[0] > 100}) == 6


def test_learning_curve_script(tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.jsonl").write_text('{"step": 1, "perf/minutes": 0.5, "val/count_accuracy": 0.25}\n')
    (run / "config.yaml").write_text("seed: 3\n")
    script = runpy.run_path(str(SCRIPT))
    assert script["label"](run) == "run, seed 3"
    assert script["main"]([str(run), f"out={tmp_path / 'curve.png'}", "goal=0.95"]) == 0
    assert Image.open(tmp_path / "curve.png").size[0] > 100
    for words in ([str(tmp_path), "out=x.png"], [str(run)], [str(run), "out=x.png", "colour=red"]):
        with pytest.raises(SystemExit) as left:
            script["main"](words)
        assert left.value.code == 2
    assert "colour" in capsys.readouterr().err and sys.path[0]

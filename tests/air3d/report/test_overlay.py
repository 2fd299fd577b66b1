"""Overlays: outlines lie where the objects are, on pictures of any size, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import example, small_run

from air3d.report.overlay import draw_overlay, outline, overlay, resized
from renderers.convert import to_numpy, to_torch
from renderers.visibility import owned_pixels
from scenes.photographs import read_photograph


@pytest.mark.parametrize("size", [(32, 32), (96, 160)])
def test_outlines_follow_what_the_camera_sees(tmp_path: Path, size: tuple[int, int]) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    _, view, truth = (to_numpy(each) if index else each for index, each in enumerate(example(run, 4, count=2)))
    for row in range(4):
        objects, seen = truth[row], resized(view[row], *size)
        drawn = np.asarray(draw_overlay(Image.new("RGB", size[::-1]), objects, seen, run.renderer, [""] * 3))
        owned = owned_pixels(run.renderer, to_torch(objects), to_torch(seen))[0].numpy()
        edges = np.array([np.asarray(outline(mask, 1)) > 0 for mask in owned]).any(0)
        assert np.array_equal(drawn.any(-1), edges) and edges.any()
        places = run.scene.camera.to_pixels(run.scene.camera.project(objects.position[0, :2].astype(float)))
        for (column, line), mask in zip((places + 0.5) * [size[1] / 32, size[0] / 32], owned, strict=False):
            lines, columns = mask.nonzero()
            reach = max(size) / 10  # the base point may be hidden, and lies in or just below what is seen
            assert columns.min() - reach < column < columns.max() + reach
            assert lines.min() - reach < line < lines.max() + reach


def test_a_picture_is_drawn_on_at_its_own_size_and_stays_as_it_is(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    _, view, truth = (to_numpy(each) if index else each for index, each in enumerate(example(run, 1, count=3)))
    labels = ["cup 99%", "plate 80%", "bowl 70%"]

    def drawn(size: tuple[int, int], colour: tuple[int, int, int] = (90, 60, 30)) -> np.ndarray:
        given = Image.new("RGB", size, colour)
        shown = overlay(read_photograph(given, 32, 32), truth, view, run.renderer, labels)
        assert given.getcolors() == [(size[0] * size[1], colour)]
        return np.asarray(shown)

    whole = drawn((320, 320))
    assert whole.shape == (320, 320, 3) and 0.005 < (whole != (90, 60, 30)).any(-1).mean() < 0.5
    assert drawn((40, 40)).shape == (320, 320, 3)  # nobody sees anything at 40
    wide = drawn((640, 320))
    assert wide.shape == (320, 640, 3) and (wide[:, :140] == (90, 60, 30)).all()
    truth.presence[:] = False
    assert (drawn((320, 320)) == (90, 60, 30)).all()


def test_what_is_found_in_the_middle_is_drawn_there(tmp_path: Path) -> None:
    """The outlines on a wide picture are those on its middle."""
    run = small_run(tmp_path, "scene=tabletop")
    _, view, truth = (to_numpy(each) if index else each for index, each in enumerate(example(run, 1, count=1)))
    square, wide = (
        np.asarray(overlay(read_photograph(Image.new("RGB", size), 32, 32), truth, view, run.renderer, [""] * 3))
        for size in ((400, 400), (600, 400))
    )
    one, other = square.any(-1), wide.any(-1)[:, 100:500]
    assert one.any() and (one != other).mean() < 0.01

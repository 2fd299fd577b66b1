"""What is looked at while training: pictures are rendered a few at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import small_run

from air3d.training import validation
from air3d.training.tracking import Tracker
from renderers.base import Renderer


def test_validation_pictures_are_rendered_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """renderer=reference would need gigabytes for all 256 of them: its memory grows with their number."""
    run = small_run(tmp_path, "trainer.validation_scenes=7")
    monkeypatch.setattr(validation, "CHUNK", 3)
    batches, render = [], Renderer.render

    def watched(renderer, objects, view):
        batches.append(len(objects))
        return render(renderer, objects, view)

    monkeypatch.setattr(Renderer, "render", watched)
    seen = validation.Validation(run, tmp_path, Tracker(tmp_path, {}, "disabled"))
    assert batches == [3, 3, 1] and len(seen.pictures) == len(seen.view) == 7

"""train.py: what it refuses to learn. Trainings themselves: tests/air3d/training."""

from __future__ import annotations

from pathlib import Path

import pytest

from air3d import cli
from air3d.programs import train
from scenes.errors import UserError


def test_optimisation_learns_nothing_and_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="evaluate run=RUN_DIR model=direct"):
        train.main(cli.compose("train", ["model=direct", f"run_dir={tmp_path / 'run'}"]))
    assert not (tmp_path / "run").exists()

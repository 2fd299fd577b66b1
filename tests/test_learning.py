"""It learns. Without a label, from nothing, in a minute or two: one object found and told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from air3d import cli
from air3d.checkpoint import build
from air3d.config import Config, typed
from air3d.tracking import Tracker
from air3d.training import Trainer


@pytest.mark.slow
def test_single_object_from_nothing_to_found(tmp_path: Path) -> None:
    options = ["scene=single_object", "trainer.steps=300", "trainer.validate_every=100", f"run_dir={tmp_path}"]
    config = typed(cli.compose("train", options), Config)
    torch.manual_seed(config.seed)
    Trainer(build(config), tmp_path, Tracker(tmp_path, config.plain(), "disabled")).fit()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    found = [row["val/found"] for row in rows if "val/found" in row]
    assert found[0] < 0.3, "nothing is known before training"
    assert found[-1] >= 0.9

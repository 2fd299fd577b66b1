"""It learns. Without a label, in less than a minute or two: one object found, told apart and placed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from air3d import cli
from air3d.training.config import Config
from air3d.training.run import build
from air3d.training.tracking import Tracker
from air3d.training.trainer import Trainer


@pytest.mark.parametrize(
    ("size", "steps"), [(32, 110), pytest.param(64, 150, marks=pytest.mark.slow)], ids=["small", "as_shipped"]
)
def test_single_object_is_learned_without_a_label(tmp_path: Path, size: int, steps: int) -> None:
    """An untrained network already looks at what is unexplained, so finding within 5 cm alone would show little."""
    few = [f"trainer.validate_every={steps}", "trainer.validation_scenes=128"]
    words = ["scene=single_object", f"scene.image_size={size}", f"trainer.steps={steps}", *few, f"run_dir={tmp_path}"]
    config = cli.typed(cli.compose("train", words), Config)
    torch.manual_seed(config.seed)
    Trainer(build(config), tmp_path, Tracker(tmp_path, config.plain(), "disabled")).fit()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    before, *_, after = (row for row in rows if "val/detection_rate" in row)
    assert before["val/identity_accuracy"] < 0.6 and before["val/position_error_median_m"] > 0.02
    assert after["val/detection_rate"] >= 0.98 and after["val/identity_accuracy"] >= 0.98
    assert after["val/position_error_median_m"] < 0.01

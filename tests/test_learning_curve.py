"""The script that draws learning curves."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "plot_learning_curve.py"


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

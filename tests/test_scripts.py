"""Scripts for pictures of the docs and for releasing a network."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from evaluating import evaluate
from PIL import Image
from small_runs import small_config, untrained

from air3d.training.checkpoint import load_run

ROOT = Path(__file__).resolve().parents[1]


def script(name: str) -> dict:
    return runpy.run_path(str(ROOT / "scripts" / f"{name}.py"))


def test_the_picture_of_the_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["plot_axes.py", str(tmp_path / "axes.png")])
    script("plot_axes")["main"]()
    assert Image.open(tmp_path / "axes.png").size == Image.open(ROOT / "docs/figures/axes.png").size


def test_a_released_network_is_the_trained_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its numbers, and without a word about the machine it was trained on."""
    learned_from = f"data={tmp_path / 'photos'}", f"init={tmp_path / 'other'}"
    config = small_config(tmp_path / "run", "scene.image_size=16", *learned_from)
    run_dir, out = untrained(tmp_path / "run", config), tmp_path / "out"
    release = script("release")["release"]

    def evaluated(command: list[str], **_: object) -> None:
        assert command[1] == "evaluate.py" and "scenes=1000" in command
        evaluate(*(word for word in command[2:] if word != "scenes=1000"), "scenes=4")

    monkeypatch.setitem(release.__globals__, "subprocess", type("Programs", (), {"run": staticmethod(evaluated)}))
    release(run_dir, out)
    assert {"model.safetensors", "config.yaml", "metrics.json"} <= {path.name for path in out.iterdir()}
    assert str(tmp_path) not in (out / "config.yaml").read_text()
    before, after = (load_run(folder).model.state_dict() for folder in (run_dir, out))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert json.loads((out / "metrics.json").read_text())["scenes"] == 4

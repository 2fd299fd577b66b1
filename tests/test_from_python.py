"""The programs as functions: train, resume, evaluate, generate; also in a thread, and inside another Hydra program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import air3d
from air3d.programs.from_python import as_word, as_words
from air3d.training.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "scene": {"image_size": 16},
    "trainer": {"batch": 2, "steps": 2, "validation_scenes": 2},
    "gradient": {"samples": 2},
    "logger": {"mode": "disabled"},
}


def test_settings_become_words() -> None:
    given = {"scene": "tabletop", "trainer": {"steps": 5, "minutes": None}, "counts": [0, 1], "data": Path("a b,c")}
    words = ["scene=tabletop", "trainer.steps=5", "trainer.minutes=null", "counts=[0,1]", "data='a b,c'"]
    assert list(as_words(given)) == words
    assert [as_word(value) for value in (True, 1e-3, "it's")] == ["true", "0.001", "'it\\'s'"]


def test_a_training_goes_on_and_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = air3d.train("scene=tabletop", run_dir=tmp_path / "a, run", **TINY)
    assert run_dir == tmp_path / "a, run" and load_checkpoint(run_dir / "last.pt")["step"] == 2
    assert air3d.resume(run_dir, trainer={"steps": 3}) == run_dir
    assert load_checkpoint(run_dir / "last.pt")["step"] == 3
    with pytest.raises(air3d.UserError, match="resume= keeps a run's settings, so seed=3"):
        air3d.resume(run_dir, seed=3)
    metrics = air3d.evaluate(run_dir, scenes=4)
    stored = json.loads((run_dir / "evaluation" / "metrics.json").read_text())
    assert metrics["count_accuracy"] == stored["count_accuracy"]


def test_a_data_set_in_a_thread(tmp_path: Path) -> None:
    done: list[Path] = []
    thread = threading.Thread(target=lambda: done.append(air3d.generate(tmp_path / "set", "scene=tabletop", scenes=2)))
    thread.start()
    thread.join()
    assert done == [tmp_path / "set"] and len(json.loads((tmp_path / "set/scenes.json").read_text())["scenes"]) == 2


def test_a_training_in_a_thread(tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: air3d.train("scene=tabletop", run_dir=tmp_path / "run", **TINY))
    thread.start()
    thread.join()
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 2


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(air3d.UserError, match="there is no setting scne; did you mean scene"):
        air3d.train(scne="tabletop")
    with pytest.raises(air3d.UserError, match="is not a run"):
        air3d.evaluate(tmp_path / "nothing")


def test_inside_another_hydra_program(tmp_path: Path) -> None:
    """Its own configuration stays what it was."""
    (tmp_path / "theirs.yaml").write_text("sets: 2\n")
    (tmp_path / "theirs.py").write_text(
        "import air3d, hydra\nfrom hydra.core.hydra_config import HydraConfig\n"
        "@hydra.main(version_base=None, config_path='.', config_name='theirs')\n"
        "def main(config):\n"
        f"    out = air3d.generate({str(tmp_path / 'set')!r}, 'scene=tabletop', scenes=config.sets)\n"
        "    print(out, HydraConfig.get().job.config_name, hydra.compose('theirs').sets)\n"
        "main()\n"
    )
    command = [sys.executable, "theirs.py", "sets=3", "hydra.run.dir=."]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.splitlines()[-1] == f"{tmp_path / 'set'} theirs 2", done.stderr
    assert len(json.loads((tmp_path / "set/scenes.json").read_text())["scenes"]) == 3

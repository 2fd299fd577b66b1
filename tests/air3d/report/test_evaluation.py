"""What an evaluation writes down: metrics, records, pictures, and a table to read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from cheating import judged
from PIL import Image

from air3d.report.evaluation import table, write_evaluation
from air3d.report.records import read_csv
from scenes.scene import Scene, SceneConfig


def test_what_is_written(tmp_path: Path) -> None:
    scene = Scene(SceneConfig(image_size=32))
    scenes, oracle, evaluation = judged(scene)
    truth, names = scenes.truth, scene.catalogue.names
    write_evaluation(tmp_path, evaluation, oracle, scenes, scene.catalogue, range(4), {"seed": 0})
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["seed"] == 0 and written["count_accuracy"] == evaluation.metrics["count_accuracy"]
    pictures = {path.name for path in tmp_path.glob("*.png") if Image.open(path).size[0] > 100}
    drawn = ("count_confusion", "count_accuracy_by_count", "position_error", "examples", "best", "median", "worst")
    assert pictures == {f"{name}.png" for name in drawn}
    calls, kept = oracle.calls, replace(evaluation, found=oracle(scenes.images, scenes.view))
    write_evaluation(tmp_path / "kept", kept, oracle, scenes, scene.catalogue)
    assert oracle.calls == calls + 1, "what was kept is not explained again"
    for name in ("examples", "worst"):
        assert (tmp_path / "kept" / f"{name}.png").read_bytes() == (tmp_path / f"{name}.png").read_bytes()
    rows, objects = (read_csv(tmp_path / name) for name in ("scenes.csv", "objects.csv"))
    assert [int(row["objects"]) for row in rows] == truth.count.tolist()
    assert [row["scene"] for row in rows if row["objects"] != row["inferred"]] == ["0"]
    assert len(objects) == truth.count.sum() and all(row["object"] == row["inferred"] for row in objects)
    assert {round(float(row["distance_m"]), 6) for row in objects} == {0.01}
    turned = [row["rotation_error_deg"] for row in objects if row["object"] in ("mug", "saucepan")]
    assert turned and max(map(float, turned)) < 1e-3
    assert {row["rotation_error_deg"] for row in objects if row["object"] in ("plate", "bowl")} <= {""}
    assert all((row["object"] == names[2]) == (row["rotation_visible"] == "1") for row in objects)
    lines = table(evaluation.metrics).splitlines()
    assert lines[0].split()[-5:] == ["all", "0", "1", "2", "3"] and len({len(line) for line in lines}) == 1
    assert next(line for line in lines if line.startswith("count accuracy")).split()[2:4] == ["90.0%", "66.7%"]

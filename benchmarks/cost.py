"""What a training step costs: seconds and megabytes against side, entries and triangles. ``python benchmarks/cost.py``.

Each point is a training of its own of ``scene=meshes``, in a process of its own, with as many bumpy balls as the
catalogue has entries. Settings after the options go to all of them: ``python benchmarks/cost.py trainer.batch=8``.
"""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import trimesh

from air3d import cli
from air3d.files import write_json
from air3d.training.config import Config
from air3d.training.run import build
from air3d.training.tracking import Tracker
from air3d.training.trainer import Trainer

BASE = {"side": 96, "entries": 12, "triangles": 500}
SWEEPS = {"side": (64, 96, 128, 256), "entries": (4, 12, 20, 40), "triangles": (125, 250, 500, 1000)}
STEPS, WARM = 6, 4  # measured; and before, until compiled and no longer asking for memory
MEGABYTE = 2**20


def write_balls(folder: Path, entries: int) -> None:
    """So many coloured bumpy balls of 5,120 triangles and 6 to 16 cm, none like another and none symmetric."""
    for i in range(entries):
        rng = np.random.default_rng(i)
        ball = trimesh.creation.icosphere(4)
        bumps = 1 + 0.25 * np.sin(ball.vertices @ rng.normal(0, 3, (3, 3)) + rng.uniform(0, 6, 3)).mean(1)
        ball.vertices *= bumps[:, None] * rng.uniform(0.03, 0.08, 3)
        # two colours, cut by a plane: yaw shows, and the loader need not divide triangles
        side = ball.vertices @ rng.normal(0, 1, 3) > 0
        ball.visual.vertex_colors = (255 * rng.uniform(0.1, 0.9, (2, 3)))[side.astype(int)].astype(np.uint8)
        ball.export(folder / f"ball{i:02}.ply")


def measure(point: dict[str, int], settings: list[str]) -> dict[str, float]:
    """Seconds a step and the process's peak of memory in megabytes, of a training at its beginning."""
    with tempfile.TemporaryDirectory() as name:
        meshes, folder = Path(name, "meshes"), Path(name, "run")
        meshes.mkdir()
        folder.mkdir()
        write_balls(meshes, point["entries"])
        scene = [f"scene.meshes={meshes}", f"scene.image_size={point['side']}", f"scene.triangles={point['triangles']}"]
        words = ["scene=meshes", *scene, "logger.mode=disabled", f"run_dir={folder}", *settings]
        config = cli.typed(cli.compose("train", words), Config)
        trainer = Trainer(build(config), folder, Tracker(folder, config.plain(), "disabled"))
        for _ in range(WARM):
            trainer.train_step()
        start = time.perf_counter()
        for _ in range(STEPS):
            trainer.train_step()
        seconds = (time.perf_counter() - start) / STEPS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": round(seconds, 3), "megabytes": round(peak / MEGABYTE)}


def in_a_process(point: dict[str, int], settings: list[str]) -> dict[str, float]:
    """``measure`` where nothing else has asked for memory before."""
    command = [sys.executable, __file__, "--point", json.dumps(point), *settings]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {point}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """One line for each point; with ``--out`` the same as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sweeps", nargs="*", default=list(SWEEPS), choices=list(SWEEPS), help="what to vary")
    parser.add_argument("--out", type=Path, default=None, help="JSON file")
    parser.add_argument("--point", type=json.loads, default=None, help=argparse.SUPPRESS)
    options, settings = parser.parse_known_args()
    if options.point:
        print(json.dumps(measure(options.point, settings)))
        return
    sweeps = [{**BASE, name: value} for name in options.sweeps for value in SWEEPS[name]]
    points = [BASE, *(point for point in sweeps if point != BASE)]
    print(*(f"{name:>10}" for name in (*BASE, "s a step", "MB")))
    lines = []
    for point in points:
        lines.append({**point, **in_a_process(point, settings)})
        print(*(f"{value:>10}" for value in lines[-1].values()), flush=True)
    if options.out:
        write_json(options.out, lines)


if __name__ == "__main__":
    main()

"""Hand on a trained network: ``python scripts/release.py RUN_DIR OUT``.

OUT gets model.safetensors (weights alone, a megabyte or two), config.yaml without the paths of this machine,
catalogue.npz where it was trained on somebody's meshes, and metrics.json, from 1000 held-out scenes, which
``python evaluate.py run=OUT`` gives again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from air3d.cli import one_line
from air3d.training.checkpoint import RELEASED, keep_catalogue, load_run, save_config, save_weights
from air3d.training.config import Config

ROOT = Path(__file__).resolve().parents[1]


def release(run_dir: Path, out: Path) -> None:
    """Write the files."""
    run = load_run(run_dir)
    out.mkdir(parents=True, exist_ok=True)
    save_config(unplaced(run.config, out.name), out)
    save_weights(out / RELEASED, run)
    keep_catalogue(run, out)
    shown = out.relative_to(ROOT) if out.is_relative_to(ROOT) else out  # it is written down in metrics.json
    command = [sys.executable, "evaluate.py", f"run={shown}", "scenes=1000", f"out={out / 'evaluation'}"]
    subprocess.run(command, cwd=ROOT, check=True)
    (out / "evaluation" / "metrics.json").replace(out / "metrics.json")


def unplaced(config: Config, name: str) -> Config:
    """The configuration without the paths of this machine: of what was learned from, the last names alone."""
    given = config.data.folder, config.init, config.scene.meshes
    folder, init, meshes = (where and Path(where).name for where in given)
    data, scene = replace(config.data, folder=folder), replace(config.scene, meshes=meshes)
    return replace(config, data=data, scene=scene, init=init, run_dir=f"runs/{name}", resume=None, device="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("out", type=Path)
    words = parser.parse_args()
    one_line(lambda: release(words.run_dir.resolve(), words.out.resolve()))


if __name__ == "__main__":
    main()

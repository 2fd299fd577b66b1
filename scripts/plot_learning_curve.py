"""Draws count accuracy against training time, several runs in one picture.

python scripts/plot_learning_curve.py RUN_DIR [RUN_DIR ...] out=curve.png [against=minutes|step] [goal=0.95]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from air3d.report.plots import learning_curve
from air3d.training.tracking import read_metrics


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="RUN_DIR or key=value")
    words = parser.parse_args(arguments).words
    options = dict(word.split("=", 1) for word in words if "=" in word and not Path(word).is_dir())
    folders = [Path(word) for word in words if "=" not in word or Path(word).is_dir()]
    unknown = set(options) - {"out", "against", "goal", "metric", "ylabel"}
    missing = [str(folder) for folder in folders if not (folder / "metrics.jsonl").is_file()]
    if unknown or missing or "out" not in options or not folders:
        parser.error(
            f"unknown option {', '.join(sorted(unknown))}" if unknown
            else f"no metrics.jsonl in {', '.join(missing)}" if missing
            else "give at least one run folder and out=FILE"
        )  # fmt: skip
    runs = {label(folder): read_metrics(folder / "metrics.jsonl") for folder in folders}
    extra = {key: options[key] for key in ("against", "metric", "ylabel") if key in options}
    learning_curve(options["out"], runs, goal=float(options["goal"]) if "goal" in options else None, **extra)
    return 0


def label(folder: Path) -> str:
    """The run's folder name, with its seed when its stored configuration tells it."""
    config = folder / "config.yaml"
    lines = config.read_text().splitlines() if config.is_file() else []
    seed = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("seed:")), None)
    return folder.name if seed is None or "seed" in folder.name else f"{folder.name}, seed {seed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

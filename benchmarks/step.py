"""Where a training step spends its time: ``python benchmarks/step.py scene=tabletop``. Takes train.py's settings."""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from air3d import cli
from air3d.training.config import Config
from air3d.training.run import build
from air3d.training.tracking import Tracker
from air3d.training.trainer import Trainer

STEPS = 10
KINDS: dict[str, tuple[str, ...]] = {
    "renderer": ("Pose", "Paint", "Compose"),
    "convolutions": ("conv", "mkldnn"),
    "other layers": ("addmm", "mm", "bmm", "linear", "layer_norm", "silu", "grid_sampler", "softmax", "pad", "gru"),
    "pooling": ("avg_pool",),
    "copies and sums": ("copy_", "add", "mul", "sum", "cat", "clone", "fill_", "zero_", "sub", "div", "index", "pow"),
    "optimiser": ("Optimizer", "_foreach", "addcdiv", "lerp", "sqrt"),
}


def kind(name: str) -> str:
    """Which line of the table an operation belongs to."""
    short = name.removeprefix("aten::")
    return next((k for k, words in KINDS.items() if any(word in short for word in words)), "the rest")


def main() -> None:
    """Warm up, then profile some steps in the first part of a training and some in its last."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [word for word in sys.argv[1:] if not word.startswith("-")]
        config = cli.typed(cli.compose("train", [*settings, "logger.mode=disabled", f"run_dir={folder}"]), Config)
        trainer = Trainer(build(config), Path(folder), Tracker(Path(folder), config.plain(), "disabled"))
        for part, step in (("first", 10), ("last", config.trainer.steps - STEPS - 5)):
            trainer.step = step
            for _ in range(6):  # until memory is no longer asked for the first time
                trainer.train_step()
            start = time.perf_counter()
            with profile(activities=[ProfilerActivity.CPU]) as profiler:
                for _ in range(STEPS):
                    trainer.train_step()
            seconds = (time.perf_counter() - start) / STEPS
            shares: Counter[str] = Counter()
            for event in profiler.key_averages():
                shares[kind(event.key)] += event.self_cpu_time_total
            print(
                f"\n{part} part of the training, {torch.get_num_threads()} threads: {seconds:.2f} s a step (profiled)"
            )
            for name, spent in shares.most_common():
                print(f"{name:>24} {spent / shares.total():6.1%}")


if __name__ == "__main__":
    main()

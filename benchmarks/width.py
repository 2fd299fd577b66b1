"""How wide a posterior the likelihood itself asks for: ``python benchmarks/width.py pretrained/tabletop``.

Moves the first object of held-out scenes along the table, all else as it truly is, and takes the standard deviation of
p(x | z) under a flat prior: what an exact posterior would say of that coordinate, to compare with what the network says
(its credible regions) and with how far off it is.
"""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

import argparse
from dataclasses import replace

import numpy as np
import torch

from air3d.evaluation.scenes import held_out_scenes, render
from air3d.model.likelihood import log_likelihood
from air3d.training.checkpoint import load_run
from air3d.training.run import Run

REACH, STEP = 12e-3, 5e-4  # metres


def widths(run: Run, scenes: int, seed: int) -> dict[str, np.ndarray]:
    """By axis, the standard deviations in metres of the first object of every scene that has one."""
    truth, view = held_out_scenes(run.scene, seed, scenes)
    some = np.asarray(truth.presence)[:, 0] > 0.5
    truth, view = truth[some], view[some]
    pictures, shifts = render(run.renderer, truth, view), np.arange(-REACH, REACH + STEP / 2, STEP)
    sigma, result = run.config.trainer.schedule.last_sigma, {}
    for axis, name in enumerate("xy"):
        columns = []
        for shift in shifts:
            position = np.array(truth.position)
            position[:, 0, axis] += shift
            moved = render(run.renderer, replace(truth, position=position), view)
            columns.append(log_likelihood(moved, pictures, sigma))
        shares = torch.stack(columns, 1).softmax(1).numpy()
        mean = (shares * shifts).sum(1, keepdims=True)
        result[name] = np.sqrt((shares * (shifts - mean) ** 2).sum(1))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run's folder: its scenes, renderer and final sigma are used, not its network")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    for axis, width in widths(load_run(words.run), words.scenes, words.seed).items():
        low, middle, high = 1000 * np.quantile(width, (0.1, 0.5, 0.9))
        print(f"{axis}: {middle:.2f} mm (median of {len(width)} objects; 10 % below {low:.2f}, 10 % above {high:.2f})")


if __name__ == "__main__":
    main()

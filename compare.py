"""Train several models, test all on the same scenes, report: python compare.py experiment=repeats [-m seed=0,1,2]."""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

from pathlib import Path

from omegaconf import DictConfig

from air3d import cli
from air3d.comparison.asked import asked
from air3d.comparison.gather import gather, remember
from air3d.comparison.plan import CompareConfig
from air3d.comparison.trainings import trained
from air3d.config import typed
from air3d.report import write_report


def main(settings: DictConfig) -> None:
    config = typed(settings, CompareConfig, missing="give experiment=NAME")
    out = Path(config.out)
    for model in config.models:
        run = trained(Path(config.runs), model, config.training(model), config.environment(), config.name)
        for name, test in config.tests.items():
            folder = out / "results" / f"{model}_seed{config.seed}" / name
            asked(run, test, folder, config.environment())
            remember(folder, run, model, name, config)
    print(f"\n{write_report(out, gather(out, config), config)}")


if __name__ == "__main__":
    cli.run("compare", main, "compare")

"""Train several models, test all on the same scenes, report: python compare.py experiment=repeats [-m seed=0,1,2]."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from filelock import FileLock
from omegaconf import DictConfig

from air3d import cli
from air3d.comparison.collect import collect, remember
from air3d.comparison.evaluations import evaluated
from air3d.comparison.folders import check_folders
from air3d.comparison.plan import CompareConfig
from air3d.comparison.report import write_report
from air3d.comparison.report.summary import means
from air3d.comparison.trainings import trained
from air3d.files import writable
from air3d.training.tracking import Mode, Tracker


def main(settings: DictConfig) -> None:
    config = cli.typed(settings, CompareConfig, missing="give experiment=NAME")
    out = Path(config.out)
    environment, any_code, done = config.environment(), config.any_code, dict[str, Path]()
    check_folders(config)
    writable(out)
    writable(config.runs)
    for model in config.models:
        words = config.training(model, done.get(config.begins.get(model, "")))
        run = done[model] = trained(Path(config.runs), model, words, environment, config.logging(), any_code)
        for name, test in config.tests.items():
            folder = out / "results" / f"{model}_seed{config.seed}" / name
            evaluated(run, test, folder, environment, config.device, any_code)
            remember(folder, run, model, name, config)
    report(out, config)


def report(out: Path, config: CompareConfig) -> None:
    """The page, and the same in wandb beside the trainings."""
    logger = config.logger
    about = {"project": logger.project, "group": logger.group, "job_type": "compare"}
    with FileLock(out / ".report.lock"):  # two seeds that run beside each other may be done at once
        results = collect(out, config)
        page, seeds = write_report(out, results, config), len({result.seed for result in results})
        with Tracker(out / "wandb_report", config.plain(), cast(Mode, logger.mode), **about) as tracker:
            tracker.log(seeds, means(results))
            tracker.log_images(seeds, {f"report/{path.stem}": path for path in sorted(page.parent.glob("*.png"))})
    print(f"\n{page}")

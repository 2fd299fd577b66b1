"""Measure a trained run on scenes it has never seen: python evaluate.py run=RUN_DIR [counts=[0,1,2,3,4,5,6]]."""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor

from air3d import cli
from air3d.calibration import calibration
from air3d.checkpoint import Run, load_run
from air3d.config import typed
from air3d.counting import looking
from air3d.direct import Direct
from air3d.evaluation import Propose, evaluate_scenes
from air3d.held_out import EvaluateConfig, scenes_of, turns_that_show
from air3d.infer import bound, weighted_bound
from air3d.plots import coverage
from air3d.regions import dream
from air3d.results import details, table, write_evaluation
from renderers import build_renderer
from renderers.base import Renderer
from scenes.objects import Objects
from scenes.scene import Scene


def main(config: DictConfig) -> None:
    settings = typed(config, EvaluateConfig, missing="give run=RUN_DIR, the folder that train.py wrote")
    run = load_run(settings.run, device=settings.device, scene=settings.scene.assumed)
    catalogue, layout = run.scene.catalogue, run.scene.layout
    scene, renderer = shown(settings, run)
    images, truth, source = scenes_of(settings, scene, renderer)
    images, shows = images.to(settings.device), turns_that_show(renderer, truth)
    steps = settings.steps(layout, truth)
    torch.manual_seed(settings.seed)  # the bound draws from the posterior
    propose = proposer(settings, run, steps)
    judge = partial(bound, run.model, at=run.config.trainer.schedule.final()) if settings.model is None else None
    evaluation = evaluate_scenes(propose, images, truth, catalogue.symmetries, judge, settings.batch_size, shows)
    folder = Path(settings.out or Path(settings.run) / ("evaluation_direct" if settings.model else "evaluation"))
    trained = layout.occurring
    about = {"run": str(settings.run), "model": run.config.model.name, **source, "trained_counts": list(trained)}
    if settings.model is None or settings.init == "air":
        about["counting"] = settings.counting
    if settings.model is None:
        evaluation.metrics |= certainty(settings, run, images, truth, steps, folder)
    else:
        about |= {"model": asdict(settings.model), "init": settings.init}
    write_evaluation(folder, evaluation, propose, images, truth, catalogue, trained, about)
    print(f"{settings.run} on {source['scenes_from']}, at most {steps} objects a picture\n")
    print(table(evaluation.metrics))
    print(f"\n{details(evaluation.metrics, catalogue.names)}")
    print(f"\n{folder / 'metrics.json'} and plots beside it")


def shown(settings: EvaluateConfig, run: Run) -> tuple[Scene, Renderer]:
    """The scene that is tested on, and what paints its pictures: the run's own unless something was changed."""
    if not settings.scene.changes():
        return run.scene, run.renderer
    scene = Scene(settings.scene.shown(run.config.scene))
    return scene, build_renderer(run.config.renderer.name, scene, run.config.renderer, run.renderer.background.device)


def certainty(
    settings: EvaluateConfig, run: Run, images: Tensor, truth: Objects, steps: int, folder: Path
) -> dict[str, Any]:
    """How sure the network is, and whether rightly; draws calibration.png."""
    look = looking(settings.counting, run)
    dreams = dream(run, look=look)
    numbers, levels = calibration(run, dreams, images, truth, steps, settings.batch_size, look)
    coverage(folder / "calibration.png", levels, numbers["count"]["bars"])
    values: dict[str, Any] = {"calibration": numbers}
    if samples := settings.importance_samples:
        tightest = weighted_bound(run.model, images, run.config.trainer.schedule.final(), samples).mean().item()
        values |= {"importance_bound": tightest, "importance_samples": samples}
    return values


def proposer(settings: EvaluateConfig, run: Run, steps: int) -> Propose:
    """What turns pictures into objects: the network of the run, or optimisation with or without it to begin with."""
    network = partial(looking(settings.counting, run), run.model, max_objects=steps)
    if settings.model is None:
        return network
    sigma, identities = run.config.trainer.schedule.sigma, len(run.scene.catalogue)
    direct = Direct(run.renderer, run.model.prior, identities, settings.model, sigma)
    if settings.init == "air":
        return lambda pictures: direct.refined(pictures, network(pictures))
    return lambda pictures: direct.search(pictures, steps)


if __name__ == "__main__":
    cli.run("evaluate", main)

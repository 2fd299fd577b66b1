"""Measure a trained run on scenes it has never seen: python evaluate.py run=RUN_DIR [counts=[0,1,2,3,4,5,6]]."""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

from functools import partial
from pathlib import Path

import torch
from omegaconf import DictConfig

from air3d import cli
from air3d.calibration import calibration
from air3d.checkpoint import load_run
from air3d.config import typed
from air3d.evaluation import evaluate_scenes
from air3d.held_out import EvaluateConfig, scenes_of
from air3d.infer import bound, unroll, weighted_bound
from air3d.plots import coverage
from air3d.results import details, table, write_evaluation


def main(config: DictConfig) -> None:
    settings = typed(config, EvaluateConfig, missing="give run=RUN_DIR, the folder that train.py wrote")
    run = load_run(settings.run, device=settings.device)
    catalogue, layout = run.scene.catalogue, run.scene.layout
    images, truth, source = scenes_of(settings, run.scene, run.renderer)
    images = images.to(settings.device)
    steps = settings.steps(layout, truth)
    torch.manual_seed(settings.seed)  # the bound draws from the posterior
    propose = partial(unroll, run.model, max_objects=steps)
    symmetry = [mesh.symmetry for mesh in catalogue.meshes]
    evaluation = evaluate_scenes(
        propose,
        images,
        truth,
        symmetry,
        partial(bound, run.model, at=run.config.trainer.schedule.final()),
        settings.batch_size,
    )
    numbers, levels = calibration(run.model, images, truth, symmetry, steps, settings.batch_size)
    evaluation.metrics["calibration"] = numbers
    if samples := settings.importance_samples:
        tightest = weighted_bound(run.model, images, run.config.trainer.schedule.final(), samples).mean().item()
        evaluation.metrics |= {"importance_bound": tightest, "importance_samples": samples}
    folder = Path(settings.out or Path(settings.run) / "evaluation")
    trained = range(layout.min_objects, layout.max_objects + 1)
    about = {"run": str(settings.run), **source, "trained_counts": list(trained)}
    coverage(folder / "calibration.png", {name: x.numpy() for name, x in levels.items()}, numbers["count"]["bars"])
    write_evaluation(folder, evaluation, propose, images, truth, catalogue.names, trained, about)
    print(f"{settings.run} on {source['scenes_from']}, at most {steps} objects a picture\n")
    print(table(evaluation.metrics))
    print(f"\n{details(evaluation.metrics, catalogue.names)}")
    print(f"\n{folder / 'metrics.json'} and plots beside it")


if __name__ == "__main__":
    cli.run("evaluate", main)

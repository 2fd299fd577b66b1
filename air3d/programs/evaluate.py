"""Measure a trained run on scenes it has never seen: python evaluate.py run=RUN_DIR [counts=[0,1,2,3,4,5,6]]."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from air3d import cli
from air3d.evaluation.bootstrap import draws
from air3d.evaluation.calibration import calibration
from air3d.evaluation.calibration_scenes import calibrate
from air3d.evaluation.camera_frame import camera_scores
from air3d.evaluation.intervals import figure_intervals
from air3d.evaluation.matching import match
from air3d.evaluation.measure import Evaluation, Explain, Scenes, evaluate_scenes
from air3d.evaluation.object_models import as_stated, object_models
from air3d.evaluation.pose_comparisons import Posed, compared
from air3d.evaluation.pose_scores import pose_scores
from air3d.evaluation.scenes import EvaluateConfig, scenes_of, visible_rotations
from air3d.evaluation.world_errors import world_scores
from air3d.files import plain, writable
from air3d.home import beside
from air3d.inference.believed import believed_views
from air3d.inference.counting import predictor
from air3d.inference.greedy import importance_weighted_bound
from air3d.inference.search import Search
from air3d.report.evaluation import details, table, write_evaluation
from air3d.report.plots import coverage
from air3d.training.checkpoint import load_run
from air3d.training.run import Run
from renderers.convert import to_numpy, to_torch
from scenes.scene import Scene
from scenes.view import View


def main(config: DictConfig) -> dict[str, Any]:
    """Measures, writes and prints; returns what metrics.json holds."""
    settings = cli.typed(config, EvaluateConfig, missing="give run=RUN_DIR, the folder that train.py wrote")
    run = load_run(settings.run, device=settings.device)
    folder = writable(settings.out or beside(settings.run, "evaluation_direct" if settings.model else "evaluation"))
    catalogue, layout, sigma = run.scene.catalogue, run.scene.layout, run.config.trainer.schedule.last_sigma
    changed = settings.scene.changes()
    scene = Scene(settings.scene.applied(run.config.scene), catalogue) if changed else run.scene
    scenes, painted_under, source = scenes_of(settings, run.scene, scene, run.renderer)
    visible = visible_rotations(run.renderer, scenes.truth, painted_under)
    scenes = replace(scenes, images=scenes.images.to(settings.device), view=to_torch(scenes.view, settings.device))
    steps = settings.steps(layout, scenes.truth)
    torch.manual_seed(settings.seed)  # the bound draws from the posterior
    explain = explainer(settings, run, steps)
    bound = partial(run.model.elbo, sigma=sigma) if settings.model is None else None
    evaluation = evaluate_scenes(
        explain, scenes, catalogue.symmetries, bound, settings.batch_size, visible, run.model.latents,
        catalogue.kind_of.tolist(), once=searching(settings),
    )  # fmt: skip
    evaluation.metrics |= of_worlds(run, evaluation, scenes, painted_under, settings.batch_size)
    trained = layout.occurring
    about = {"run": str(settings.run), "model": run.config.model.name, **source, "trained_counts": list(trained)}
    if settings.model is None or settings.init == "air":
        about["counting"] = settings.counting
    if settings.model is None:
        evaluation.metrics |= certainty(settings, run, scenes, steps, folder)
    else:
        about |= {"model": asdict(settings.model), "init": settings.init}
    write_evaluation(folder, evaluation, explain, scenes, catalogue, trained, about)
    print(f"{settings.run} on {source['scenes_from']}, at most {steps} objects a picture\n")
    for remark in source.get("remarks", ()):
        print(remark)
    print(table(evaluation.metrics, evaluation.latents))
    print(f"\n{details(evaluation.metrics, catalogue.names)}")
    print(f"\n{folder / 'metrics.json'} and plots beside it")
    return plain(evaluation.metrics)


def searching(settings: EvaluateConfig) -> bool:
    """Whether pictures are searched, which takes seconds each; from a network's predictions it is milliseconds."""
    return settings.model is not None and settings.init == "scan"


def of_worlds(run: Run, evaluation: Evaluation, scenes: Scenes, painted_under: View, batch_size: int) -> dict[str, Any]:
    """Objects in the axes of the camera that is believed, and how right that is, with all else that is not known; the
    field's figures, and how sure all of them are."""
    world, catalogue, objects = run.model.world, run.scene.catalogue, evaluation.objects
    believed = believed_views(world, scenes.images, scenes.view, batch_size)
    scores = camera_scores(objects, scenes.truth, believed, painted_under, catalogue)
    drawn, taken = draws(len(scenes.truth)), to_numpy(painted_under)
    poses = Posed.of(objects, catalogue, believed), Posed.of(scenes.truth, catalogue, taken)
    sure, lenses = evaluation.rho.cumprod(1).numpy(), np.broadcast_to(taken.intrinsics, (len(scenes.truth), 4))
    visibility, models = None, object_models(catalogue)
    if scenes.full is not None:
        poses = poses[0], replace(poses[1], poses=scenes.full.poses)
        visibility, models = scenes.full.visibility, as_stated(models, scenes.full.models)
    comparisons = compared(*poses, sure, models, lenses, visibility)
    return {
        **scores,
        **world_scores(believed, painted_under, world.open),
        "bop": pose_scores(comparisons, taken.width, drawn),
        "intervals": figure_intervals(match(objects, scenes.truth), drawn),
    }


def certainty(settings: EvaluateConfig, run: Run, scenes: Scenes, steps: int, folder: Path) -> dict[str, Any]:
    """How sure the network is, and whether rightly; draws calibration.png."""
    model, sigma, symmetries = run.model, run.config.trainer.schedule.last_sigma, run.scene.catalogue.symmetries
    counting = predictor(settings.counting, sigma)
    conformal = calibrate(model, run.scene, run.config.seed, predictor=counting)
    numbers, levels = calibration(model, symmetries, conformal, scenes, steps, settings.batch_size, counting)
    coverage(folder / "calibration.png", levels, numbers["count"]["bars"])
    values: dict[str, Any] = {"calibration": numbers}
    if samples := settings.importance_samples:
        bounds = importance_weighted_bound(model, scenes.images, scenes.view, sigma, samples)
        values |= {"importance_bound": bounds.mean().item(), "importance_samples": samples}
    return values


def explainer(settings: EvaluateConfig, run: Run, steps: int) -> Explain:
    """What turns pictures into objects: the network of the run, or optimisation with or without it to begin with."""
    sigma = run.config.trainer.schedule.last_sigma
    network = partial(predictor(settings.counting, sigma), run.model, steps=steps)
    if settings.model is None:
        return network
    search = Search(run.model, run.scene, settings.model, sigma)
    if settings.init == "air":
        believed = run.model.world.believed
        return lambda pictures, view: search.refined(pictures, believed(pictures, view), network(pictures, view))
    return lambda pictures, view: search.search(pictures, run.model.world.believed(pictures, view), steps)

"""Every picture of a training may have a camera, a light and a background of its own: a scene says so in one method."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import small_config

from air3d.model.air import Air
from air3d.splits import train_seed
from air3d.training.run import Run
from air3d.training.tracking import Tracker
from air3d.training.trainer import Trainer
from renderers import build_renderer
from renderers.base import empty_table
from renderers.convert import to_torch
from scenes.camera import Camera
from scenes.scene import Scene
from scenes.view import View

PICTURES, HEIGHT, WIDTH = 32, 32, 40


class Wandering(Scene):
    """The camera stands elsewhere in each picture, and looks past the middle; the light and the table differ."""

    def view(self, seed: int, index: int) -> View:
        rng = np.random.default_rng([seed, index, 7])
        turn, height = rng.uniform(-math.pi, math.pi), rng.uniform(1.1, 1.4)
        place = (0.9 * math.cos(turn), 0.9 * math.sin(turn), height)
        plain = Camera.look_at(place, (*rng.uniform(-0.03, 0.03, 2), 0.0), rng.uniform(36, 42), HEIGHT, WIDTH)
        camera = replace(plain, intrinsics=plain.intrinsics + np.array([0, 0, *rng.uniform(-1, 1, 2)]))
        light = rng.normal(size=3) + np.array([0.0, 0.0, 2.0])
        table = rng.uniform(0.05, 0.25, (HEIGHT, WIDTH, 3))
        return View.of(camera, light, ambient=rng.uniform(0.4, 0.6), diffuse=0.4, background=table)


def wandering(folder: Path, choice: str) -> Trainer:
    size = f"scene.image_size=[{HEIGHT},{WIDTH}]"
    config = small_config(folder, "scene=tabletop", size, f"trainer.batch={PICTURES}", choice)
    scene = Wandering(config.scene)
    torch.manual_seed(0)
    renderer = build_renderer(config.renderer.name, scene, config.renderer)
    run = Run(config, scene, renderer, Air(scene, renderer, config.model))
    return Trainer(run, folder, Tracker(folder, config.plain(), "disabled"))


@pytest.mark.parametrize("choice", ["model=air", "model=supervised"])
def test_two_steps_of_pictures_that_share_nothing(tmp_path: Path, choice: str) -> None:
    trainer = wandering(tmp_path, choice)
    start = {name: weights.clone() for name, weights in trainer.run.model.posterior.named_parameters()}
    for step in range(2):
        values = trainer.train_step()
        assert trainer.step == step + 1 and all(math.isfinite(value) for value in values.values())
    moved = {name for name, weights in trainer.run.model.posterior.named_parameters() if (weights != start[name]).any()}
    assert moved == set(start)
    assert math.isfinite(trainer.validation(trainer.step, 1.0)), "the ELBO of validation scenes, with panels beside it"


def test_the_views_of_the_pictures_differ_and_each_is_painted_under_its_own(tmp_path: Path) -> None:
    trainer = wandering(tmp_path, "model=air")
    pictures, painting, view, truth = trainer.scenes()
    assert torch.equal(pictures, painting), "nothing is said of a sensor"
    assert pictures.shape == (PICTURES, HEIGHT, WIDTH, 3) and len(view) == PICTURES
    for name in ("intrinsics", "camera_rotation", "camera_translation", "light", "ambient", "background"):
        rows = getattr(view, name).flatten(1) if getattr(view, name).dim() > 1 else getattr(view, name)[:, None]
        assert len(rows.unique(dim=0)) == PICTURES, name
    empty = torch.from_numpy(truth.count == 0)
    assert 0 < empty.sum() < PICTURES
    torch.testing.assert_close(pictures[empty], empty_table(view)[empty], rtol=0, atol=1e-6)
    for index in range(PICTURES):  # each as if it were alone
        own = to_torch(trainer.run.scene.view(train_seed(0), index))
        alone = trainer.run.renderer.render(to_torch(truth[index]), own)
        torch.testing.assert_close(pictures[index : index + 1], alone, rtol=0, atol=1e-4)

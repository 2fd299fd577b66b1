"""A network that cheats in known ways, on pictures of noise."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from air3d.evaluation.measure import Evaluation, Scenes, evaluate_scenes
from air3d.evaluation.scenes import held_out_scenes
from air3d.inference.greedy import Inference
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View


class Oracle:
    """Knows the truth by the mean colour of a picture, and claims a last object that is not there in scene 0."""

    def __init__(self, images: Tensor, truth: Objects):
        self.keys, self.truth, self.calls = images.mean((1, 2, 3)), truth, 0

    def __call__(self, pictures: Tensor, view: View) -> Inference:
        assert len(view) == len(pictures)
        self.calls += 1
        rows = (pictures.mean((1, 2, 3))[:, None] - self.keys).abs().argmin(1)
        known = to_torch(self.truth[rows.numpy()])
        there = known.presence.clone()
        there[rows == 0] = True
        objects = replace(known, position=known.position + torch.tensor([0.01, 0.0, 0.0]), presence=there)
        images = [torch.zeros_like(pictures), *[pictures + 0.1] * objects.slots]
        return Inference(objects, images, torch.full(there.shape, 0.9), [], [])


def judged(scene: Scene) -> tuple[Scenes, Oracle, Evaluation]:
    """Ten scenes of 0 to 3 objects, evaluated; only turns of mugs are visible."""
    truth, view = held_out_scenes(scene, 0, 10, [0, 1, 2, 3])
    size = scene.camera.height, scene.camera.width
    scenes = Scenes(torch.rand(10, *size, 3, generator=torch.Generator().manual_seed(1)), truth, to_torch(view))
    oracle = Oracle(scenes.images, truth)

    def bound(pictures: Tensor, view: View) -> Tensor:
        return torch.full((len(pictures),), -7.0)

    return scenes, oracle, evaluate_scenes(oracle, scenes, [1, 1, 1, 1], bound, 4, truth.identity == 2)

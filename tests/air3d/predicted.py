"""Scenes and predictions made by hand, of mugs, plates and cubes."""

from __future__ import annotations

import json

import torch

from air3d.files import plain
from air3d.inference.predictions import Predictions
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import Yaw
from air3d.model.prior import Prior
from scenes.objects import Objects

PRIOR = Prior(0, 3, [-0.5, -0.4, 0.0], [0.5, 0.4, 0.0])
MUG, PLATE, CUBE = 0, 1, 2
SYMMETRY = (1, 0, 4)  # a mug has none, a plate is a full revolution, a cube is four-fold


def predictions(
    identity: list[int], rotation: list[float], logits: list[list[float]], std: float = 0.02
) -> Predictions:
    """One object on each table, in the middle, with four yaw bins whose offsets are narrow and in their middles."""
    number = len(identity)
    objects = Objects(
        torch.tensor(identity)[:, None],
        torch.zeros(number, 1, 3),
        torch.tensor(rotation)[:, None],
        torch.ones(number, 1, dtype=torch.bool),
    )
    box = LogitNormal(torch.zeros(number, 3), torch.full((number, 3), std))
    offset = LogitNormal(torch.zeros(number, 4), torch.full((number, 4), 0.2))
    pose = {"position": BasePoint(box, PRIOR), "rotation": Yaw(Choice(logits=torch.tensor(logits)), offset)}
    nothing = torch.zeros(number)
    return Predictions(
        objects, torch.ones(number, 1), torch.ones(number, 1, 3) / 3, pose, nothing, nothing, torch.ones(number, 1)
    )


def tables(*scenes: list[tuple[int, float, float, float]], slots: int = 4) -> Objects:
    """Scenes as lists of (identity, x, y, yaw)."""
    result = Objects.empty(len(scenes), slots)
    for b, scene in enumerate(scenes):
        for n, (identity, x, y, yaw) in enumerate(scene):
            result.identity[b, n], result.position[b, n], result.rotation[b, n] = identity, (x, y, 0), yaw
            result.presence[b, n] = True
    return result


def strict(scores: dict) -> dict:
    """The scores after a trip through strictly valid JSON."""
    return json.loads(json.dumps(plain(scores), allow_nan=False))

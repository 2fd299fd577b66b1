"""What a configuration stands for, built: scene, renderer and network."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from air3d.model.air import Air
from air3d.training.config import Config, device_of
from renderers import Renderer, build_renderer
from scenes.catalogue import Catalogue
from scenes.scene import Scene


@dataclass
class Run:
    """The parts of a training, whether it is about to begin or is over."""

    config: Config
    scene: Scene
    renderer: Renderer
    model: Air


def build(config: Config, catalogue: Catalogue | None = None) -> Run:
    """Scene, renderer and a freshly initialised model; the global random state decides the weights. catalogue: where it
    is known already."""
    scene = Scene(config.scene, catalogue)
    device = device_of(config.device)
    renderer = build_renderer(config.renderer.name, scene, config.renderer, device)
    model = Air(scene, renderer, config.model, sigma=config.trainer.schedule.last_sigma).to(device)
    # as the pictures lie in memory: about a sixth less time in the encoder, on a CPU
    model.posterior.encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Run(config, scene, renderer, model)

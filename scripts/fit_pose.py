"""Gradient descent through a renderer without gradients: a mug, put down a few centimetres away from where it stands.

``python scripts/fit_pose.py`` moves it back onto the picture that Mitsuba painted (``pip install -e '.[mitsuba]'``);
``python scripts/fit_pose.py --black-box streaming`` needs nothing else.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from air3d.cli import one_line
from renderers import Renderer, RendererConfig, build_renderer
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

TRUE_PLACE, TRUE_YAW = (0.05, 0.02, 0.0), 0.6  # metres, radians
FIRST_PLACE, FIRST_YAW = (0.02, -0.01, 0.0), 0.1
POSITION_RATE, YAW_RATE = 4e-3, 6e-2  # Adam's: about as far as one step goes


def fit(renderer: Renderer, view: View, identity: int, steps: int) -> Iterator[tuple[float, float, float]]:
    """After every step: squared error of the picture, and how far the pose still is off, in metres and radians."""
    truth = one(identity, torch.tensor(TRUE_PLACE), torch.tensor(TRUE_YAW))
    with torch.no_grad():
        picture = renderer.render(truth, view)
    place, yaw = torch.tensor(FIRST_PLACE, requires_grad=True), torch.tensor(FIRST_YAW, requires_grad=True)
    rates = [{"params": [place], "lr": POSITION_RATE}, {"params": [yaw], "lr": YAW_RATE}]
    optimiser = torch.optim.Adam(rates, betas=(0.8, 0.9))
    shrink = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        error = (renderer.render(one(identity, place, yaw), view) - picture).square().sum()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        shrink.step()
        off = (place.detach() - truth.position[0, 0]).norm().item()
        yield error.item(), off, abs(yaw.item() - TRUE_YAW)


def one(identity: int, place: Tensor, yaw: Tensor) -> Objects:
    """A scene of one object."""
    return Objects(torch.tensor([[identity]]), place.view(1, 1, 3), yaw.view(1, 1), torch.ones(1, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--black-box", default="mitsuba")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    scene, started = Scene(SceneConfig()), time.perf_counter()
    renderer = build_renderer("finite_difference", scene, RendererConfig(black_box=options.black_box))
    mug = scene.catalogue.names.index("mug")
    for step, (error, off, turned) in enumerate(fit(renderer, to_torch(scene.configured), mug, options.steps), 1):
        if step % 5 == 0 or step == 1:
            seconds = time.perf_counter() - started
            print(f"{step:3}  {seconds:5.1f} s  squared error {error:7.3f}  {1000 * off:5.1f} mm  "
                  f"{math.degrees(turned):5.1f} degrees")  # fmt: skip


if __name__ == "__main__":
    one_line(main)

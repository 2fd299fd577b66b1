"""The picture of docs/conventions.md: world, object, picture and NDC axes. ``python scripts/plot_axes.py OUT.png``"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

from renderers import RendererConfig, build_renderer
from renderers.convert import to_bytes, to_torch
from scenes.camera import Camera
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

ORIGIN = np.array([-0.2, -0.34, 0.0])  # where the world's axes are drawn; its origin is the middle of the table
SIDE, YAW, PLACE = 384, 0.9, np.array([0.08, 0.02, 0.0])
AXES = {"x": ("tab:red", (0.22, 0, 0)), "y": ("tab:green", (0, 0.22, 0)), "z": ("tab:blue", (0, 0, 0.16))}


def photograph(scene: Scene) -> np.ndarray:
    """A saucepan turned by ``YAW`` at ``PLACE``, [S, S, 3] bytes."""
    saucepan = torch.tensor([[scene.catalogue.names.index("saucepan")]])
    place, yaw = torch.tensor(PLACE, dtype=torch.float32)[None, None], torch.tensor([[YAW]])
    renderer = build_renderer("auto", scene, RendererConfig(sigma=1e-7))
    return to_bytes(renderer.render(Objects(saucepan, place, yaw, torch.ones(1, 1)), to_torch(scene.configured)))[0]


def arrow(axis: Axes, camera: Camera, start: np.ndarray, end: np.ndarray, text: str, colour: str) -> None:
    """An arrow between two points of the world."""
    tail, head = camera.to_pixels(camera.project(np.stack([start, end])))
    axis.annotate("", head, tail, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
    axis.text(*(head + 0.09 * (head - tail)), text, color=colour, fontsize=11, ha="center", va="center")


def world(axis: Axes, scene: Scene) -> None:
    """The world's axes at the origin; the object's base point, its own +X and its yaw."""
    for name, (colour, end) in AXES.items():
        arrow(axis, scene.camera, ORIGIN, ORIGIN + end, f"+{name.upper()}", colour)
    nose = PLACE + 0.3 * np.array([np.cos(YAW), np.sin(YAW), 0])
    arrow(axis, scene.camera, PLACE, nose, "object +X", "white")
    turn = np.linspace(0, YAW, 30)[:, None]
    arc = PLACE + 0.17 * np.hstack([np.cos(turn), np.sin(turn), 0 * turn])
    axis.plot(*scene.camera.to_pixels(scene.camera.project(arc)).T, c="yellow", lw=2)
    column, row = scene.camera.to_pixels(scene.camera.project(arc[0]))
    axis.text(column, row + 14, "rotation > 0", color="yellow", ha="center")
    axis.plot(*scene.camera.to_pixels(scene.camera.project(PLACE)), "o", c="white", ms=5)


def frame(axis: Axes) -> None:
    """Rows and columns outside, NDC in the middle."""
    middle, reach = (SIDE - 1) / 2, 0.42 * SIDE
    for (dx, dy), text in {(-1, 0): "NDC +X", (0, -1): "NDC +Y"}.items():
        head = (middle + dx * reach, middle + dy * reach)
        axis.annotate("", head, (middle, middle), arrowprops={"arrowstyle": "->", "color": "0.75", "ls": "--"})
        axis.text(head[0], head[1] - 8, text, color="0.75", ha="center")
    axis.set_xlabel("column 0 to W - 1, left to right")
    axis.set_ylabel("row 0 to H - 1, top to bottom")


def main() -> None:
    """Paint, draw on it, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    scene = Scene(SceneConfig(image_size=SIDE, camera_position=(0.0, -1.1, 0.75), field_of_view=27.0))
    figure, axis = plt.subplots(figsize=(6, 6), layout="constrained")
    axis.imshow(photograph(scene))
    world(axis, scene)
    frame(axis)
    axis.set(xlim=(-0.5, SIDE - 0.5), ylim=(SIDE - 0.5, -0.5))
    axis.set_title("metres, +Z up, table top at z = 0; rotation: yaw about +Z, counter-clockwise seen from above",
                   fontsize=8)  # fmt: skip
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    main()

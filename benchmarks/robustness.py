"""The same tables, changed in one way at a time: ``python benchmarks/robustness.py pretrained/tabletop_varied``.

Held-out scenes of ``scene=tabletop``, painted as that scene is, and then with noise, another brightness, another light,
another table and so on. The network is told nothing of it. Prints a table, and writes it as JSON with ``--out``.
"""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from air3d import cli
from air3d.evaluation.metrics import score
from air3d.evaluation.scenes import held_out_scenes, render
from air3d.files import write_json
from air3d.inference.predictions import predict
from air3d.training.checkpoint import load_run
from air3d.training.config import Config
from air3d.training.run import Run
from renderers import RendererConfig, build_renderer
from renderers.convert import to_bytes, to_floats, to_numpy, to_torch
from renderers.sensor import compressed
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.tables import between_extremes, grain, pixel_size, table_points
from scenes.view import View

AS_TRAINED = "as the scene is"


def tables(scene: Scene, truth: Objects, view: View, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Every changed set of pictures, by name."""
    renderer = build_renderer("auto", scene, RendererConfig())
    plain, rng = render(renderer, truth, view), torch.Generator().manual_seed(seed)

    def noisy(deviation: float) -> Tensor:
        return (plain + deviation * torch.randn(plain.shape, generator=rng)).clamp(0, 1)

    def under(**changed: object) -> Tensor:
        values = {name: np.broadcast_to(value, getattr(view, name).shape[:1] + np.shape(value)) for name, value in
                  changed.items()}  # fmt: skip
        return render(renderer, truth, replace(view, **values))

    yield AS_TRAINED, plain
    for deviation in (0.02, 0.05, 0.10):
        yield f"noise, sd {deviation:g}", noisy(deviation)
    for factor in (0.8, 1.2):
        yield f"brightness x {factor:g}", (factor * plain).clamp(0, 1)
    yield "gamma 1/1.5", plain ** (1 / 1.5)
    yield "light from the other side", under(light=np.array([-1, -1, 1]) * view.light[0])
    balance = torch.tensor([0.9, 1.0, 1.1])
    yield "white balance 10 %", (plain * balance).clamp(0, 1)
    yield "JPEG 50", compressed(plain, [50] * len(plain))
    yield "blur, 1 pixel", each(plain, lambda image: image.filter(ImageFilter.GaussianBlur(1)))
    fine = build_renderer("auto", scene, RendererConfig(antialias=4))
    yield "4 x 4 antialiasing", render(fine, truth, view, 25)
    for name, colour in (("black", [0.0] * 3), ("0.15 grey", [0.15] * 3), ("0.3 brown", [0.36, 0.3, 0.24]),
                         ("0.5 grey", [0.5] * 3), ("0.8 white", [0.8] * 3), ("white", [1.0] * 3)):  # fmt: skip
        yield f"table {name}", under(background=np.array(colour))
    for most in (0.05, 0.15):
        yield f"wood grain, {most:g}", under(background=wood(view, most, seed))


def wood(view: View, most: float, seed: int) -> np.ndarray:
    """The table's colour with grain: `most` between light and dark places."""
    points = table_points(view.camera(0))
    share = between_extremes(grain(points, pixel_size(points), np.random.default_rng(seed)))
    return np.clip(view.background[0] + most * share[..., None], 0, 1)


def each(pictures: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    changed = [np.asarray(change(Image.fromarray(picture))) for picture in to_bytes(pictures)]
    return to_floats(np.stack(changed))


def measured(run: Run, pictures: Tensor, truth: Objects, view: View) -> dict[str, float]:
    """What the network makes of these pictures, of which it is told the scene's own view."""
    told = to_torch(view)
    found = predict(run.model, pictures, told, run.model.prior.steps + 1)
    values = score(to_numpy(found.objects), truth, run.scene.catalogue.symmetries)
    names = ("count_accuracy", "detection_rate", "identity_accuracy")
    percent = {name: 100 * (values[name] or 0.0) for name in names}
    lengths = {"position_mm": 1000 * (values["position_error_median_m"] or np.nan)}
    return percent | lengths | {"rotation_deg": values["rotation_error_median_deg"] or np.nan}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a run's folder")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a JSON file")
    words = parser.parse_args()
    run = load_run(words.run)
    scene = Scene(cli.typed(cli.compose("train", ["scene=tabletop"]), Config).scene)
    truth, view = held_out_scenes(scene, words.seed, words.scenes)
    rows = {}
    print(f"{words.run}, {words.scenes} scenes each\n")
    print(f"{'pictures':28} {'counts':>8} {'detected':>9} {'identity':>9} {'position':>10} {'rotation':>9}")
    for name, pictures in tables(scene, truth, view, words.seed):
        rows[name] = row = measured(run, pictures, truth, view)
        counts, detected, identity, position, rotation = row.values()
        print(f"{name:28} {counts:7.1f}% {detected:8.1f}% {identity:8.1f}% {position:7.1f} mm {rotation:5.1f} deg")
    if words.out:
        write_json(words.out, {"run": words.run, "scenes": words.scenes, "seed": words.seed, "rows": rows})


if __name__ == "__main__":
    main()

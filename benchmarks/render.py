"""Pictures per second of each renderer, forward and with gradients: ``python benchmarks/render.py --help``.

A picture is a whole one: its objects painted one after the other on a blank canvas and developed. Gradients are those
of the squared error with respect to every position and rotation. Times are medians; the batches are scenes of the
layout itself, so all that training pays for is in: posing, shading, splatting, and the memory of the canvases.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from renderers import BACKENDS, Renderer, build_renderer
from renderers.convert import to_torch
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

BATCH = {"reference": 1}  # dense in pixels and triangles: more would not fit into memory at 64 pixels


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Median time of a call, after two that do not count (compilation, allocation)."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return median(times[2:])


def forward(renderer: Renderer, objects: Objects) -> None:
    """Pictures alone."""
    with torch.no_grad():
        renderer.render(objects)


def forward_backward(renderer: Renderer, objects: Objects) -> None:
    """Pictures, and the gradient of every pose."""
    pose = objects.position.clone().requires_grad_(), objects.rotation.clone().requires_grad_()
    renderer.render(replace(objects, position=pose[0], rotation=pose[1])).square().sum().backward()


def measure(name: str, size: int, batch: int, count: int, repeats: int) -> dict[str, float | int | str]:
    """One line of the table."""
    scene = Scene(SceneConfig(image_size=size))
    batch = min(batch, BATCH.get(name, batch))
    renderer, objects = build_renderer(name, scene), to_torch(scene.batch(0, range(batch), count=count))
    objects = Objects(*(array[:, :count] for array in vars(objects).values()))  # without the empty slots
    faces = renderer.face_count[objects.identity].sum(1).float().mean().item()
    times = {f.__name__: seconds(lambda f=f: f(renderer, objects), repeats) for f in (forward, forward_backward)}
    rates = {f"{what}_per_second": round(batch / taken, 1) for what, taken in times.items()}
    return {"renderer": name, "size": size, "batch": batch, "objects": count, "faces": round(faces), **rates}


def machine() -> dict[str, str | int]:
    """What the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = names[0] if names else platform.processor()
    return {"cpu": model, "cores": os.cpu_count() or 0, "threads": torch.get_num_threads(), "torch": torch.__version__}


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description="Pictures per second of each renderer, forward and with gradients.")
    parser.add_argument("--renderers", nargs="+", default=list(BACKENDS), choices=list(BACKENDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--objects", nargs="+", type=int, default=[1, 3])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=None, help="default: what torch takes")
    parser.add_argument("--out", type=Path, default=None, help="where to write the numbers as JSON")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    print(*(f"{key} {value}" for key, value in machine().items()), sep=", ")
    print(f"{'renderer':<12}{'size':>6}{'batch':>7}{'objects':>9}{'faces':>7}{'forward/s':>12}{'with gradients/s':>18}")
    lines = []
    for name in options.renderers:
        for size in options.sizes:
            for count in options.objects:
                line = measure(name, size, options.batch, count, options.repeats)
                lines.append(line)
                print("{:<12}{:>6}{:>7}{:>9}{:>7}{:>12,.0f}{:>18,.0f}".format(*line.values()), flush=True)
    if options.out:
        options.out.write_text(json.dumps({"machine": machine(), "results": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()

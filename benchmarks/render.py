"""Pictures per second of each renderer, forward and with gradients: ``python benchmarks/render.py --help``.

A picture is a whole one: three pieces of crockery with about 1000 triangles, back faces drawn too, 64 x 64 pixels,
posed, shaded, painted and developed; gradients are those of every position and rotation, and once more those of the
view (camera, light, background) too. From there one thing is changed at a time. PyTorch3D is measured on the same
pictures in the same run where it is installed, with the smallest ``faces_per_pixel`` at which it agrees with
``streaming``.
"""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from plot import plot
from workload import (
    Work,
    forward,
    gradients,
    kept_bytes,
    one_more,
    operations,
    peak_operations,
    seconds,
    smallest_faces_per_pixel,
    view_gradients,
)

from renderers import build_renderer

SWEEPS: dict[str, tuple] = {
    "batch": (1, 4, 16, 64, 256),
    "side": (32, 64, 128),
    "faces": (500, 1000, 2000, 4000),
    "objects": (1, 2, 3, 6),
    "threads": (1, 2),
    "cull": (False, True),
    "antialias": (1, 2),
    "views": ("one", "own"),
}
BATCH = {"reference": 1, "pytorch3d": 16}  # the largest; they are slow, and memory grows with faces
COLUMNS = ("renderer", "varied", "batch", "side", "objects", "faces", "threads", "cull", "antialias", "views")
NUMBERS = ("forward_per_second", "gradients_per_second", "view_gradients_per_second", "kept_kib_per_picture")


def measure(name: str, work: Work, repeats: int, **settings: Any) -> dict[str, Any]:
    """One line of the table."""
    work = replace(work, batch=min(work.batch, BATCH.get(name, work.batch)))
    torch.set_num_threads(work.threads)
    scene = work.scene()
    shown = work.pictures(scene)
    renderer = build_renderer(name, scene, replace(work.settings(), **settings), work.device)
    faces = renderer.face_count[shown[0].identity].sum(1).float().mean().item()
    calls = (forward, gradients, view_gradients)
    rates = [work.batch / seconds(lambda call=call: call(renderer, *shown), repeats) for call in calls]
    kept = kept_bytes(renderer, *shown) / 1024
    numbers = dict(zip(NUMBERS, (*(round(rate, 2) for rate in rates), round(kept)), strict=True))
    return {"renderer": name, **asdict(work), "faces": round(faces), **numbers, **settings}


def points(base: Work, sweeps: list[str]) -> Iterator[tuple[str, Work]]:
    """The base point, then every other value of every sweep; more objects bring their own faces."""
    yield "", base
    for name in sweeps:
        for value in SWEEPS[name]:
            if value != getattr(base, name):
                more = {"faces": base.faces * value // base.objects} if name == "objects" else {}
                yield name, replace(base, **{name: value, **more})


def compare(base: Work, repeats: int, sweeps: list[str]) -> list[dict[str, Any]]:
    """``streaming`` everywhere; on a CPU PyTorch3D and ``reference`` at the base point, with and without back faces."""
    lines = [report(varied, measure("streaming", work, repeats)) for varied, work in points(base, sweeps)]
    if base.device != "cpu":
        return lines
    lines.append(report("", measure("reference", base, 1)))
    if find_spec("pytorch3d") is None:
        print("PyTorch3D is not installed: not measured")
        return lines
    for cull in (False, True):
        work = replace(base, cull=cull)
        kept, most = smallest_faces_per_pixel(work)
        print(f"PyTorch3D agrees from faces_per_pixel={kept} on; a pixel is hit by {most} triangles at most")
        lines.append(report("cull" * cull, measure("pytorch3d", work, 3, faces_per_pixel=kept)))
    return lines


def already_painted(base: Work, repeats: int) -> list[dict[str, float]]:
    """Milliseconds a picture for one more object, with gradients, against the number that is there already."""
    work = replace(base, objects=7, faces=base.faces * 7 // base.objects)
    scene = work.scene()
    shown, renderer = work.pictures(scene), build_renderer("streaming", scene, work.settings(), work.device)
    times = [seconds(one_more(renderer, *shown, painted), repeats) for painted in range(work.objects)]
    lines = [{"painted": n, "milliseconds": round(1000 * t / work.batch, 4)} for n, t in enumerate(times)]
    print("one more object on", *(f"{line['painted']}: {line['milliseconds']} ms," for line in lines), "with gradients")
    return lines


def report(varied: str, line: dict[str, Any]) -> dict[str, Any]:
    line = {"varied": varied, **line}
    cells = [f"{line[name]!s:>10}" for name in COLUMNS]
    print(*cells, *(f"{line[name]:>12,.1f}" for name in NUMBERS), flush=True)
    return line


def summary(lines: list[dict[str, Any]], base: Work) -> dict[str, Any]:
    """The limit of arithmetic, and how many times PyTorch3D ``streaming`` is."""
    rates = {(line["renderer"], line["cull"]): line["gradients_per_second"] for line in lines[::-1]
             if line["varied"] in ("", "cull")}  # fmt: skip
    result: dict[str, Any] = {"peak_operations_per_second": peak_operations(base.threads)}
    for cull in (False, True):
        work = replace(base, cull=cull)
        limit = result["peak_operations_per_second"] / operations(work)
        result[f"limit_per_second_cull_{cull}"] = round(limit)
        if ("streaming", cull) not in rates:
            continue
        text = f"back faces {'left out' if cull else 'drawn'}: streaming {rates['streaming', cull]:,.0f} pictures/s"
        text += f" with gradients, {rates['streaming', cull] / limit:.0%} of the {limit:,.0f} that arithmetic allows"
        if ("pytorch3d", cull) in rates:
            times = rates["streaming", cull] / rates["pytorch3d", cull]
            result[f"times_pytorch3d_cull_{cull}"] = round(times)
            text += f", {times:,.0f} times PyTorch3D"
        print(text)
    return result


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    found = {"cpu": names[0] if names else platform.processor(), "cores": len(names), "torch": torch.__version__}
    return {**found, "gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else found


def main() -> None:
    """Measure, print the table, write JSON and plot."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sweeps", nargs="*", default=list(SWEEPS), choices=list(SWEEPS), help="what to vary")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the base point")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="cuda: streaming alone, no limit")
    parser.add_argument("--batch", type=int, default=Work.batch, help="pictures at a time, of the base point")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=None, help="folder for render.json and render.png")
    options = parser.parse_args()
    base = Work(batch=options.batch, threads=options.threads, device=options.device)
    print(*(f"{key} {value}" for key, value in machine().items()), sep=", ")
    heads = ("forward/s", "gradients/s", "view's too/s", "KiB kept")
    print(*(f"{name:>10}" for name in COLUMNS), *(f"{head:>12}" for head in heads))
    lines = compare(base, options.repeats, options.sweeps)
    extra = {"one_more_object": already_painted(base, options.repeats)}
    if base.device == "cpu":
        extra |= summary(lines, base)
    result = {"machine": machine(), **extra, "results": lines}
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "render.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {options.out}/render.json")
        if base.device == "cpu":
            plot(result, options.out / "render.png")
            print(f"wrote {options.out}/render.png")


if __name__ == "__main__":
    main()

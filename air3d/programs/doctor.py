"""Look at this machine and this installation, and say what is wrong: `air3d doctor`.

Every check stands alone and imports what it looks at: where one fails, the others still answer.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

FINE, NOTE, WRONG = "ok", "note", "WRONG"
Finding = tuple[str, str, str]
"""How it is, what was found, and a line of advice (or "")."""

LEAST_FREE = 2 * 10**9
"""Bytes on the disk: wandb's files, checkpoints and pictures of some trainings."""

CLOSE, SLOPE = 1e-3, 0.02
"""How far the chosen renderer may be from the reference: of colours in 0..1, and of a gradient, relatively."""

PATIENCE = 3.0  # seconds until a server counts as out of reach


def main() -> int:
    """Prints a line for every check, with advice under what is not as it should be; the exit code."""
    wrong = 0
    for check in (program, packages, threads, gpu, renderer, picture, network, wandb, disk, cache):
        for how, found, advice in findings(check):
            print(f"{how:6}{check.__name__:10}{found}" + (f"\n{'':16}-> {advice}" if advice else ""), flush=True)
            wrong += how == WRONG
    print(f"\n{wrong} of these must be mended" if wrong else "\nall that is needed is there")
    return int(wrong > 0)


def findings(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds; that it fails is a finding, too."""
    try:
        yield from check()
    except Exception as error:  # whatever is broken here is what was looked for
        said = " ".join(str(error).split()) or type(error).__name__
        yield WRONG, f"{type(error).__name__}: {said}", "the lines above may say why; the next ones do without it"


def program() -> Iterator[Finding]:
    from air3d.home import CONFIGS, INSTALLED, RELEASED, ROOT

    kind = "installed" if INSTALLED else "a repository"
    python = platform.python_version()
    yield FINE, f"air3d {metadata.version('air3d')}, {kind} in {ROOT}; Python {python}, {platform.platform()}", ""
    if not CONFIGS.is_dir():
        yield WRONG, f"there is no {CONFIGS}", "install air3d again: pip install --force-reinstall --no-deps air3d"
    networks = sorted(path.parent.name for path in RELEASED.glob("*/model.safetensors"))
    yield FINE if networks else NOTE, f"released networks: {', '.join(networks) or 'none'}", ""


def packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    there = []
    for line in metadata.requires("air3d") or ():
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            yield WRONG, f"{wanted.name} is not installed", f'pip install "{line}"'
            continue
        if wanted.specifier.contains(version, prereleases=True):
            there.append(f"{wanted.name} {version}")
        else:
            yield WRONG, f"{wanted.name} {version} is not {wanted.specifier}", f'pip install "{line}"'
    yield FINE, ", ".join(there), ""


def threads() -> Iterator[Finding]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used, said = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    found = f"{used} of {cores} cores" + (f", OMP_NUM_THREADS={said}" if said else "")
    many = "more threads than cores slow each other down: leave OMP_NUM_THREADS unset"
    yield (NOTE, found, many) if used > cores else (FINE, found, "")


def gpu() -> Iterator[Finding]:
    import torch

    if not torch.cuda.is_available():
        built = f"torch {torch.__version__} is built for CUDA {torch.version.cuda}, but sees no device"
        yield FINE, built if torch.version.cuda else "none; torch is built for CPUs", ""
        return
    for number in range(torch.cuda.device_count()):
        yield FINE, f"{torch.cuda.get_device_name(number)}: device=cuda:{number}", ""
    if find_spec("numba_cuda") is None:
        yield NOTE, "the renderer is not there for CUDA", "pip install 'air3d[cuda]'"


def renderer() -> Iterator[Finding]:
    import torch

    from renderers import automatic

    there = "PyTorch3D is installed" if find_spec("pytorch3d") else "PyTorch3D is not installed, and not needed"
    yield FINE, f"renderer=auto is {automatic(torch.device('cpu'))} on the CPU, the fastest there; {there}", ""
    if torch.cuda.is_available():
        yield FINE, f"renderer=auto is {automatic(torch.device('cuda'))} on CUDA", ""


def picture() -> Iterator[Finding]:
    """A scene painted by the chosen renderer and by the readable one, and how brightness changes along x."""
    import torch

    from renderers import build_renderer
    from renderers.convert import to_torch
    from scenes.scene import Scene, SceneConfig

    scene = Scene(SceneConfig(image_size=32))
    objects, view = to_torch(scene.batch(0, range(1), 2)), to_torch(scene.views(0, range(1)))
    painted, slopes = [], []
    for name in ("auto", "reference"):
        objects.position = objects.position.detach().clone().requires_grad_()
        image = build_renderer(name, scene).render(objects, view)
        image.square().sum().backward()
        painted.append(image.detach())
        slopes.append(objects.position.grad)
    off = (painted[0] - painted[1]).abs().max().item()
    turned = ((slopes[0] - slopes[1]).norm() / slopes[1].norm()).item()
    good = off < CLOSE and turned < SLOPE and torch.isfinite(painted[0]).all()
    found = f"a picture and its gradient differ by {off:.1e} and {turned:.1e} from renderer=reference"
    yield (FINE, found, "") if good else (WRONG, found, "remove numba's cache (below), or use renderer=reference")


def network() -> Iterator[Finding]:
    """The smallest released network finds what its own renderer painted."""
    from air3d.api.model import load
    from renderers.convert import to_torch

    model = load("pretrained/single_object", calibration_scenes=20)
    run, truth = model.run, model.run.scene.batch(3, range(1))
    image = run.renderer.render(to_torch(truth), to_torch(run.scene.views(3, range(1))))
    found, name = model(image[0]), run.scene.catalogue.names[truth.identity[0, 0]]
    right = len(found) == 1 and found.objects[0].name == name
    yield (FINE if right else WRONG), f"pretrained/single_object sees {found}; there is a {name}", ""


def wandb() -> Iterator[Finding]:
    version = metadata.version("wandb")
    modes = {name: os.environ[name] for name in ("WANDB_MODE", "WANDB_DISABLED") if name in os.environ}
    said = f"wandb {version}" + "".join(f", {name}={value}" for name, value in modes.items())
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").partition("://")[2].partition("/")[0]
    name, _, port = host.partition(":")
    try:
        socket.create_connection((name, int(port or 443)), PATIENCE).close()
        yield FINE, f"{said}; {host} answers: logger.mode=online works with an account", ""
    except OSError:
        advice = "nothing is lost: logger.mode=offline (the default) writes files, and `wandb sync` sends them later"
        yield NOTE, f"{said}; {host} is out of reach", advice


def disk() -> Iterator[Finding]:
    for place in (Path.cwd(), Path(tempfile.gettempdir())):
        free = shutil.disk_usage(place).free
        found = f"{free / 1e9:.1f} GB free in {place}"
        yield (FINE, found, "") if free > LEAST_FREE else (NOTE, found, "make room before a training")
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()):
            pass
    except OSError as error:
        yield NOTE, f"nothing can be written in {Path.cwd()}: {error.strerror}", "give run_dir= and out= elsewhere"


def cache() -> Iterator[Finding]:
    """Where numba keeps what it compiled, which takes a minute."""
    from renderers.streaming.compiler import cached_in

    yield FINE, f"compiled kernels are kept in {cached_in()}", ""


if __name__ == "__main__":
    sys.exit(main())

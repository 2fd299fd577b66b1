"""``streaming`` on CUDA: its kernels in numba's simulator everywhere, and on a real device where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from golden import FOLDER, load
from render_tools import random_looks, random_objects, random_view, small_scene

from renderers import RendererConfig, build_renderer
from renderers.convert import to_torch
from renderers.streaming import launch
from scenes.errors import UserError

HERE = Path(__file__).resolve().parent


def test_every_kernel_equals_its_twin_on_the_cpu_in_the_simulator() -> None:
    paths = [str(HERE), str(HERE.parent / "golden"), str(HERE.parents[1])]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(HERE / "cuda_simulated.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip().endswith("the kernels agree"), done.stderr[-3000:]


@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda: pip install -e '.[cuda]'")
def test_every_kernel_compiles_without_a_device() -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(HERE / "cuda_compiled.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip().endswith("the kernels compile"), done.stderr[-3000:]


def test_a_kernel_runs_on_the_device_of_its_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """``device=cuda:1``: numba launches on the current device, which torch must be told to change for the while."""
    current, launched = [torch.device("cuda", 0)], []

    @contextmanager
    def device(wanted: torch.device) -> Iterator[None]:
        before, current[0] = current[0], wanted
        yield
        current[0] = before

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=7))
    kernels = SimpleNamespace(launch=lambda name, arguments, stream: launched.append((name, current[0], stream)))
    monkeypatch.setattr(launch, "cuda", lambda: kernels)
    second = torch.device("cuda", 1)
    launch.launch("paint_forward", SimpleNamespace(is_cuda=True, device=second))  # pyright: ignore
    assert launched == [("paint_forward", second, 7)] and current == [torch.device("cuda", 0)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_there_is_one_line() -> None:
    from air3d.training.config import device_of

    with pytest.raises(UserError, match="device=cpu always works"):
        device_of("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("batch", [3, 257])
def test_a_real_device_paints_the_same_pictures_and_gradients(batch: int) -> None:
    objects, results = random_looks(random_objects(seed=batch, batch=batch), seed=1), []
    view = random_view(seed=1, batch=batch, height=24, width=24)
    names = ("intrinsics", "camera_translation", "light", "gain", "background")
    weights = torch.randn(batch, 24, 24, 3, generator=torch.Generator().manual_seed(0))
    for device in ("cpu", "cuda"):
        renderer = build_renderer("streaming", small_scene(), RendererConfig(), device)
        moved, world = to_torch(objects, device), to_torch(view, device)
        leaves = [moved.position, moved.tint, *(getattr(world, name) for name in names)]
        leaves = [leaf.detach().requires_grad_() for leaf in leaves]
        moved = replace(moved, position=leaves[0], tint=leaves[1])
        image = renderer.render(moved, replace(world, **dict(zip(names, leaves[2:], strict=True))))
        gradients = torch.autograd.grad((image * weights.to(device)).sum(), leaves)
        results.append((image.detach().cpu(), *(gradient.cpu() for gradient in gradients)))
    (cpu, *g_cpu), (cuda, *g_cuda) = results
    assert ((cpu - cuda).abs().amax(-1) < 1e-4).float().mean() > 0.999
    for mine, other in zip(g_cpu, g_cuda, strict=True):
        assert (mine - other).norm() / mine.norm() < 1e-3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_real_device_paints_what_pytorch3d_painted() -> None:
    for path in FOLDER.glob("*.npz"):
        case, _, excluded, truth = load(path)
        renderer = case.renderer("streaming").to("cuda")
        image = renderer.render(to_torch(case.objects, "cuda"), to_torch(case.view(), "cuda")).cpu()
        assert ((image - truth.image).abs().amax(-1)[~excluded] < 1e-4).float().mean() > 0.999

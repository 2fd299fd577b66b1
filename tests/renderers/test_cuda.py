"""``streaming`` on CUDA: its kernels in numba's simulator everywhere, and on a real device where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden import FOLDER, load
from render_tools import random_objects, small_scene

from renderers import RendererConfig, build_renderer
from scenes.errors import UserError

HERE = Path(__file__).resolve().parent


def test_every_kernel_equals_its_twin_on_the_cpu_in_the_simulator() -> None:
    paths = [str(HERE), str(HERE.parent / "golden"), str(HERE.parents[1])]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(HERE / "cuda_simulated.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.strip().endswith("the kernels agree"), done.stderr[-3000:]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_there_is_one_line() -> None:
    from air3d.training.config import device_of

    with pytest.raises(UserError, match="device=cpu always works"):
        device_of("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("batch", [3, 257])
def test_a_real_device_paints_the_same_pictures_and_gradients(batch: int) -> None:
    objects, results = random_objects(seed=batch, batch=batch), []
    weights = torch.randn(batch, 24, 24, 3, generator=torch.Generator().manual_seed(0))
    for device in ("cpu", "cuda"):
        renderer = build_renderer("streaming", small_scene(), RendererConfig(), device)
        moved = replace(objects, **{name: value.to(device) for name, value in vars(objects).items()})
        moved.position.requires_grad_()
        image = renderer.render(moved)
        (gradient,) = torch.autograd.grad((image * weights.to(device)).sum(), moved.position)
        results.append((image.detach().cpu(), gradient.cpu()))
    (cpu, g_cpu), (cuda, g_cuda) = results
    assert ((cpu - cuda).abs().amax(-1) < 1e-4).float().mean() > 0.999
    assert (g_cpu - g_cuda).norm() / g_cpu.norm() < 1e-3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_real_device_paints_what_pytorch3d_painted() -> None:
    for path in FOLDER.glob("*.npz"):
        case, _, excluded, truth = load(path)
        renderer = case.renderer("streaming").to("cuda")
        objects = {name: torch.as_tensor(value).cuda() for name, value in vars(case.objects).items()}
        image = renderer.render(replace(case.objects, **objects)).cpu()
        assert ((image - truth.image).abs().amax(-1)[~excluded] < 1e-4).float().mean() > 0.999

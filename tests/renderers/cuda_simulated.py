"""Run by test_cuda.py in a process of its own, with numba's CUDA simulator: every CUDA kernel against its CPU twin."""

from __future__ import annotations

import logging

import numpy as np
import torch
from render_tools import random_objects, small_scene, small_view

from renderers import RendererConfig, build_renderer
from renderers.base import FAR, NEAR
from renderers.streaming import cuda as cuda_kernels
from renderers.streaming import kernels
from scenes.catalogue import Catalogue
from scenes.mesh import build
from scenes.objects import Objects
from scenes.parts import either, revolve

SIDE = 12


def spinning_top() -> Catalogue:
    """A mesh of few triangles in two colours: the simulator is slow."""
    solid = revolve([(0, 0), (5, 4), (4, 7), (0, 7)], sections=5)
    paint = either(lambda centres: centres[:, 1] > 0, (0.9, 0.4, 0.1), (0.2, 0.5, 0.9))
    return Catalogue((build("top", solid, paint, symmetry=1),))


def compare(name: str, results: tuple, *arguments: object) -> None:
    """Run a kernel on both and compare the arrays it writes, which are those of ``arguments`` at ``results``."""
    both = []
    for run in (
        lambda *given: getattr(kernels, name)(0, len(given[0]), *given),
        lambda *given: cuda_kernels.launch(name, given),
    ):
        given = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
        run(*given)
        both.append([given[index] for index in results])
    for index, cpu, cuda in zip(results, *both, strict=True):
        assert np.abs(cpu - arguments[index]).max() > 0, f"{name} must write something"
        # fused multiply-adds on one side only: gamma magnifies the last bits of a depth, most in a gradient
        np.testing.assert_allclose(cuda, cpu, rtol=5e-4, atol=2e-5 * np.abs(cpu).max(), err_msg=name)


def main(cull: bool) -> None:
    """One pass forward and backward over two objects that hide each other, on a canvas with a third."""
    scene, view = small_scene(), small_view(2, SIDE, SIDE + 2)
    scene.catalogue = spinning_top()
    renderer = build_renderer("streaming", scene, RendererConfig(cull_backfaces=cull, sigma=1e-4))
    objects, random = random_objects(seed=3, batch=2, count=3, kinds=1, spread=0.08), np.random.default_rng(0)
    first, others = objects.slot(0), Objects.join([objects.slot(1), objects.slot(2)])
    pose = [renderer.pose(each, view, each.identity) for each in (first, others)]
    painted = torch.tensor([[True, True], [True, False]])
    canvas = renderer.splat(renderer.blank(view), *pose[0], first.identity, painted[:, :1]).numpy()
    meshes = [x.numpy() for x in (renderer.faces, renderer.face_count, others.identity.contiguous(), painted)]
    shape = [x.detach().numpy() for x in pose[1]]
    settings = renderer.settings
    floats = [np.float32(x) for x in (settings.soft, settings.gamma, settings.blur, NEAR, FAR)]
    gamma = floats[1]

    compare("paint_forward", (0,), canvas, *shape, *meshes, *floats, cull)
    out = renderer.splat(torch.from_numpy(canvas), *pose[1], others.identity, painted).numpy()
    g_out = random.standard_normal(out.shape).astype(np.float32)
    zeros = [np.zeros_like(x) for x in shape]
    compare("paint_backward", (14, 15), out, *shape, *meshes, *floats, cull, g_out, *zeros)
    compare("merge_backward", (4,), canvas, out, gamma, g_out, np.zeros_like(out))
    g_image = random.standard_normal((*out.shape[:3], 3)).astype(np.float32)
    for size in ((1, 1, 1, 3), (2, 1, 1, 3), (1, *out.shape[1:3], 3), g_image.shape):
        background = random.uniform(0, 1, size).astype(np.float32)
        compare("compose_forward", (3,), out, background, gamma, np.zeros_like(g_image))
        compare("compose_backward", (4,), out, background, gamma, g_image, np.zeros_like(out))
    compare("background_backward", (3,), out, gamma, g_image, np.zeros_like(g_image))


def quiet() -> None:
    """Programs log at INFO (Hydra sees to that); what numba's driver has to say there is nobody's business."""
    logging.getLogger().setLevel(logging.INFO)
    assert not logging.getLogger("numba.cuda.cudadrv.driver").isEnabledFor(logging.INFO)


if __name__ == "__main__":
    quiet()
    main(True)
    main(False)
    print("the kernels agree")

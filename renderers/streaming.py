"""The default backend: compiled loops over triangles and the few pixels each one touches, forward and backward.

No list of nearest faces, no sort, no tensor with a dimension for faces; only float32 and the CPU.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers import streaming_kernels as kernels
from renderers.base import Renderer, RendererConfig
from renderers.memory import keep_freed_memory
from scenes.errors import UserError
from scenes.scene import Scene


class Streaming(Renderer):
    """Splats with numba kernels. Same bits for any number of threads: a picture is never shared between two."""

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        super().__init__(scene, settings)
        keep_freed_memory()

    def splat(self, canvas: Tensor, vertices: Tensor, colours: Tensor, identity: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.splat``."""
        if canvas.device.type != "cpu" or canvas.dtype != torch.float32:
            raise UserError(f"renderer=streaming works in float32 on the CPU, not in {canvas.dtype} on {canvas.device}")
        settings = self.settings
        floats = (settings.sigma, settings.gamma, settings.blur, self.znear, self.zfar)
        numbers = (*map(np.float32, floats), settings.cull_backfaces)
        return _Paint.apply(canvas, vertices, colours, (self.faces, self.face_count, identity, painted), numbers)

    def develop(self, canvas: Tensor) -> Tensor:
        """See ``Renderer.develop``; fused, because a canvas is large and each torch operation would stream it again."""
        return _Develop.apply(canvas, self.background, np.float32(self.settings.gamma))


class _Paint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, vertices: Tensor, colours: Tensor, mesh: tuple, numbers: tuple) -> Tensor:
        out = canvas.detach().clone(memory_format=torch.contiguous_format)
        inputs = [out, *(x.detach().contiguous() for x in (vertices, colours, *mesh))]
        _over_pictures(kernels.paint_forward, len(out), *_arrays(*inputs), *numbers)
        ctx.save_for_backward(canvas, *inputs)
        ctx.numbers = numbers
        return out

    @staticmethod
    def backward(ctx: Any, g_out: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        canvas, *inputs = ctx.saved_tensors
        out, vertices, colours = inputs[:3]
        g_out, g_vertices, g_colours = g_out.contiguous(), torch.empty_like(vertices), torch.empty_like(colours)
        gradients = _arrays(g_out, g_vertices, g_colours)
        _over_pictures(kernels.paint_backward, len(out), *_arrays(*inputs), *ctx.numbers, *gradients)
        if not ctx.needs_input_grad[0]:
            return None, g_vertices, g_colours, None, None
        g_canvas, gamma = torch.empty_like(out), ctx.numbers[1]
        before = canvas.detach().contiguous()
        _over_pictures(kernels.merge_backward, len(out), *_arrays(before, out), gamma, *_arrays(g_out, g_canvas))
        return g_canvas, g_vertices, g_colours, None, None


class _Develop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, background: Tensor, gamma: np.float32) -> Tensor:
        canvas = canvas.detach().contiguous()
        image = canvas.new_empty(*canvas.shape[:3], 3)
        _over_pictures(kernels.develop_forward, len(image), *_arrays(canvas, background), gamma, *_arrays(image))
        ctx.save_for_backward(canvas, background)
        ctx.gamma = gamma
        return image

    @staticmethod
    def backward(ctx: Any, g_image: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        canvas, background = ctx.saved_tensors
        g_canvas = torch.empty_like(canvas)
        arrays = _arrays(g_image.contiguous(), g_canvas)
        _over_pictures(kernels.develop_backward, len(canvas), *_arrays(canvas, background), ctx.gamma, *arrays)
        return g_canvas, None, None


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def _over_pictures(kernel: Callable[..., None], batch: int, *arguments: Any) -> None:
    """Run a kernel over ranges of pictures on as many threads as torch uses; a few ranges each even out the load."""
    threads = min(torch.get_num_threads(), batch)
    if threads <= 1:
        kernel(0, batch, *arguments)
        return
    bounds = np.linspace(0, batch, min(batch, 4 * threads) + 1).astype(int).tolist()
    ranges = pairwise(bounds)
    for future in [_pool(threads, os.getpid()).submit(kernel, *pair, *arguments) for pair in ranges]:
        future.result()


@lru_cache(maxsize=8)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads do not survive a fork, so every process has its own; numba's own thread pool would abort after one."""
    return ThreadPoolExecutor(threads, thread_name_prefix="streaming")

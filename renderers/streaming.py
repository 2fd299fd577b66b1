"""The default backend: compiled loops over triangles and the few pixels each one touches, forward and backward.

No list of nearest faces, no sort, no tensor with a dimension for faces. Where the tensors lie decides which loops run:
streaming_kernels on the CPU, streaming_cuda on CUDA. float32 only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers import streaming_kernels as kernels
from renderers.base import Renderer, RendererConfig
from renderers.memory import keep_freed_memory
from renderers.projection import yaw_matrix
from scenes.errors import UserError
from scenes.scene import Scene


class Streaming(Renderer):
    """Splats with numba kernels. On the CPU the same bits for any number of threads: each picture has one of them."""

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        super().__init__(scene, settings)
        keep_freed_memory()

    def pose(self, identity: Tensor, position: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Renderer.pose``; fused on the CPU, unless the meshes themselves want gradients."""
        meshes = self.vertices, self.normals, self.albedo, self.vertex_count
        if self.vertices.is_cuda or rotation.dtype != torch.float32 or any(x.requires_grad for x in meshes[:3]):
            return super().pose(identity, position, rotation)
        yaw = yaw_matrix(rotation.flatten())
        shift = position.flatten(0, 1) @ self.camera_rotation + self.camera_translation
        numbers = tuple(map(np.float32, (self.scale, self.settings.ambient, self.settings.diffuse)))
        posed = _Pose.apply(yaw @ self.camera_rotation, shift, yaw @ self.light, (identity.flatten(), *meshes), numbers)
        return posed[0].unflatten(0, identity.shape), posed[1].unflatten(0, identity.shape)

    def splat(self, canvas: Tensor, vertices: Tensor, colours: Tensor, identity: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.splat``."""
        if canvas.device.type not in ("cpu", "cuda") or canvas.dtype != torch.float32:
            where = f"{canvas.dtype} on {canvas.device}"
            raise UserError(f"renderer=streaming works in float32, on the CPU and on CUDA, not in {where}")
        settings = self.settings
        floats = (settings.sigma, settings.gamma, settings.blur, self.znear, self.zfar)
        numbers = (*map(np.float32, floats), settings.cull_backfaces)
        return _Paint.apply(canvas, vertices, colours, (self.faces, self.face_count, identity, painted), numbers)

    def develop(self, canvas: Tensor) -> Tensor:
        """See ``Renderer.develop``; fused, because a canvas is large and each torch operation would stream it again."""
        return _Develop.apply(canvas, self.background, np.float32(self.settings.gamma))


class _Pose(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, turn: Tensor, shift: Tensor, towards: Tensor, meshes: tuple, numbers: tuple) -> tuple:
        moves = [x.detach().contiguous() for x in (turn, shift, towards)]
        vertices, colours = (turn.new_zeros(len(turn), meshes[1].shape[1], 3) for _ in range(2))
        _launch("pose_forward", *moves, *meshes, *numbers, vertices, colours)
        ctx.save_for_backward(moves[2], *meshes, vertices)
        ctx.numbers = numbers
        return vertices, colours

    @staticmethod
    def backward(ctx: Any, g_vertices: Tensor, g_colours: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        towards, *meshes, vertices = ctx.saved_tensors
        scale, _, diffuse = ctx.numbers
        g_turn, g_shift, g_towards = towards.new_zeros(len(towards), 3, 3), *torch.zeros(2, len(towards), 3)
        given = g_vertices.contiguous(), g_colours.contiguous()
        _launch("pose_backward", towards, *meshes, scale, diffuse, vertices, *given, g_turn, g_shift, g_towards)
        return g_turn, g_shift, g_towards, None, None


class _Paint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, vertices: Tensor, colours: Tensor, mesh: tuple, numbers: tuple) -> Tensor:
        out = canvas.detach().clone(memory_format=torch.contiguous_format)
        inputs = [out, *(x.detach().contiguous() for x in (vertices, colours, *mesh))]
        _launch("paint_forward", *inputs, *numbers)
        ctx.save_for_backward(canvas, *inputs)
        ctx.numbers = numbers
        return out

    @staticmethod
    def backward(ctx: Any, g_out: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        canvas, *inputs = ctx.saved_tensors
        out, vertices, colours = inputs[:3]
        g_out, g_vertices, g_colours = g_out.contiguous(), torch.zeros_like(vertices), torch.zeros_like(colours)
        _launch("paint_backward", *inputs, *ctx.numbers, g_out, g_vertices, g_colours)
        if not ctx.needs_input_grad[0]:
            return None, g_vertices, g_colours, None, None
        g_canvas, gamma = torch.empty_like(out), ctx.numbers[1]
        _launch("merge_backward", canvas.detach().contiguous(), out, gamma, g_out, g_canvas)
        return g_canvas, g_vertices, g_colours, None, None


class _Develop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, background: Tensor, gamma: np.float32) -> Tensor:
        canvas = canvas.detach().contiguous()
        image = canvas.new_empty(*canvas.shape[:3], 3)
        _launch("develop_forward", canvas, background, gamma, image)
        ctx.save_for_backward(canvas, background)
        ctx.gamma = gamma
        return image

    @staticmethod
    def backward(ctx: Any, g_image: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        canvas, background = ctx.saved_tensors
        g_canvas = torch.empty_like(canvas)
        _launch("develop_backward", canvas, background, ctx.gamma, g_image.contiguous(), g_canvas)
        return g_canvas, None, None


def _launch(name: str, first: Tensor, *others: Any) -> None:
    """Run the kernel ``name`` where its first tensor lies: here on threads, or on CUDA in torch's current stream."""
    arguments = (first, *others)
    if first.is_cuda:
        _cuda().launch(name, arguments, torch.cuda.current_stream(first.device).cuda_stream)
    else:
        arrays = (argument.numpy() if isinstance(argument, Tensor) else argument for argument in arguments)
        _over_pictures(getattr(kernels, name), len(first), *arrays)


def _cuda() -> Any:
    if find_spec("numba_cuda") is None:
        raise UserError("renderer=streaming on CUDA needs numba-cuda: pip install -e '.[cuda]', or device=cpu")
    return import_module("renderers.streaming_cuda")


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

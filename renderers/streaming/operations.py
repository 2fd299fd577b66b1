"""The steps of ``streaming`` as torch operations with gradients.

Gradients that a training on fixed cameras, lights and colours never asks for come from kernels of their own, which run
only where they are wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.streaming.launch import launch


class Pose(torch.autograd.Function):
    """``projection`` and ``shading`` of M objects as one. ``lens`` [M, 4] and ``surface`` [M, 5] as named there."""

    @staticmethod
    def forward(
        ctx: Any, turn: Tensor, shift: Tensor, towards: Tensor, lens: Tensor, surface: Tensor, meshes: tuple
    ) -> tuple:
        aspect = lens[:, 1:2] / lens[:, :1]  # 1 where pixels are square: then x and y share a division, to the last bit
        lens = torch.cat([lens[:, :1], aspect, lens[:, 2:]], 1)
        moves = [x.detach().contiguous() for x in (turn, shift, towards, lens, surface)]
        vertices, colours = (turn.new_zeros(len(turn), meshes[1].shape[1], 3) for _ in range(2))
        launch("pose_forward", *moves, *meshes, vertices, colours)
        ctx.save_for_backward(*moves[2:], *meshes, vertices)
        return vertices, colours

    @staticmethod
    def backward(ctx: Any, g_vertices: Tensor, g_colours: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        towards, lens, surface, *meshes, vertices = ctx.saved_tensors
        given = g_vertices.contiguous(), g_colours.contiguous()
        g_turn, g_shift, g_towards = towards.new_zeros(len(towards), 3, 3), *torch.zeros(2, len(towards), 3)
        launch("pose_backward", towards, lens, surface, *meshes, vertices, *given, g_turn, g_shift, g_towards)
        if not any(ctx.needs_input_grad[3:5]):
            return g_turn, g_shift, g_towards, None, None, None
        g_lens, g_surface = torch.zeros_like(lens), torch.zeros_like(surface)
        launch("view_backward", towards, lens, surface, *meshes, vertices, *given, g_lens, g_surface)
        return g_turn, g_shift, g_towards, g_lens, g_surface, None


class Paint(torch.autograd.Function):
    """Merge posed meshes into canvases."""

    @staticmethod
    def forward(ctx: Any, canvas: Tensor, vertices: Tensor, colours: Tensor, mesh: tuple, numbers: tuple) -> Tensor:
        out = canvas.detach().clone(memory_format=torch.contiguous_format)
        inputs = [out, *(x.detach().contiguous() for x in (vertices, colours, *mesh))]
        launch("paint_forward", *inputs, *numbers)
        ctx.save_for_backward(canvas, *inputs)
        ctx.numbers = numbers
        return out

    @staticmethod
    def backward(ctx: Any, g_out: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        canvas, *inputs = ctx.saved_tensors
        out, vertices, colours = inputs[:3]
        g_out, g_vertices, g_colours = g_out.contiguous(), torch.zeros_like(vertices), torch.zeros_like(colours)
        launch("paint_backward", *inputs, *ctx.numbers, g_out, g_vertices, g_colours)
        if not ctx.needs_input_grad[0]:
            return None, g_vertices, g_colours, None, None
        g_canvas, gamma = torch.empty_like(out), ctx.numbers[1]
        launch("merge_backward", canvas.detach().contiguous(), out, gamma, g_out, g_canvas)
        return g_canvas, g_vertices, g_colours, None, None


class Recolour(torch.autograd.Function):
    """The canvas ``after`` with the colours of what ``before`` lacks times 1 + excess [B, 3]."""

    @staticmethod
    def forward(ctx: Any, before: Tensor, after: Tensor, excess: Tensor, gamma: np.float32) -> Tensor:
        before, after, excess = (x.detach().contiguous() for x in (before, after, excess))
        out = torch.empty_like(after)
        launch("recolour_forward", before, after, gamma, excess, out)
        ctx.save_for_backward(before, after, excess)
        ctx.gamma = gamma
        return out

    @staticmethod
    def backward(ctx: Any, g_out: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        before, after, excess = ctx.saved_tensors
        g_before, g_after = torch.empty_like(before), torch.empty_like(after)
        launch("recolour_backward", before, after, ctx.gamma, excess, g_out.contiguous(), g_before, g_after)
        return g_before, g_after, None, None


class Compose(torch.autograd.Function):
    """The picture of a canvas over a background that broadcasts against it, [1 or B, 1 or H, 1 or W, 3]."""

    @staticmethod
    def forward(ctx: Any, canvas: Tensor, background: Tensor, gamma: np.float32) -> Tensor:
        canvas, background = canvas.detach().contiguous(), background.detach().contiguous()
        image = canvas.new_empty(*canvas.shape[:3], 3)
        launch("compose_forward", canvas, background, gamma, image)
        ctx.save_for_backward(canvas, background)
        ctx.gamma = gamma
        return image

    @staticmethod
    def backward(ctx: Any, g_image: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        canvas, background = ctx.saved_tensors
        g_image, g_background = g_image.contiguous(), None
        g_canvas = torch.empty_like(canvas)
        launch("compose_backward", canvas, background, ctx.gamma, g_image, g_canvas)
        if ctx.needs_input_grad[1]:
            seen = torch.empty_like(g_image)
            launch("background_backward", canvas, ctx.gamma, g_image, seen)
            g_background = seen.sum_to_size(background.shape)
        return g_canvas, g_background, None

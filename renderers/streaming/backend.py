"""``renderer=streaming``: which loops paint which picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.alternatives import Touched
from renderers.base import FAR, NEAR, Renderer, empty_table, placed
from renderers.memory import keep_freed_memory
from renderers.projection import lenses, once
from renderers.recolour import Last
from renderers.settings import RendererConfig
from renderers.shading import surfaces
from renderers.streaming.launch import launch
from renderers.streaming.operations import Compose, Paint, Pose, Recolour
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View


class Streaming(Renderer):
    """Splats with numba kernels. On the CPU the same bits for any number of threads: each picture has one of them."""

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        super().__init__(scene, settings)
        keep_freed_memory()

    def pose(self, objects: Objects, view: View, entry: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Renderer.pose``; fused on the CPU, unless the meshes themselves want gradients."""
        meshes = self.vertices, self.normals, self.albedo, self.vertex_count
        if self.vertices.is_cuda or objects.rotation.dtype != torch.float32 or any(x.requires_grad for x in meshes[:3]):
            return super().pose(objects, view, entry)
        turn, shift, towards = placed(objects, view)
        slots, tint = objects.slots, objects.tint
        lens = once(
            view, ("lens", slots), lambda: lenses(view).to(turn).expand(len(view), 4).repeat_interleave(slots, 0)
        )
        surface = (
            surfaces(view, tint, slots)
            if tint is not None
            else once(view, ("surface", slots), lambda: surfaces(view, None, slots))
        )
        posed = Pose.apply(turn, shift, towards, lens, surface, (entry.flatten(), *meshes))
        return posed[0].unflatten(0, entry.shape), posed[1].unflatten(0, entry.shape)

    def splat(self, canvas: Tensor, corners: Tensor, colours: Tensor, entry: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.splat``."""
        if canvas.device.type not in ("cpu", "cuda") or canvas.dtype != torch.float32:
            where = f"{canvas.dtype} on {canvas.device}"
            raise UserError(f"renderer=streaming works in float32, on the CPU and on CUDA, not in {where}")
        return Paint.apply(canvas, corners, colours, (self.faces, self.face_count, entry, painted), self.numbers)

    def compose(self, canvas: Tensor, background: Tensor) -> Tensor:
        """See ``Renderer.compose``; fused, because a canvas is large and torch would stream it for every operation."""
        return Compose.apply(canvas, background, np.float32(self.settings.gamma))

    @torch.no_grad()
    def last(self, before: Tensor, after: Tensor, view: View, pictures: Tensor) -> Last:
        """See ``Renderer.last``; fused on the CPU, a pixel as it is painted."""
        if after.is_cuda or self.settings.antialias > 1:
            return super().last(before, after, view, pictures)
        image, front = (after.new_empty(*after.shape[:3], 3) for _ in range(2))
        square, product = after.new_zeros(2, len(after), 3)
        inputs = before.contiguous(), after.contiguous(), empty_table(view).to(after).contiguous()
        gamma = np.float32(self.settings.gamma)
        launch("last_forward", *inputs, gamma, pictures.contiguous(), image, front, square, product)
        return Last(image, front, square, product)

    @torch.no_grad()
    def alternatives(
        self, canvas: Tensor, objects: Objects, view: View, pictures: Tensor, fronts: bool = True
    ) -> Touched:
        """See ``Renderer.alternatives``; on the CPU the touched pixels alone."""
        if canvas.is_cuda or self.settings.antialias > 1:
            return super().alternatives(canvas, objects, view, pictures, fronts)
        entry, painted = self.entry(objects), objects.presence > 0.5
        corners, colours = self.pose(objects, view, entry)
        self.check(corners, objects, painted)
        most = self.most_pixels(corners, painted, canvas)
        shape = (*painted.shape, most)
        number, before = torch.zeros(painted.shape, dtype=torch.int32), torch.zeros(shape)
        lacking, front = torch.zeros(*shape, 3), torch.zeros(*shape, 3)
        table = empty_table(view).to(canvas).contiguous()
        launch(
            "alternatives_forward", canvas.contiguous(), table, pictures.contiguous(), corners, colours, self.faces,
            self.face_count, entry, painted, *self.numbers, number, before, lacking, front,
        )  # fmt: skip
        used = int(number.max())
        return Touched(before[..., :used], lacking[..., :used, :], front[..., :used, :])

    def most_pixels(self, corners: Tensor, painted: Tensor, canvas: Tensor) -> int:
        """No alternative touches more."""
        height, width = canvas.shape[1:3]
        low, high = corners[..., :2].amin(2), corners[..., :2].amax(2)
        sides = (high - low + 2 * math.sqrt(self.settings.blur)) * (min(height, width) / 2) + 3
        return min(height * width, math.ceil((sides.prod(-1) * painted).max().item()))

    @property
    def numbers(self) -> tuple[Any, ...]:
        """The settings, as kernels take them."""
        settings = self.settings
        floats = (settings.sigma, settings.gamma, settings.blur, NEAR, FAR)
        return (*map(np.float32, floats), settings.cull_backfaces)

    def recoloured(self, before: Tensor, after: Tensor, excess: Tensor) -> Tensor:
        """See ``Renderer.recoloured``; fused on the CPU."""
        if after.is_cuda:
            return super().recoloured(before, after, excess)
        return Recolour.apply(before, after, excess, np.float32(self.settings.gamma))

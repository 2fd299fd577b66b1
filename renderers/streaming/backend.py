"""``renderer=streaming``: which loops paint which picture."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from renderers.alternatives import Touched
from renderers.base import FAR, NEAR, Renderer, empty_table, fitting, placed
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
        painted = objects.presence > 0.5
        there, picture = objects.each(lambda _, array: array[painted][:, None]), painted.nonzero()[:, 0]
        bare = replace(view, background=view.background.new_zeros(1, 3).expand(len(view), 3))  # those are large
        entry, behind = self.entry(there), fitting(bare, len(canvas))[picture]
        corners, colours = self.pose(there, behind, entry)
        self.check(corners, there, there.presence > 0.5)
        most = self.most_pixels(corners[:, 0], canvas)
        start, pixels = most.cumsum(0) - most, int(most.sum())
        before, lacking, front = torch.zeros(pixels), torch.zeros(pixels, 3), torch.zeros(pixels, 3)
        table = empty_table(view).to(canvas).contiguous()
        launch(
            "alternatives_forward", picture, canvas.contiguous(), table, pictures.contiguous(), corners[:, 0],
            colours[:, 0], self.faces, self.face_count, entry[:, 0], *self.numbers, start, before, lacking, front,
        )  # fmt: skip
        return Touched(before, lacking, front, torch.zeros_like(objects.identity).masked_scatter(painted, most))

    def most_pixels(self, corners: Float[Tensor, "object vertex 3"], canvas: Tensor) -> Int[Tensor, " object"]:
        """None of them touches more: those of the box around it that lie in the picture."""
        sides = torch.tensor(canvas.shape[1:3]).flip(0)  # width, height
        reach, half = math.sqrt(self.settings.blur), sides.min() / 2
        middle, low, high = (sides - 1) / 2, corners[..., :2].amin(1), corners[..., :2].amax(1)
        # +x of a view is to the left, +y up
        first = (middle - (high + reach) * half - 1).floor().clamp_min(0)
        last = (middle - (low - reach) * half + 1).ceil().minimum(sides - 1)
        return (last - first + 1).clamp_min(0).prod(-1).long()

    @property
    def numbers(self) -> tuple[Any, ...]:
        """The settings, as kernels take them."""
        settings = self.settings
        floats = (settings.soft, settings.gamma, settings.blur, NEAR, FAR)
        return (*map(np.float32, floats), settings.cull_backfaces)

    def recoloured(self, before: Tensor, after: Tensor, excess: Tensor) -> Tensor:
        """See ``Renderer.recoloured``; fused on the CPU."""
        if after.is_cuda:
            return super().recoloured(before, after, excess)
        return Recolour.apply(before, after, excess, np.float32(self.settings.gamma))

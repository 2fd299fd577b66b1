"""Gradients for a renderer that has none: central differences through any function from scenes to pictures.

How "Attend, Infer, Repeat" itself learned 3D scenes (Eslami et al., NIPS 2016, arXiv 1603.08575, section on 3D scenes):
its renderer was a black box, differentiated by finite differences. The identity needs no gradient, it is a choice.

A function of one's own, here one that a picture's grey tells how many objects there are, and a name for it::

    def grey(objects: Objects, camera: Camera) -> np.ndarray:
        tone = objects.presence.mean(1) if objects.slots else np.zeros(len(objects))
        return np.broadcast_to(tone[:, None, None, None], (len(objects), camera.height, camera.width, 3))

    renderer = FiniteDifference(scene, RendererConfig(), grey)

    renderers.black_boxes.register("grey", lambda scene, settings: grey)
    renderer = build_renderer("finite_difference", scene, RendererConfig(black_box="grey"))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from renderers import build_renderer
from renderers.base import Renderer, RendererConfig
from renderers.black_boxes import BlackBox, Checked, build_black_box
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene

IDENTITY, POSE, YAW, PRESENCE, MOVES, TURNS = 0, slice(1, 5), 4, 5, 6, 7
NUMBERS = 8  # of an object on a canvas: identity, x, y, z, yaw, presence; is a gradient wanted for position, for yaw
CALL = 512  # pictures asked for at a time, which bounds the memory


class FiniteDifference(Renderer):
    """A canvas [batch, object, 8] is the list of what was painted; ``develop`` hands whole scenes to the black box.

    Backward, every wanted number of a pose costs two more pictures: of all objects, with this one moved by
    ``settings.position_step`` metres or turned by ``settings.rotation_step`` radians to either side. The error is of
    second order in the step. Absent objects, and those painted with poses that need no gradient, cost nothing.

    function: (Objects of numpy arrays, present ones first; Camera) -> [batch, height, width, 3] floats in [0, 1], the
        same for the same scene whatever else is in the batch. Default: the one named ``settings.black_box``.
    heights: whether z gets a gradient. Default: where the scene has elevation; where everything stands on the table its
        z is known, the gradient is left at 0 and a quarter of the pictures is saved.

    Raises UserError for an unknown black box, and for pictures of the wrong shape, not finite or not in [0, 1].
    """

    def __init__(
        self, scene: Scene, settings: RendererConfig, function: BlackBox | None = None, heights: bool | None = None
    ) -> None:
        super().__init__(scene, settings)
        name = settings.black_box if function is None else getattr(function, "__name__", type(function).__name__)
        self.black_box = Checked(name, function or build_black_box(name, scene, settings), scene.camera)
        self.heights = scene.layout.elevation > 0 if heights is None else heights
        self.scene = scene

    def blank(self, batch: int) -> Float[Tensor, "batch 0 8"]:
        """A canvas without objects for each of ``batch`` pictures."""
        return self.vertices.new_zeros(batch, 0, NUMBERS)

    def add(self, canvas: Tensor, identity: Tensor, position: Tensor, rotation: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.add``: the objects are noted down, nothing is painted yet."""
        with torch.no_grad():
            self.check(self.pose(identity, position, rotation)[0], position, rotation)
        wanted = [torch.full_like(rotation, pose.requires_grad).detach() for pose in (position, rotation)]
        numbers = [identity, *position.unbind(-1), rotation, painted, *wanted]
        added = torch.stack([number.to(canvas.dtype) for number in numbers], -1)
        return torch.cat([canvas, torch.where(painted[..., None], added, 0)], 1)

    def develop(self, canvas: Float[Tensor, "batch object 8"]) -> Float[Tensor, "batch height width 3"]:
        """The black box's pictures of what the canvas lists, in [0, 1]."""
        present = canvas.detach()[..., PRESENCE] > 0.5
        most = max(present.sum(1).tolist(), default=0)
        # present ones first, as in Objects, and no slot that is empty in every picture
        order = present.int().argsort(dim=1, descending=True, stable=True)[:, :most]
        return _Develop.apply(canvas.gather(1, order[..., None].expand(-1, -1, NUMBERS)), self)

    def pictures(self, numbers: Float[np.ndarray, "batch object 8"]) -> Float[np.ndarray, "batch height width 3"]:
        """Ask the black box, a large batch at a time; all empty tables look the same, so one of them is enough."""
        shown = numbers[..., PRESENCE].any(1)
        asked = numbers[np.append(np.flatnonzero(shown), np.flatnonzero(~shown)[:1])]
        starts = range(0, max(len(asked), 1), CALL)
        painted = np.concatenate([self.black_box(described(asked[start : start + CALL])) for start in starts])
        return painted[np.where(shown, np.cumsum(shown) - 1, shown.sum())]

    def slopes(
        self, numbers: Float[np.ndarray, "batch object 8"], gradient: Float[np.ndarray, "batch height width 3"]
    ) -> Float[np.ndarray, "batch object 8"]:
        """How ``(gradient * picture).sum()`` changes with every number of every pose that wants to know."""
        steps = np.array([self.settings.position_step] * 3 + [self.settings.rotation_step])
        useful = np.array([True, True, self.heights, True])
        wanted = numbers[..., [MOVES, MOVES, MOVES, TURNS]].astype(bool) & useful
        result = np.zeros_like(numbers)
        every = np.argwhere(wanted)
        for start in range(0, len(every), CALL // 2):
            row, slot, number = every[start : start + CALL // 2].T
            moved = np.stack([numbers[row]] * 2)
            both = np.arange(len(row)), slot, POSE.start + number
            moved[0][both] += steps[number]
            moved[1][both] -= steps[number]
            ahead, behind = np.split(self.pictures(moved.reshape(-1, *numbers.shape[1:])), 2)
            change = np.einsum("phwc,phwc->p", ahead - behind, gradient[row])
            result[row, slot, both[2]] = change / (2 * steps[number])
        return result

    @contextmanager
    def softened(self, settings: RendererConfig) -> Iterator[None]:
        """See ``Renderer.softened``; for black boxes that can be softened, as every backend here can."""
        inner = getattr(self.black_box.function, "softened", None)
        if inner is None and settings != self.settings:
            raise UserError(
                f"the black box '{self.black_box.name}' has no softness that a schedule could change: "
                "leave trainer.schedule.render_*_start at null"
            )
        with super().softened(settings), nullcontext() if inner is None else inner(settings):
            yield

    @cached_property
    def layers(self) -> Renderer:
        """The same meshes, camera and background with canvases of layers, for asking which object owns a pixel."""
        return build_renderer("streaming", self.scene, self.settings)


class _Develop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, renderer: FiniteDifference) -> Tensor:
        ctx.save_for_backward(canvas)
        ctx.renderer, ctx.settings = renderer, renderer.settings
        return canvas.new_tensor(renderer.pictures(_array(canvas)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        (canvas,), renderer = ctx.saved_tensors, ctx.renderer
        with renderer.softened(ctx.settings):  # as it was forward, whatever has changed since
            return canvas.new_tensor(renderer.slopes(_array(canvas), _array(gradient))), None


def described(numbers: Float[np.ndarray, "batch object 8"]) -> Objects:
    """Rows of a canvas as a black box is told: identity int64, metres and radians float64, presence bool."""
    yaw = numbers[..., YAW]
    yaw = np.where(np.abs(yaw) > np.pi, np.pi - (np.pi - yaw) % (2 * np.pi), yaw)  # into (-pi, pi], also after a step
    position = numbers[..., POSE][..., :3].copy()
    return Objects(numbers[..., IDENTITY].astype(np.int64), position, yaw, numbers[..., PRESENCE] > 0.5)


def _array(tensor: Tensor) -> np.ndarray:
    """In float64: a step of a millimetre should not be rounded away."""
    return tensor.detach().cpu().double().numpy()

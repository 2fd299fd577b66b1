"""The backend: a canvas lists what was painted, and only ``develop`` asks the black box for pictures."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from renderers import build_renderer
from renderers.base import Renderer, RendererConfig, fitting
from renderers.black_boxes import BlackBox, Checked, build_black_box
from renderers.finite_difference.differences import Develop, Differences, Numbers, Pictures, parts
from renderers.finite_difference.listing import NUMBERS, PRESENCE, described, listed
from scenes.arrays import shared
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import ARRAYS, View


class FiniteDifference(Renderer):
    """A canvas [batch, object, number] lists what was painted; ``develop`` hands whole scenes to the black box, under
    the view that it is given itself.

    Backward, every wanted number of objects and view costs two more pictures: of the whole scene with this one moved to
    either side (see ``moves``). The error is of second order in the step. A background picture costs six, because
    pixels do not influence one another. Absent objects, and what needs no gradient, cost nothing.

    function: (Objects, present ones first, and View, numpy) -> [batch, height, width, 3] floats in [0, 1], the same for
        the same scene whatever else is in the batch. Default: the one named ``settings.black_box``.
    heights: whether z gets a gradient. Default: where the scene has elevation; where everything stands on the table its
        z is known, the gradient is left at 0 and a quarter of the pictures is saved.

    Raises UserError for an unknown black box, and for pictures of the wrong shape, not finite or not in [0, 1].
    """

    def __init__(
        self, scene: Scene, settings: RendererConfig, function: BlackBox | None = None, heights: bool | None = None
    ) -> None:
        super().__init__(scene, settings)
        name = settings.black_box if function is None else getattr(function, "__name__", type(function).__name__)
        self.black_box = Checked(name, function or build_black_box(name, scene, settings))
        heights = scene.layout.elevation > 0 if heights is None else heights
        self.differences = Differences(self.pictures, settings, heights)
        self.scene, self._layers = scene, None

    def blank(self, view: View) -> Float[Tensor, "batch 0 number"]:
        """A canvas without objects for each picture."""
        return self.vertices.new_zeros(len(view), 0, NUMBERS)

    def paint(
        self, canvas: Float[Tensor, "batch object number"], objects: Objects, view: View
    ) -> Float[Tensor, "batch more number"]:
        """See ``Renderer.paint``: the objects are noted down, nothing is painted yet."""
        painted = objects.presence.detach() > 0.5
        with torch.no_grad():
            corners = self.pose(objects, fitting(view, len(objects)), self.entry(objects))[0]
            self.check(corners, objects, painted)
        return torch.cat([canvas, listed(objects, painted, canvas)], 1)

    def develop(
        self, canvas: Float[Tensor, "batch object number"], view: View
    ) -> Float[Tensor, "batch height width 3"]:
        """The black box's pictures of what the canvas lists, in [0, 1]."""
        view, present = fitting(view, len(canvas)), canvas.detach()[..., PRESENCE] > 0.5
        most = max(present.sum(1).tolist(), default=0)
        # present ones first, as in Objects, and no slot that is empty in every picture
        order = present.int().argsort(dim=1, descending=True, stable=True)[:, :most]
        numbers = canvas.gather(1, order[..., None].expand(-1, -1, NUMBERS))
        arrays = (getattr(view, name) for name in ARRAYS)
        return Develop.apply(self.differences, (view.height, view.width), numbers, *arrays)

    def pictures(self, numbers: Numbers, view: View) -> Pictures:
        """Ask the black box, a large batch at a time; empty tables under one view look the same, so one is enough."""
        shown, alike = numbers[..., PRESENCE].any(1), all(shared(getattr(view, name)) for name in ARRAYS)
        first = np.append(np.flatnonzero(shown), np.flatnonzero(~shown)[:1])
        asked = first if alike else np.arange(len(numbers))
        painted = [self.black_box(described(numbers[part]), view[part]) for part in [*parts(asked)] or [asked]]
        painted = np.concatenate(painted)
        return painted[np.where(shown, np.cumsum(shown) - 1, shown.sum())] if alike else painted

    @property
    def layers(self) -> Renderer:
        """The same meshes where this one works, with canvases of layers, to ask which object owns a pixel."""
        if self._layers is None:
            self._layers = build_renderer("auto", self.scene, self.settings, self.device)
        return self._layers

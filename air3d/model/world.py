"""Step 0: the world of each picture beside its objects, before any object is looked for.

Each part of a `View` is taken as `scene.view` says (scenes/view_states.py): as given, as configured, or as read off the
picture. Background and noise are read in closed form (`empty_table`); the light's gain is found with every object, as
the factor on its colours (`colour`), so that here it is only no longer believed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.model.colour import ColourPrior
from air3d.model.empty_table import empty_table
from renderers.convert import to_torch
from scenes.view import CAMERA, View
from scenes.view_states import ViewStates

FIELDS = {
    "camera": CAMERA,
    "light": ("light", "ambient", "diffuse"),
    "gain": ("gain",),
    "background": ("background",),
    "noise": ("noise",),
}
"""Part of a world -> fields of `View`."""

LEAST_NOISE = 0.01
"""Standard deviation of what no renderer gets right."""


class World:
    """How a model takes the views of its pictures: by `states`, with `configured` (one view, numpy) where they vary."""

    def __init__(self, states: ViewStates, configured: View) -> None:
        self.states, self.configured = states, configured
        self.here = lru_cache(lambda device: to_torch(configured, device))
        self.open = [part for part in FIELDS if getattr(states, part) != "known"]
        self.reads = "inferred" in (states.background, states.noise)

    def believed(self, pictures: Float[Tensor, "batch height width 3"], view: View) -> View:
        """What is believed of these pictures, of which `view` is said: `view` itself where all of it is known."""
        if not self.open:
            return view
        stand_in = self.here(pictures.device).repeat(len(pictures))
        values = {name: getattr(stand_in, name) for part in self.open for name in FIELDS[part]}
        if self.reads:
            table, noise = empty_table(pictures)
            read = {"background": table, "noise": noise}
            values |= {name: value for name, value in read.items() if getattr(self.states, name) == "inferred"}
        return replace(view, **values)

    def noise_level(self, pictures: Float[Tensor, "batch height width 3"], view: View) -> Float[Tensor, " batch"]:
        """The unit of what is left of each picture: its own noise where that is inferred, and no less than a pixel's
        rounding and a renderer's edges; otherwise 1."""
        if self.states.noise != "inferred":
            return torch.ones_like(pictures[:, 0, 0, 0])
        return (self.believed(pictures, view).noise.square() + LEAST_NOISE**2).sqrt()

    def colours(self, told: bool) -> ColourPrior | None:
        """What is open about the colours of objects, to one who is `told` the view or not."""
        return ColourPrior.of(self.states, told)

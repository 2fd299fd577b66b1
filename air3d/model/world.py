"""Step 0: the world of each picture beside its objects, before any object is looked for.

Each part of a `View` is taken as `scene.view` says (scenes/view_states.py): as given, as configured, or as read off the
picture. Background and noise are read in closed form (`empty_table`); the light's gain is found with every object, as
the factor on its colours (`colour`), so that here it is only no longer believed. Light and camera are latents with a
prior and a posterior (`world_posterior`), whose divergence is part of the bound.

Who is told the world of a painting is told all of it but an inferred camera. In a picture of an endless table a camera
that is turned about the vertical or shifted along the table cannot be told from objects that are (docs/method.md), and
objects stand in the coordinates that the believed camera gives the table: painted through another, right objects would
be wrong ones. So what is believed of the camera stays in the bound of paintings too. What is told needs no divergence,
and learns nothing from the bound; there q learns what the painting's world was (`Worlds.log_q`), as in the sleep phase
of Hinton et al. 1995, "The wake-sleep algorithm for unsupervised neural networks".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from operator import or_

import torch
from jaxtyping import Float
from torch import Tensor, nn

from air3d.model.colour import ColourPrior
from air3d.model.empty_table import empty_table
from air3d.model.world_numbers import CameraNumbers, LightNumbers
from air3d.model.world_posterior import Gaussian, WorldPosterior
from renderers.convert import to_torch
from scenes.variation import Variation
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

NUMBERS = {"light": LightNumbers, "camera": CameraNumbers}
"""Part of a world that a network infers -> its numbers."""


@dataclass
class Worlds:
    """One world for each picture, and where a network inferred parts of it, what they cost; each [picture], nats.

    kl: of what was drawn, to its prior; log_weight: log p - log q of it, without gradient; log_q: of the true world,
    where it was told.
    """

    view: View
    kl: Float[Tensor, " picture"] | None = None
    log_weight: Float[Tensor, " picture"] | None = None
    log_q: Float[Tensor, " picture"] | None = None


class World(nn.Module):
    """How a model takes the views of its pictures: by `states`, with `configured` (one view, numpy) where they vary, by
    `ranges` as far as a prior needs them."""

    def __init__(self, states: ViewStates, configured: View, ranges: Variation | None = None) -> None:
        super().__init__()
        self.states, self.configured = states, configured
        self.here = lru_cache(lambda device: to_torch(configured, device))
        self.open = [part for part in FIELDS if getattr(states, part) != "known"]
        inferred = [part for part in NUMBERS if getattr(states, part) == "inferred"]
        parts = {part: NUMBERS[part].about(configured, ranges or Variation()) for part in inferred}
        self.posterior = WorldPosterior(parts) if parts else None
        self.reads = self.posterior is not None or "inferred" in (states.background, states.noise)

    @torch.no_grad()
    def believed(self, pictures: Float[Tensor, "batch height width 3"], view: View) -> View:
        """What is believed of these pictures, of which `view` is said: `view` itself where all of it is known. Of what
        is inferred by the network, the mean."""
        if not self.open:
            return view
        values, said = self.read(pictures)
        return self.with_numbers(view, values, {part: q.mean for part, q in said.items()})

    def drawn(self, pictures: Float[Tensor, "picture height width 3"], view: View, told: bool) -> Worlds:
        """The same, but what the likelihood is not `told` is drawn, pathwise."""
        if self.posterior is None:
            return Worlds(self.believed(pictures, view))
        values, said = self.read(pictures)
        free = [part for part in said if part == "camera" or not told]
        numbers = {part: q.sample() if part in free else q.mean.detach() for part, q in said.items()}
        worlds = Worlds(self.with_numbers(view, values, numbers))
        if free:
            worlds.kl = torch.stack([said[part].kl() for part in free]).sum(0)
            worlds.log_weight = torch.stack([said[part].log_ratio(numbers[part]) for part in free]).sum(0).detach()
        if told:
            true = {part: about.of(view) for part, about in self.posterior.parts.items()}
            worlds.log_q = torch.stack([q.log_prob(true[part]) for part, q in said.items()]).sum(0)
        return worlds

    def told(self, view: View, believed: View) -> View:
        """What is painted by one who is told the `view` of a painting: all of it but an inferred camera."""
        if self.states.camera != "inferred":
            return view
        return believed if self.open == ["camera"] else view.behind(believed)

    def read(self, pictures: Float[Tensor, "picture height width 3"]) -> tuple[dict[str, Tensor], dict[str, Gaussian]]:
        """What is open: fields of `View` as far as they are configured or read in closed form, and q of the rest."""
        stand_in = self.here(pictures.device).repeat(len(pictures))
        values = {name: getattr(stand_in, name) for part in self.open for name in FIELDS[part]}
        if not self.reads:
            return values, {}
        table, noise = empty_table(pictures)
        for name, value in (("background", table), ("noise", noise)):
            if getattr(self.states, name) == "inferred":
                values[name] = value
        return values, {} if self.posterior is None else self.posterior(pictures, table)

    def with_numbers(self, view: View, values: dict[str, Tensor], numbers: dict[str, Tensor]) -> View:
        """The view with these fields, and those that the numbers mean. An inferred camera keeps the lens it is said to
        have."""
        if self.posterior is None:
            return replace(view, **values)
        parts = self.posterior.parts
        lens = {"intrinsics": view.intrinsics} if "camera" in parts else {}
        meant = [about.fields(numbers[part]) for part, about in parts.items()]
        return replace(view, **reduce(or_, [values, lens, *meant]))

    def noise_level(self, pictures: Float[Tensor, "batch height width 3"]) -> Float[Tensor, " batch"]:
        """The unit of what is left of each picture: its own noise where that is inferred, and no less than a pixel's
        rounding and a renderer's edges; otherwise 1."""
        if self.states.noise != "inferred":
            return torch.ones_like(pictures[:, 0, 0, 0])
        return (empty_table(pictures)[1].square() + LEAST_NOISE**2).sqrt()

    def colours(self, told: bool) -> ColourPrior | None:
        """What is open about the colours of objects, to one who is `told` the view or not."""
        return ColourPrior.of(self.states, told)

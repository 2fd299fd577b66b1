"""Mitsuba's path tracer (Jakob et al. 2022): the scenes of this project on a table that light falls onto, with soft
shadows and what surfaces throw onto each other.

Radiance is what pixels say, without a curve: a surface that faces the light of a ``View`` and sees the whole sky is as
bright as ``renderers.shading`` paints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from renderers.black_boxes.mitsuba import VARIANT, Mitsuba
from renderers.painters.lights import Lights, drawn_lights, lights_of
from renderers.painters.settings import PainterConfig
from renderers.painters.table_tops import SIDE, drawn_table, table_of
from renderers.settings import RendererConfig
from scenes.generators import Part, generator
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

FAR_AWAY = 10.0  # metres to where a table ends: farther than any camera over it sees
BELOW = 1e-4  # metres from an object's base to the table: what touches would be seen through what it stands on


class PathTracer:
    """Raises UserError where Mitsuba is not installed, and for cameras whose pixels are not square."""

    def __init__(self, scene: Scene, settings: PainterConfig) -> None:
        self.settings, self.scene = settings, scene
        self.mitsuba = Mitsuba(scene, RendererConfig())
        self.library = self.mitsuba.library
        # hide_emitters, with instances among the shapes, ends Mitsuba 3.9.1: lamps are kept out of sight instead
        self.integrator = self.library.load_dict({"type": "path", "max_depth": settings.bounces + 1})

    def __call__(
        self, objects: Objects, view: View, seeds: Sequence[tuple[int, int]]
    ) -> Float[Tensor, "batch height width 3"]:
        self.library.set_variant(VARIANT)  # one for the whole process: somebody may have changed it
        painted = [self.paint(objects[row], view[row], *seed) for row, seed in enumerate(seeds)]
        return torch.from_numpy(np.stack(painted)).to(torch.float32)

    def paint(self, objects: Objects, view: View, seed: int, index: int) -> Float[np.ndarray, "height width 3"]:
        """One scene (a batch of one), picture number `index` of data set `seed`."""
        settings = self.settings
        lights = drawn_lights(view, seed, index) if settings.own_lights else lights_of(view)
        table = drawn_table(seed, index) if settings.own_tables else table_of(view)
        world = {"type": "scene", "sensor": self.mitsuba.sensor(view.camera(0), settings.rays)}
        world |= self.mitsuba.shapes(objects) | self.lamp_and_sky(lights) | {"table": self.table(table)}
        rays = int(generator(seed, index, Part.RAYS).integers(2**31))
        picture = self.library.render(self.library.load_dict(world), integrator=self.integrator, seed=rays)
        return np.array(picture)[..., :3]

    def lamp_and_sky(self, lights: Lights) -> dict[str, Any]:
        """A round lamp that faces the middle of the table, and the sky."""
        transform = self.library.ScalarTransform4f
        place = transform().look_at(origin=lights.place.tolist(), target=[0, 0, 0], up=lights.sideways.tolist())
        shines = {"type": "area", "radiance": {"type": "rgb", "value": lights.radiance.tolist()}}
        lamp = {"type": "disk", "to_world": place @ transform().scale(lights.radius), "emitter": shines}
        upright = transform().rotate([1, 0, 0], 90)  # Mitsuba's skies have their zenith along +Y
        sky = {"type": "envmap", "bitmap": self.bitmap(lights.whole_sky), "to_world": upright}
        return {"lamp": lamp, "sky": sky}

    def table(self, colours: Float[np.ndarray, "row column 3"]) -> dict[str, Any]:
        """A table without end; `colours` over a square of SIDE metres about the origin, mirrored beyond it."""
        transform = self.library.ScalarTransform4f
        place = transform().translate([0, 0, -BELOW]) @ transform().scale(FAR_AWAY)
        times = 2 * FAR_AWAY / SIDE
        inside = transform().translate([0.5 - times / 2] * 2 + [0]) @ transform().scale([times, times, 1])
        texture = {"type": "bitmap", "bitmap": self.bitmap(colours[::-1]), "raw": True, "wrap_mode": "mirror"}
        surface = {"type": "diffuse", "reflectance": texture | {"to_uv": inside}}
        return {"type": "rectangle", "to_world": place, "bsdf": surface}

    def bitmap(self, colours: Float[np.ndarray, "row column 3"]) -> Any:
        return self.library.Bitmap(np.ascontiguousarray(colours, np.float32))

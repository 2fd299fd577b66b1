"""A renderer that somebody else wrote: Mitsuba 3 (Jakob et al. 2022), ray traced, with cast shadows and no gradients.

Its scalar variant needs nothing but the wheel. The light is that of ``renderers.shading``: the ambient term is the
albedo that the rays meet, the directional one Mitsuba's own lamp, whose shadows the backends here do not have.
"""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from renderers.base import RendererConfig
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.mesh import Mesh
from scenes.objects import Objects
from scenes.scene import Scene

VARIANT = "scalar_rgb"
RAYS = 16  # a pixel, always the same ones: central differences of noise would be noise


class Mitsuba:
    """Paints the scene's catalogue under any camera; of the settings it takes ``light``, ``ambient`` and ``diffuse``.

    Raises UserError where Mitsuba is not installed.
    """

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        if find_spec("mitsuba") is None:
            raise UserError("renderer.black_box=mitsuba needs Mitsuba: pip install -e '.[mitsuba]' in the checkout")
        self.library: Any = import_module("mitsuba")
        import_module("drjit").set_thread_count(torch.get_num_threads())
        self.ambient, self.background = settings.ambient, np.array(scene.background, np.float32)
        self.library.set_variant(VARIANT)
        self.groups = [self.group(mesh) for mesh in scene.catalogue.meshes]
        self.light = self.library.load_dict(lamp(settings))
        self.integrator = self.library.load_dict(INTEGRATOR)

    def __call__(self, objects: Objects, camera: Camera) -> Float[np.ndarray, "batch height width 3"]:
        self.library.set_variant(VARIANT)  # one for the whole process: somebody may have changed it
        sensor = self.sensor(camera)
        rows = [self.paint(objects[row], sensor) for row in range(len(objects))]
        light, alpha, albedo = np.split(np.stack(rows), [3, 4], -1)
        return (light + self.ambient * albedo + (1 - alpha) * self.background).clip(0, 1)

    def paint(self, objects: Objects, sensor: Any) -> Float[np.ndarray, "height width 7"]:
        """One scene: light of the lamp (3), alpha (1) and albedo (3), all 0 where there is only background."""
        world: dict[str, Any] = {"type": "scene", "light": self.light, "sensor": sensor}
        world |= {f"shapes{identity}": group for identity, group in enumerate(self.groups)}  # seen only where placed
        for slot in np.flatnonzero(objects.presence[0]):
            place = self.library.ScalarTransform4f().translate(objects.position[0, slot].tolist())
            place = place.rotate([0, 0, 1], math.degrees(objects.rotation[0, slot]))
            group = self.groups[objects.identity[0, slot]]
            world[f"object{slot}"] = {"type": "instance", "shapes": group, "to_world": place}
        return np.array(self.library.render(self.library.load_dict(world), integrator=self.integrator, seed=0))

    def group(self, mesh: Mesh) -> Any:
        """A mesh with its normals and colours, to be placed as often as wanted."""
        properties = self.library.Properties()
        colours = {"type": "mesh_attribute", "name": "vertex_color"}
        properties["bsdf"] = self.library.load_dict({"type": "diffuse", "reflectance": colours})
        sizes = len(mesh.vertices), len(mesh.faces)
        result = self.library.Mesh(mesh.name, *sizes, has_vertex_normals=True, props=properties)
        result.add_attribute("vertex_color", 3, mesh.colours.ravel())
        values = self.library.traverse(result)
        values["vertex_positions"], values["vertex_normals"] = mesh.vertices.ravel(), mesh.normals.ravel()
        values["faces"] = mesh.faces.astype(np.uint32).ravel()
        values.update()
        return self.library.load_dict({"type": "shapegroup", "mesh": result})

    def sensor(self, camera: Camera) -> Any:
        """Mitsuba's view axes are ours: +X left, +Y up, +Z into the scene."""
        place = self.library.ScalarTransform4f().look_at(list(camera.position), list(camera.target), [0, 0, 1])
        film = {"width": camera.width, "height": camera.height, "rfilter": {"type": "box"}}
        film |= {"type": "hdrfilm", "pixel_format": "rgba", "component_format": "float32"}
        lens = {"fov": camera.field_of_view, "fov_axis": "y", "near_clip": camera.znear, "far_clip": camera.zfar}
        sampler = {"type": "multijitter", "sample_count": RAYS}
        parts = {"type": "perspective", "to_world": place, "film": film, "sampler": sampler}
        return self.library.load_dict(parts | lens)


INTEGRATOR = {
    "type": "aov",
    "aovs": "albedo:albedo",
    "light": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0, "hide_emitters": True},
}


def lamp(settings: RendererConfig) -> dict[str, Any]:
    """A diffuse surface shows albedo / pi of what falls onto it."""
    irradiance = {"type": "rgb", "value": [math.pi * settings.diffuse] * 3}
    return {"type": "directional", "direction": [-x for x in settings.light], "irradiance": irradiance}

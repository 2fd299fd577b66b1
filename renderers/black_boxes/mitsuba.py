"""A renderer that somebody else wrote: Mitsuba 3 (Jakob et al. 2022), ray traced, with cast shadows and no gradients.

Its scalar variant needs nothing but the wheel. The light is that of ``renderers.shading``: the ambient term is the
albedo that the rays meet, the directional one Mitsuba's own lamp, whose shadows the backends here do not have.
"""

from __future__ import annotations

import math
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from renderers.base import RendererConfig
from scenes.camera import FAR, NEAR, Camera
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.poses import world_poses
from scenes.scene import Scene
from scenes.view import View

VARIANT = "scalar_rgb"
RAYS = 16  # a pixel, always the same ones: central differences of noise would be noise
INTEGRATOR = {
    "type": "aov",
    "aovs": "albedo:albedo",
    "light": {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0, "hide_emitters": True},
}


class Mitsuba:
    """Paints the scene's catalogue as each picture's view shows it; of the settings it takes none.

    Raises UserError where Mitsuba is not installed, and for cameras whose pixels are not square: it has none.
    """

    def __init__(self, scene: Scene, settings: RendererConfig) -> None:
        if find_spec("mitsuba") is None:
            raise UserError("renderer.black_box=mitsuba needs Mitsuba: pip install -e '.[mitsuba]' in the checkout")
        self.library: Any = import_module("mitsuba")
        import_module("drjit").set_thread_count(torch.get_num_threads())
        self.library.set_variant(VARIANT)
        self.catalogue = scene.catalogue
        self.plain = cache(self.group)  # meshes in their own colours, to be placed as often as wanted
        self.integrator = self.library.load_dict(INTEGRATOR)

    def __call__(self, objects: Objects, view: View) -> Float[np.ndarray, "batch height width 3"]:
        self.library.set_variant(VARIANT)  # one for the whole process: somebody may have changed it
        rows = [self.paint(objects[row], view[row]) for row in range(len(objects))]
        pixels = np.stack(rows) if rows else np.zeros((0, view.height, view.width, 7))
        light, alpha, albedo = np.split(pixels, [3, 4], -1)
        ambient, background = (view.gain * view.ambient[:, None])[:, None, None], view.background
        table = background if background.ndim == 4 else background[:, None, None]
        return (light + ambient * albedo + (1 - alpha) * table).clip(0, None)

    def paint(self, objects: Objects, view: View) -> Float[np.ndarray, "height width 7"]:
        """One scene: light of the lamp (3), alpha (1) and albedo (3), all 0 where there is only background."""
        lamp = self.library.load_dict(lamp_of(view))
        world = {"type": "scene", "light": lamp, "sensor": self.sensor(view.camera(0), RAYS), **self.shapes(objects)}
        return np.array(self.library.render(self.library.load_dict(world), integrator=self.integrator, seed=0))

    def shapes(self, objects: Objects) -> dict[str, Any]:
        """The objects of one scene where they stand, for Mitsuba's description of a scene."""
        world: dict[str, Any] = {}
        rotations, translations = world_poses(objects, self.catalogue)
        for slot in np.flatnonzero(objects.presence[0]):
            identity, place = int(objects.identity[0, slot]), np.eye(4)
            size = 1.0 if objects.size is None else objects.size[0, slot]
            place[:3, :3], place[:3, 3] = size * rotations[0, slot], translations[0, slot]
            tint = None if objects.tint is None else objects.tint[0, slot]
            own = tint is None or (tint == 1).all()
            group = self.plain(identity) if own else self.group(identity, tint)
            # a group is seen only where it is placed, and placed only in a scene that holds it
            world |= {f"shapes{identity}" if own else f"tinted{slot}": group}
            placed = self.library.ScalarTransform4f(place.tolist())
            world[f"object{slot}"] = {"type": "instance", "shapes": group, "to_world": placed}
        return world

    def group(self, identity: int, tint: Float[np.ndarray, "3"] | None = None) -> Any:
        """A mesh with its normals and colours, or those times a tint."""
        mesh, properties = self.catalogue.meshes[identity], self.library.Properties()
        colours = {"type": "mesh_attribute", "name": "vertex_color"}
        properties["bsdf"] = self.library.load_dict({"type": "diffuse", "reflectance": colours})
        sizes = len(mesh.vertices), len(mesh.faces)
        result = self.library.Mesh(mesh.name, *sizes, has_vertex_normals=True, props=properties)
        result.add_attribute("vertex_color", 3, (mesh.colours if tint is None else mesh.colours * tint).ravel())
        values = self.library.traverse(result)
        values["vertex_positions"], values["vertex_normals"] = mesh.vertices.ravel(), mesh.normals.ravel()
        values["faces"] = mesh.faces.astype(np.uint32).ravel()
        values.update()
        return self.library.load_dict({"type": "shapegroup", "mesh": result})

    def sensor(self, camera: Camera, rays: int) -> Any:
        """A camera of so many rays a pixel. Mitsuba's view axes are ours: +X left, +Y up, +Z into the scene."""
        fx, fy, cx, cy = camera.intrinsics
        if not math.isclose(fx, fy, rel_tol=1e-6):
            raise UserError(f"Mitsuba has square pixels only: fx={fx:g} and fy={fy:g} must be equal")
        place = np.eye(4)
        place[:3, :3], place[:3, 3] = camera.rotation, camera.position
        film = {"width": camera.width, "height": camera.height, "rfilter": {"type": "box"}}
        film |= {"type": "hdrfilm", "pixel_format": "rgba", "component_format": "float32"}
        lens = {"fov": math.degrees(2 * math.atan(camera.width / fx / 2)), "fov_axis": "x"}
        lens |= {"principal_point_offset_x": 0.5 - (cx + 0.5) / camera.width, "near_clip": NEAR, "far_clip": FAR}
        lens |= {"principal_point_offset_y": 0.5 - (cy + 0.5) / camera.height}
        sampler = {"type": "multijitter", "sample_count": rays}
        placed = self.library.ScalarTransform4f(place.tolist())
        parts = {"type": "perspective", "to_world": placed, "film": film, "sampler": sampler}
        return self.library.load_dict(parts | lens)


def lamp_of(view: View) -> dict[str, Any]:
    """A diffuse surface shows albedo / pi of what falls onto it."""
    irradiance = {"type": "rgb", "value": (math.pi * view.diffuse[0] * view.gain[0]).tolist()}
    return {"type": "directional", "direction": (-view.light[0]).tolist(), "irradiance": irradiance}

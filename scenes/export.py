"""Scenes as GLB files, for any program that shows 3D models."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, UInt8
from trimesh.visual import ColorVisuals

from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.poses import world_poses

UP = trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0])
"""glTF's +Y is up, ours is +Z."""

TABLE = (0.235, 0.247, 0.275)

GAMMA = 2.2
"""Colours in glTF are linear; ours are as a screen shows them."""

MATERIAL = {"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}
"""Where a file names none, viewers take all for polished metal."""


def to_glb(objects: Objects, catalogue: Catalogue, table: tuple[float, float]) -> bytes:
    """The present objects of one scene (a batch of one, numpy) on their table (extent along x and y, metres), posed,
    tinted and sized."""
    scene = trimesh.Scene()
    top = trimesh.creation.box((*table, 0.01))
    top.visual = ColorVisuals(top, vertex_colors=linear(np.tile(TABLE, (len(top.vertices), 1))))
    scene.add_geometry(top, "table", transform=UP @ trimesh.transformations.translation_matrix((0, 0, -0.005)))
    rotations, translations = world_poses(objects, catalogue)
    for slot in np.flatnonzero(np.asarray(objects.presence[0]) > 0.5):
        mesh, pose = catalogue.meshes[int(objects.identity[0, slot])], np.eye(4)
        size = 1.0 if objects.size is None else float(objects.size[0, slot])
        pose[:3, :3], pose[:3, 3] = size * rotations[0, slot], translations[0, slot]
        tint = 1.0 if objects.tint is None else np.asarray(objects.tint[0, slot])
        vertices, normals = mesh.in_file()
        colours = linear((mesh.colours * tint).clip(0, 1))
        solid = trimesh.Trimesh(vertices, mesh.faces, vertex_normals=normals, process=False, vertex_colors=colours)
        scene.add_geometry(solid, f"{mesh.name}_{slot}", transform=UP @ pose)
    return scene.export(file_type="glb", tree_postprocessor=with_material)  # pyright: ignore[reportReturnType]


def linear(colours: Float[np.ndarray, "vertex 3"]) -> UInt8[np.ndarray, "vertex 4"]:
    """Opaque, as glTF has them."""
    opaque = np.concatenate([colours**GAMMA, np.ones((len(colours), 1))], 1)
    return (255 * opaque).round().astype(np.uint8)


def with_material(tree: dict[str, Any]) -> None:
    """All that is painted in one material that is not metallic."""
    tree["materials"] = [MATERIAL]
    for mesh in tree.get("meshes", []):
        for primitive in mesh["primitives"]:
            primitive["material"] = 0

"""Scenes as GLB files, for any program that shows 3D models."""

from __future__ import annotations

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals

from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.poses import world_poses

UP = trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0])
"""glTF's +Y is up, ours is +Z."""

TABLE = np.array([60, 63, 70, 255], np.uint8)


def to_glb(objects: Objects, catalogue: Catalogue, table: tuple[float, float]) -> bytes:
    """The present objects of one scene (a batch of one, numpy) on their table (extent along x and y, metres), posed,
    tinted and sized."""
    scene = trimesh.Scene()
    top = trimesh.creation.box((*table, 0.01))
    top.visual = ColorVisuals(top, face_colors=np.tile(TABLE, (len(top.faces), 1)))
    scene.add_geometry(top, "table", transform=UP @ trimesh.transformations.translation_matrix((0, 0, -0.005)))
    rotations, translations = world_poses(objects, catalogue)
    for slot in np.flatnonzero(np.asarray(objects.presence[0]) > 0.5):
        mesh, pose = catalogue.meshes[int(objects.identity[0, slot])], np.eye(4)
        size = 1.0 if objects.size is None else float(objects.size[0, slot])
        pose[:3, :3], pose[:3, 3] = size * rotations[0, slot], translations[0, slot]
        tint = 1.0 if objects.tint is None else np.asarray(objects.tint[0, slot])
        colours = np.concatenate([(mesh.colours * tint).clip(0, 1), np.ones((len(mesh.colours), 1))], 1)
        vertices, normals = mesh.in_file()
        solid = trimesh.Trimesh(vertices, mesh.faces, vertex_normals=normals, process=False,
                                vertex_colors=(255 * colours).round().astype(np.uint8))  # fmt: skip
        scene.add_geometry(solid, f"{mesh.name}_{slot}", transform=UP @ pose)
    return scene.export(file_type="glb")  # pyright: ignore[reportReturnType]

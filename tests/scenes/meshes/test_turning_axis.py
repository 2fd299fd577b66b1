"""About which line a mesh is turned: through the body of what has a handle, through the middle of all else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_folders import save

from scenes.meshes.entries import Reading, understand
from scenes.meshes.surface import Surface
from scenes.meshes.turning_axis import turning_axis

create = trimesh.creation
BODY = np.array([0.3, -0.2])


def mug() -> trimesh.Trimesh:
    """A body about `BODY`, and a handle at its right."""
    body, handle = create.cylinder(0.04, 0.10, sections=32), create.box([0.03, 0.01, 0.06])
    handle.apply_translation([0.055, 0, 0])
    solid = trimesh.util.concatenate([body, handle])
    solid.apply_translation([*BODY, 0.05])
    return solid


def axis_of(solid: trimesh.Trimesh, middle: np.ndarray) -> np.ndarray:
    return turning_axis(Surface.of(solid.vertices, solid.faces), middle)


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_mug_is_turned_about_its_body(upside_down: bool) -> None:
    solid = mug()
    if upside_down:
        solid.apply_transform(np.diag([1.0, -1.0, -1.0, 1.0]))
    body = BODY * ([1, -1] if upside_down else [1, 1])
    middle = body + np.array([0.012, 0.0])
    assert np.abs(axis_of(solid, middle) - body).max() < 0.001
    assert np.abs(axis_of(solid, middle + 0.01) - body).max() < 0.001, "from wherever it is looked for"


def lump() -> trimesh.Trimesh:
    """No symmetry, and no line about which much of it stays."""
    corners = np.random.default_rng(0).normal(size=(12, 3)) * [0.06, 0.04, 0.03]
    return trimesh.PointCloud(corners).convex_hull


@pytest.mark.parametrize("solid", [create.box([0.2, 0.1, 0.05]), create.cone(0.04, 0.1, sections=3), lump()])
def test_others_are_turned_about_the_middle_to_the_bit(solid: trimesh.Trimesh) -> None:
    middle = Surface.of(solid.vertices, solid.faces).middle[:2]
    assert np.array_equal(axis_of(solid, middle), middle)


def test_meshes_of_a_folder_stand_on_their_axes(tmp_path: Path) -> None:
    """Standing, and as the placement says that comes with the mesh: back to where the file has it."""
    save(tmp_path, "mug.ply", mug())
    (mesh,) = understand(tmp_path, Reading(up="z")).catalogue.meshes
    body = mesh.vertices[np.linalg.norm(mesh.vertices[:, :2], axis=1) < 0.0415]
    assert len(body) > 30 and np.abs(np.ptp(body[:, :2], axis=0) / 2 - 0.04).max() < 0.002
    assert np.abs((body[:, :2].min(0) + body[:, :2].max(0)) / 2).max() < 0.0015
    origin = np.linalg.inv(mesh.placement)[:3, 3]
    assert np.abs(origin[:2] - BODY).max() < 0.0015

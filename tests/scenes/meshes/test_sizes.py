"""sizes.csv beside the meshes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from mesh_folders import save

from scenes.errors import UserError
from scenes.meshes.entries import Reading, understand


def sized(folder: Path, table: str) -> Path:
    """A box of 1 x 2 x 4 without a unit."""
    save(folder, "plain.stl")
    (folder / "crate").mkdir()
    trimesh.creation.box([1.0, 2.0, 4.0]).export(folder / "crate" / "mesh.obj")
    (folder / "sizes.csv").write_text(table)
    return folder


@pytest.mark.parametrize("column", ["folder", "name"])
def test_a_mesh_gets_the_size_that_is_listed(tmp_path: Path, column: str):
    folder = sized(tmp_path, f"{column},width_cm,depth_cm,height_cm\ncrate,10,5,20\n")
    understood = understand(folder, Reading())
    meshes = {mesh.name: mesh for mesh in understood.catalogue.meshes}
    assert np.allclose(np.ptp(meshes["crate"].vertices, axis=0)[2], 0.20, atol=1e-4), "z is as high as listed, y is not"
    (line,) = (line for line in understood.lines if line.startswith("crate"))
    assert "size as listed" in line and "to be as high as listed" in line


def test_who_says_more_in_meshes_yaml_is_right(tmp_path: Path):
    folder = sized(tmp_path, "name,width_cm,depth_cm,height_cm\ncrate,10,5,20\n")
    (folder / "meshes.yaml").write_text("crate: {size: 8, up: x}\n")
    (mesh,) = (m for m in understand(folder, Reading()).catalogue.meshes if m.name == "crate")
    assert np.ptp(mesh.vertices, axis=0) == pytest.approx([0.08, 0.04, 0.02], abs=1e-4)


@pytest.mark.parametrize(
    ("table", "words"),
    [("name,width_cm\ncrate,10\n", "columns"), ("name,width_cm,depth_cm,height_cm\ncrate,10,x,20\n", "above 0")],
)
def test_a_table_that_says_nothing_is_told_in_one_line(tmp_path: Path, table: str, words: str):
    with pytest.raises(UserError, match=words):
        understand(sized(tmp_path, table), Reading())

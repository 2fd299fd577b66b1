"""Scenes as GLB files stand where the scenes say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import trimesh

from scenes.export import to_glb
from scenes.scene import Scene, SceneConfig


def test_a_scene_as_glb_stands_where_it_should():
    scene = Scene(SceneConfig())
    truth = scene.objects(0, 0, 3)
    loaded = opened(to_glb(truth, scene.catalogue, (0.8, 0.8)))
    assert len(loaded.geometry) == 4
    for slot in range(3):
        name = scene.catalogue.names[truth.identity[0, slot]]
        pose, _ = loaded.graph[f"{name}_{slot}"]
        x, y, z = truth.position[0, slot]
        np.testing.assert_allclose(pose[:3, 3], [x, z, -y], atol=1e-6)  # +Y is up
        yaw = truth.rotation[0, slot]
        np.testing.assert_allclose(pose[:3, 0], [np.cos(yaw), 0, -np.sin(yaw)], atol=1e-6)
    highest = loaded.bounds[1][1]
    tallest = max(scene.catalogue.meshes[k].vertices[:, 2].max() for k in truth.identity[0])
    assert highest == pytest.approx(tallest, abs=1e-6)
    assert len(opened(to_glb(scene.objects(0, 0, 0), scene.catalogue, (0.8, 0.8))).geometry) == 1, "the table"


def test_colours_are_linear_and_nothing_is_metal() -> None:
    """As the standard says; viewers show them as they are on the renderer's pictures then."""
    scene = Scene(SceneConfig())
    truth = scene.objects(0, 0, 1)
    glb = to_glb(truth, scene.catalogue, (0.8, 0.8))
    tree = json.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    assert [material["pbrMetallicRoughness"]["metallicFactor"] for material in tree["materials"]] == [0]
    primitives = [each for mesh in tree["meshes"] for each in mesh["primitives"]]
    assert len(primitives) == 2 and all(
        each["material"] == 0 and "COLOR_0" in each["attributes"] for each in primitives
    )
    mesh = scene.catalogue.meshes[int(truth.identity[0, 0])]
    solid = trimesh.load_scene(trimesh.util.wrap_as_stream(glb), file_type="glb", process=False)
    colours = solid.geometry[solid.graph[f"{mesh.name}_0"][1]].visual.vertex_attributes["color"][:, :3] / 255
    np.testing.assert_allclose(colours ** (1 / 2.2), mesh.colours, atol=0.06)


def opened(glb: bytes) -> trimesh.Scene:
    return trimesh.load_scene(trimesh.util.wrap_as_stream(glb), file_type="glb")

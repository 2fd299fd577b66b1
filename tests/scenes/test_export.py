"""Scenes as GLB files stand where the scenes say."""

from __future__ import annotations

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


def opened(glb: bytes) -> trimesh.Scene:
    return trimesh.load_scene(trimesh.util.wrap_as_stream(glb), file_type="glb")

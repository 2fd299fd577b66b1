"""The rules of the table, each checked with other means than those that enforce it."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import shapely
import trimesh
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from render_tools import on_faces

from air3d.cli import compose, typed
from scenes.catalogue import Catalogue, catalogue
from scenes.errors import UserError
from scenes.layout import support, too_close
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view_states import ViewStates

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "scene").glob("*.yaml"))
indices = st.integers(0, 10**6)


@lru_cache
def tabletop(**changes: object) -> Scene:
    return Scene(SceneConfig(**changes))  # type: ignore[arg-type]


def solids(scene: Scene, objects: Objects) -> list[trimesh.Trimesh]:
    """The present objects of one scene as closed meshes in the world."""
    placed = []
    for slot in np.flatnonzero(objects.presence[0]).tolist():
        solid = scene.catalogue.meshes[objects.identity[0, slot]].solid()
        solid.apply_transform(trimesh.transformations.rotation_matrix(objects.rotation[0, slot], [0, 0, 1]))
        solid.apply_translation(objects.position[0, slot])
        placed.append(solid)
    return placed


@settings(max_examples=25, deadline=None)
@given(indices, st.integers(2, 6))
def test_nothing_touches(index: int, count: int):
    """By other means than footprints: corners keep the gap, and the solids have no volume in common."""
    scene = tabletop()
    placed = solids(scene, scene.objects(3, index, count))
    points = [np.concatenate([p.vertices, p.triangles_center]) for p in placed]
    for i in range(count):
        for j in range(i):
            pairwise = np.linalg.norm(points[i][:, None, :2] - points[j][None, :, :2], axis=-1)
            assert pairwise.min() >= scene.layout.gap - 1e-6
            assert trimesh.boolean.intersection([placed[i], placed[j]]).is_empty


@settings(max_examples=25, deadline=None)
@given(indices)
def test_what_may_touch_does_not_stand_inside_another(index: int):
    scene = tabletop(gap=0.0, table=(0.4, 0.4), max_hidden=0.8, tries=1000)
    placed = solids(scene, scene.objects(3, index, 2))
    common = trimesh.boolean.intersection(placed)
    assert common.is_empty or common.volume < 1e-9


def test_footprints_that_are_too_close():
    square, inside, beside = shapely.box(0, 0, 1, 1), shapely.box(0.4, 0.4, 0.6, 0.6), shapely.box(1, 0, 2, 1)
    assert too_close(square, inside, 0.0) and too_close(square, inside, 0.1)
    assert too_close(square, shapely.box(0.9, 0, 2, 1), 0.0)
    assert not too_close(square, beside, 0.0) and too_close(square, beside, 0.1)
    assert not too_close(square, shapely.box(1.2, 0, 2, 1), 0.1)


@settings(max_examples=25, deadline=None)
@given(indices, st.integers(0, 6))
def test_inside_table_and_picture(index: int, count: int):
    scene = tabletop(elevation=0.05)
    objects = scene.objects(4, index, count)
    assert objects.presence.sum() == count
    for slot, solid in enumerate(solids(scene, objects)):
        assert (np.abs(solid.vertices[:, :2]) <= 0.4 + 1e-6).all()
        column, row = scene.camera.to_pixels(scene.camera.project(solid.vertices)).T
        assert min(column.min(), row.min()) > -0.5 and max(column.max(), row.max()) < 63.5
        low, high = support(scene.layout, scene.catalogue)
        assert (objects.position[0, slot] >= low - 1e-6).all()
        assert (objects.position[0, slot] <= high + 1e-6).all()
        assert solid.vertices[:, 2].min() >= -1e-6


@settings(max_examples=15, deadline=None)
@given(indices)
def test_hidden_share(index: int):
    """Silhouettes painted triangle by triangle in nearest-last order: half of each convex one stays in view."""
    scene = tabletop(max_hidden=0.3)
    placed = solids(scene, scene.objects(5, index, 6))
    size = 512
    masks = []
    for solid in placed:
        picture = Image.new("1", (size, size))
        corners = (1 - scene.camera.project(solid.convex_hull.triangles)[..., :2]) * size / 2
        for triangle in corners:
            ImageDraw.Draw(picture).polygon([tuple(corner) for corner in triangle], fill=1)
        masks.append(np.asarray(picture))
    ahead = scene.camera.rotation[:, 2]
    axes = [scene.objects(5, index, 6).position[0, slot] @ ahead for slot in range(6)]
    for i, mask in enumerate(masks):
        nearer = [masks[j] for j in range(6) if axes[j] < axes[i]]
        hidden = (mask & np.logical_or.reduce(nearer)).sum() / mask.sum() if nearer else 0
        assert hidden <= 0.3 + 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), indices, st.one_of(st.none(), st.integers(0, 5)))
def test_any_scene_alone(seed: int, index: int, count: int | None):
    scene = tabletop()
    alone = scene.objects(seed, index, count)
    batch = scene.batch(seed, [index + 1, index], count)
    slots = alone.slots
    for name in ("identity", "position", "rotation", "presence"):
        np.testing.assert_array_equal(getattr(batch, name)[1:, :slots], getattr(alone, name))
    again = scene.objects(seed, index, int(alone.count[0]))
    np.testing.assert_array_equal(again.position, alone.position)


def test_literal_scene():
    """The data sets of other people depend on this one never changing."""
    objects = tabletop().objects(0, 0)
    assert objects.presence.tolist() == [[True, True, True]]
    assert objects.identity.tolist() == [[2, 2, 1]]
    position = [[0.0853086, 0.1835973, 0], [0.1837244, -0.2594755, 0], [-0.1602305, -0.0618502, 0]]
    np.testing.assert_allclose(objects.position[0], position, atol=1e-6)
    np.testing.assert_allclose(objects.rotation[0], [-2.7336407, -0.2605085, 2.3606978], atol=1e-6)


def test_seeds_and_indices_differ():
    scene = tabletop()
    scenes = [scene.objects(seed, index, 2).position.tobytes() for seed in range(5) for index in range(5)]
    assert len(set(scenes)) == 25


def test_uniform_choices():
    objects = tabletop().batch(6, range(1200))
    shares = np.bincount(objects.count, minlength=4) / 1200
    np.testing.assert_allclose(shares, 0.25, atol=0.05)
    types = objects.identity[objects.presence]
    np.testing.assert_allclose(np.bincount(types, minlength=4) / len(types), 0.25, atol=0.05)
    yaw = objects.rotation[objects.presence]
    assert -np.pi < yaw.min() < -3 and 3 < yaw.max() <= np.pi
    assert abs(np.exp(1j * yaw).mean()) < 0.06
    assert not objects.position[~objects.presence].any() and not objects.rotation[~objects.presence].any()


def test_no_repeats():
    scene = tabletop(repeats=False)
    for index in range(40):
        objects = scene.objects(7, index, 4)
        assert sorted(objects.identity[0].tolist()) == [0, 1, 2, 3]
    with pytest.raises(UserError, match=r"5 objects without repeats.*at most 4"):
        scene.objects(7, 0, 5)
    with pytest.raises(UserError, match="repeats=true"):
        tabletop(repeats=False, max_objects=5)


def test_too_full():
    with pytest.raises(UserError, match=r"1000 objects do not fit on a table of 0.8 x 0.8 m: ask for fewer"):
        tabletop().objects(0, 0, 1000)
    crowded = tabletop(table=(0.32, 0.32), tries=3)
    with pytest.raises(UserError, match="8 objects do not fit"):
        crowded.objects(0, 0, 8)
    with pytest.raises(UserError, match="-1"):
        tabletop().objects(0, 0, -1)


def test_nine_fit_the_default_table():
    assert len(tabletop().batch(8, range(30), count=9)) == 30


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations(path: Path):
    of_folder = [f"scene.meshes={CONFIGS[0].parents[2] / 'meshes' / 'kitchen'}"] * path.stem.startswith("meshes")
    config = typed(compose("train", [f"scene={path.stem}", *of_folder]).scene, SceneConfig)
    assert config.name == path.stem
    scene = Scene(config)
    counts = scene.batch(0, range(60)).count
    assert counts.min() == config.min_objects and counts.max() == config.max_objects


def test_counts_left_out_never_occur():
    scene = Scene(SceneConfig(counts=[0, 1, 3]))
    assert set(scene.batch(0, range(60)).count.tolist()) == {0, 1, 3}
    assert scene.objects(0, 0, 2).count.tolist() == [2], "but they can be asked for"


def test_yaml_and_defaults_agree():
    (path,) = [path for path in CONFIGS if path.stem == "tabletop"]
    written = yaml.safe_load(path.read_text())
    view = ViewStates(**written.pop("view"))
    assert SceneConfig(**written, view=view) == SceneConfig()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"image_size": 2}, "image_size"),
        ({"background": (0.5, 0.5)}, "3 numbers"),
        ({"background": (0.5, 0.5, 2.0)}, "background"),
        ({"table": (0.0, 1.0)}, "table"),
        ({"min_objects": -1}, "min_objects"),
        ({"min_objects": 4}, "max_objects"),
        ({"counts": [0, 2]}, "counts"),
        ({"counts": [0, 3, 1]}, "counts"),
        ({"counts": []}, "counts"),
        ({"max_hidden": 1.5}, "max_hidden"),
        ({"elevation": float("nan")}, "elevation"),
        ({"tries": 0}, "tries"),
    ],
)
def test_bad_configuration(change: dict, words: str):
    with pytest.raises(UserError, match=words):
        replace(SceneConfig(), **change)


def test_objects_batches():
    scene = tabletop()
    batch = Objects.stack([scene.objects(0, 0, 5), scene.objects(0, 1, 2)])
    assert batch.slots == 5 and batch.count.tolist() == [5, 2] and len(batch[1]) == 1 and len(batch[:1]) == 1
    np.testing.assert_array_equal(batch[-1].position, batch.position[1:])
    with pytest.raises(IndexError):
        batch[2]


LYING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])


def on_sides(**changes: object) -> Scene:
    """Tabletop whose mug lies on a side four times in five."""
    scene = Scene(SceneConfig(**changes))  # type: ignore[arg-type]
    plate, bowl, mug, saucepan = catalogue("crockery").meshes
    scene.catalogue = Catalogue((plate, bowl, *on_faces((mug,), LYING, weights=(0.2, 0.8)).meshes, saucepan))
    return scene


def test_meshes_are_as_likely_and_faces_have_their_weights():
    scene = on_sides()
    drawn = np.concatenate([scene.objects(0, index, 1).identity[0, :1] for index in range(1500)])
    found = np.bincount(drawn, minlength=5) / len(drawn)
    np.testing.assert_allclose(found, scene.catalogue.weights, atol=0.05)
    assert scene.catalogue.weights.tolist() == pytest.approx([0.25, 0.25, 0.05, 0.2, 0.25])


def test_without_repeats_every_mesh_occurs_once_on_whichever_face():
    scene = on_sides(repeats=False, max_objects=4)
    drawn = [scene.catalogue.kind_of[scene.objects(0, index, 4).identity[0]] for index in range(10)]
    assert all(sorted(kinds) == [0, 1, 2, 3] for kinds in drawn)
    with pytest.raises(UserError, match="as many types, and there are 4"):
        scene.objects(0, 0, 5)


def test_a_mesh_of_one_face_draws_nothing_for_it():
    """Scenes of meshes that stand one way are what they were: a number drawn for a face would change what follows."""
    scene = on_sides()
    for index in range(40):
        mine, before = scene.objects(1, index), tabletop().objects(1, index)
        if not np.isin(scene.catalogue.kind_of[mine.identity], [2]).any():
            np.testing.assert_array_equal(mine.position, before.position)

"""Data sets whose pictures have worlds of their own, what earlier versions wrote, and pictures of another size."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from render_tools import on_faces, random_looks, random_objects, random_view

from renderers.convert import to_numpy
from scenes.camera import Camera
from scenes.catalogue import catalogue
from scenes.dataset import describe, read_dataset, write_dataset
from scenes.errors import UserError
from scenes.framing import framed
from scenes.objects import Objects
from scenes.photographs import Frame
from scenes.reading import read_views
from scenes.scene import Scene, SceneConfig
from scenes.view import ARRAYS, View, shared

SCENE, LYING = Scene(SceneConfig()), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
SCENE.catalogue = on_faces(catalogue("crockery").meshes, LYING)
HEIGHT, WIDTH = 12, 16
EARLIER = Path(__file__).parent / "earlier_dataset.json"


def written(folder: Path, view: View, objects: Objects | None = None) -> Path:
    """A data set of those views, its pictures noise."""
    if objects is None:  # upright
        objects = to_numpy(random_objects(seed=0, batch=len(view)))
        objects.identity = 2 * objects.identity
    objects.presence = objects.presence > 0
    images = np.random.default_rng(1).integers(0, 256, (len(view), view.height, view.width, 3), np.uint8)
    visible = [[7] * objects.slots] * len(view)
    info = describe(SCENE, view, seed=0)
    write_dataset(folder, info, SCENE.catalogue, objects, view, zip(images, visible, strict=True))
    return folder


def own(seed: int, picture: bool = False) -> View:
    return to_numpy(random_view(seed, 4, HEIGHT, WIDTH, picture))


def assert_same(view: View, other: View, atol: float = 0.0) -> None:
    assert (view.height, view.width) == (other.height, other.width)
    for name in ARRAYS:
        mine, theirs = getattr(view, name), getattr(other, name)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=atol if name == "background" else 0, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("picture", [False, True])
def test_every_picture_comes_back_with_its_world(tmp_path: Path, seed: int, picture: bool) -> None:
    view = own(seed, picture)
    read = read_dataset(written(tmp_path / "set", view)).view
    assert_same(read, view, atol=0.5 / 255 + 1e-6)
    assert read.background.shape == view.background.shape and not shared(read.camera_rotation)
    assert (tmp_path / "set" / "backgrounds").exists() == picture


@pytest.mark.parametrize("seed", range(3))
def test_every_object_comes_back_with_its_looks(tmp_path: Path, seed: int) -> None:
    objects = random_looks(random_objects(seed, batch=4), seed)
    objects.identity = 2 * objects.identity + objects.identity % 2
    objects.presence[1, 2:] = objects.presence[2] = 0
    told = to_numpy(objects)
    told.rotation = (told.rotation + np.pi) % (2 * np.pi) - np.pi
    read = read_dataset(written(tmp_path / "set", own(seed), told), SCENE.catalogue).objects
    there = told.presence > 0
    for about in fields(Objects):
        mine, theirs = getattr(read, about.name), getattr(told, about.name)
        np.testing.assert_array_equal(mine[there], theirs[there], err_msg=about.name)
        assert (mine[~there] == about.metadata["neutral"]).all(), about.name


@pytest.mark.parametrize("picture", [False, True])
def test_what_all_share_is_written_once(tmp_path: Path, picture: bool) -> None:
    """And what they do not share beside each picture."""
    table = np.full((HEIGHT, WIDTH, 3), 0.2) if picture else (0.2, 0.4, 0.6)
    camera = own(0).camera(0)
    views = [View.of(camera, light=(0.0, n, 1.0), background=table, noise=0.25) for n in range(3)]
    folder = written(tmp_path / "set", View.stack(views))
    content = json.loads((folder / "scenes.json").read_text())
    assert {"camera", "background", "noise"} <= set(content["info"]) and "light" not in content["info"]
    assert all(set(scene) & {"camera", "background", "noise", "light"} == {"light"} for scene in content["scenes"])
    assert content["info"]["camera"]["rotation"] == camera.rotation.tolist() and content["info"]["noise"] == 0.25
    assert content["info"]["background"] == ("000000.png" if picture else list(table))
    if picture:
        assert [path.name for path in (folder / "backgrounds").iterdir()] == ["000000.png"]
    read = read_dataset(folder).view
    assert [shared(getattr(read, name)) for name in ("intrinsics", "background", "noise", "light")] == [1, 1, 1, 0]
    assert_same(read, View.stack(views), atol=1e-9)


def test_a_lamp_is_told_where_there_are_shadows(tmp_path: Path) -> None:
    """Beside each picture that has any, and in the head where all share it; nowhere else."""
    view = own(3)
    view.lamp = np.array([0.1, 0.0, 0.05, 0.0])
    folder = written(tmp_path / "some", view)
    lights = [scene["light"] for scene in json.loads((folder / "scenes.json").read_text())["scenes"]]
    assert ["lamp" in light for light in lights] == [True, False, True, False] and lights[2]["lamp"] == 0.05
    assert_same(read_dataset(folder).view, view, atol=1e-9)
    for lamp in (0.0, 0.2):
        shared_by_all = View.of(SCENE.camera, lamp=lamp, batch=3)
        folder = written(tmp_path / f"all_{lamp}", shared_by_all)
        head = json.loads((folder / "scenes.json").read_text())["info"]["light"]
        assert head.get("lamp") == (lamp or None)
        read = read_dataset(folder).view
        assert read.lamp.tolist() == [lamp] * 3 and shared(read.lamp)


def edit(folder: Path, change: Any) -> None:
    content = json.loads((folder / "scenes.json").read_text())
    change(content)
    (folder / "scenes.json").write_text(json.dumps(content))
    (folder / "manifest.json").unlink(missing_ok=True)


def test_a_data_set_of_an_earlier_version(tmp_path: Path) -> None:
    """Its head word for word as version 0.1.0 wrote it: a camera that looks at a point, the light of the renderer."""
    folder = written(tmp_path / "set", View.of(Camera.look_at((0.0, -1.0, 1.0), (0.0, 0.0, 0.0), 30.0, 64, 64)))
    head = json.loads(EARLIER.read_text())

    def older(content: dict) -> None:
        content["info"] = head
        for scene in content["scenes"]:
            for entry in scene["objects"]:
                for name in ("face", "R_world", "R_camera", "t_camera"):
                    del entry[name]

    edit(folder, older)
    data = read_dataset(folder, SCENE.catalogue, View.of(SCENE.camera, light=(1.0, 0.0, 0.0), background=(1, 1, 1)))
    scene, painted = head["scene"], head["renderer"]
    place = scene["camera_position"], scene["camera_target"], scene["field_of_view"]
    camera = Camera.look_at(*place, 64, 64)
    light = painted["light"], painted["ambient"], painted["diffuse"]
    assert_same(data.view, View.of(camera, *light, background=scene["background"]))
    assert (data.objects.identity % 2 == 0).all() and data.objects.tint is None, "all of them upright"


def test_a_data_set_says_its_own_entries_to_one_who_has_no_catalogue(tmp_path: Path) -> None:
    """Every shape upright, and on the faces that occur."""
    objects = to_numpy(random_objects(0, batch=4))
    objects.identity[:] = SCENE.catalogue.entry("mug", 1)
    objects.identity[0] = SCENE.catalogue.entry("bowl")
    folder = written(tmp_path / "set", own(0), objects)
    data = read_dataset(folder)
    assert data.names == ("plate", "bowl", "mug/0", "mug/1", "saucepan")
    assert data.objects.identity.tolist() == [[1] * 3, *[[3] * 3] * 3]
    edit(folder, lambda content: content["scenes"][1]["objects"][2].update(face=7))
    with pytest.raises(UserError, match=r"scene 1, object 2: no 'mug' stands on face 7: known are 0, 1"):
        read_dataset(folder, SCENE.catalogue)


def test_what_a_data_set_does_not_say_is_as_the_network_knows_it(tmp_path: Path) -> None:
    folder, view = written(tmp_path / "set", own(5)), own(5)

    def forget(content: dict) -> None:
        content["info"] = {"catalogue": content["info"]["catalogue"]}
        for scene in content["scenes"]:
            for part in ("light", "background", "noise"):
                scene.pop(part, None)

    edit(folder, forget)
    known = View.of(SCENE.camera, (0.0, 1.0, 1.0), 0.3, 0.6, (1.0, 0.9, 0.8), (0.1, 0.2, 0.3), 0.05)
    names = ("light", "ambient", "diffuse", "gain", "background", "noise")
    expected = replace(view, **{name: np.repeat(getattr(known, name), 4, 0) for name in names})
    assert_same(read_dataset(folder, default=known).view, expected)
    plain = View.of(SCENE.camera)
    expected = replace(view, **{name: np.repeat(getattr(plain, name), 4, 0) for name in names})
    assert_same(read_dataset(folder).view, expected)


def test_views_of_chosen_pictures_at_the_size_that_a_network_sees(tmp_path: Path) -> None:
    """By name, in any order, their cameras and empty tables averaged as the pictures are."""
    view = own(6, picture=True)
    folder = written(tmp_path / "set", view)
    frame, size = Frame(WIDTH, HEIGHT, 2.0, 0.0, 2.0), (HEIGHT // 2, HEIGHT // 2)
    views = read_views(folder, ["000003.png", "000001.png"])
    small = View.stack([framed(each, [frame], *size) for each in views])
    assert (small.height, small.width) == size
    points = np.random.default_rng(0).uniform(-0.2, 0.2, (9, 3))
    for row, before in enumerate((3, 1)):
        large, little = view.camera(before), small.camera(row)
        at, now = (camera.to_pixels(camera.project(points)) for camera in (large, little))
        np.testing.assert_allclose((now + 0.5) * 2 + [2, 0], at + 0.5, atol=1e-4)
        table = view.background[before][:, 2:-2].reshape(HEIGHT // 2, 2, HEIGHT // 2, 2, 3).mean((1, 3))
        np.testing.assert_allclose(small.background[row], table, atol=1.5 / 255)
        np.testing.assert_array_equal(small.light[row], view.light[before])
    assert_same(View.stack(read_views(folder, [f"{row:06d}.png" for row in range(4)])), read_dataset(folder).view)
    with pytest.raises(UserError, match="a picture is 15 x 12 pixels, its camera says 16 x 12"):
        framed(views[0], [Frame(15, 12)], *size)


def test_a_picture_that_is_not_of_the_data_set_has_no_view(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", own(7))
    with pytest.raises(UserError, match=r"scenes.json does not name holiday.png"):
        read_views(folder, ["000000.png", "holiday.png"])


def test_cameras_of_several_sizes_make_no_data_set_but_have_views(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", own(8))
    edit(folder, lambda content: content["scenes"][2]["camera"].update(height=2 * HEIGHT, width=2 * WIDTH))
    with pytest.raises(UserError, match=r"one size, not of \[\(12, 16\), \(24, 32\)\]"):
        read_dataset(folder)
    assert [each.height for each in read_views(folder, ["000002.png", "000000.png"])] == [2 * HEIGHT, HEIGHT]


def test_an_empty_table_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "set", own(9, picture=True))
    (folder / "manifest.json").unlink()
    Image.new("RGB", (WIDTH, HEIGHT + 2)).save(folder / "backgrounds" / "000001.png")
    with pytest.raises(UserError, match=r"background 000001\.png is 14 x 16 pixels, its camera says 12 x 16"):
        read_dataset(folder)


def test_labels_hold_the_poses_that_the_matrices_say(tmp_path: Path) -> None:
    """With K of the data set, t_camera of an object that stands upright is at its pixel_coords."""
    folder = written(tmp_path / "set", own(10))
    for scene in json.loads((folder / "scenes.json").read_text())["scenes"]:
        fx, fy, cx, cy = scene["camera"]["intrinsics"]
        assert scene["objects"]
        for entry in scene["objects"]:
            x, y, z = entry["t_camera"]
            np.testing.assert_allclose([fx * x / z + cx, fy * y / z + cy, z], entry["pixel_coords"], atol=1e-3)
            world = np.array(entry["R_world"])
            np.testing.assert_allclose(world[:2, 0], [np.cos(entry["rotation"]), np.sin(entry["rotation"])], atol=1e-6)
            axes = np.array(scene["camera"]["rotation"]) * [-1, -1, 1]
            np.testing.assert_allclose(axes.T @ world, entry["R_camera"], atol=1e-6)
            assert entry["shape"] in catalogue("crockery").names

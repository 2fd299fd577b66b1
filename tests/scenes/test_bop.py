"""BOP's layout: what we write is read again as it was, the table is found without a world, and mistakes get a line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from bop_sets import LENS, SCENE, SIZE, changed, read, written
from PIL import Image, ImageOps

from air3d import cli
from air3d.programs import generate as generate_py
from air3d.splits import dataset_seed
from renderers import build_renderer
from renderers.convert import to_bytes, to_torch
from scenes.bop.files import is_bop, read_pictures
from scenes.bop.models import STEPS, symmetries
from scenes.bop.resting import stand
from scenes.bop.results import results, results_name
from scenes.bop.table import table_pose
from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.poses import camera_poses

NAMES = SCENE.catalogue.names
WITHOUT_WORLD = ("cam_R_w2c", "cam_t_w2c")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bop") / "tables")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(made, tmp_path / "tables"))


def no_world(cameras: dict[str, Any]) -> None:
    for camera in cameras.values():
        for name in WITHOUT_WORLD:
            del camera[name]


def test_what_is_written_is_read_again(made: Path) -> None:
    data = read(made)
    truth = replace_min(SCENE).batch(dataset_seed(3), range(4))
    assert data.objects is not None and data.full is not None and not data.remarks
    slots = data.objects.slots
    np.testing.assert_array_equal(data.objects.presence, truth.presence[:, :slots])
    np.testing.assert_array_equal(data.objects.identity, truth.identity[:, :slots])
    np.testing.assert_allclose(data.objects.position, truth.position[:, :slots], atol=1e-5)
    np.testing.assert_allclose(data.objects.rotation, truth.rotation[:, :slots], atol=1e-5)
    rotation, translation = camera_poses(data.objects, SCENE.catalogue, SCENE.configured)
    there = data.objects.presence
    np.testing.assert_allclose(data.full.poses[there][:, :3, :3], rotation[there], atol=1e-5)
    np.testing.assert_allclose(data.full.poses[there][:, :3, 3], translation[there], atol=1e-5)
    assert ((data.full.visibility[there] > 0.3) & (data.full.visibility[there] <= 1)).all()
    assert np.isnan(data.full.visibility[~there]).all()


def replace_min(scene):
    return type(scene)(replace(scene.config, min_objects=1))


def test_the_pictures_are_those_of_the_objects_and_views(made: Path) -> None:
    data = read(made)
    assert data.images.shape == (4, *SIZE, 3) and data.objects is not None
    again = build_renderer("streaming", SCENE).render(to_torch(data.objects), to_torch(data.view))
    assert np.abs(to_bytes(again).astype(int) - data.images).max() <= 1
    assert data.view.intrinsics[0] == pytest.approx(LENS)
    assert data.ids.tolist() == [[0, 0], [0, 1], [0, 2], [0, 3]]


def test_k_and_poses_project_the_models_points_into_their_pixels(made: Path) -> None:
    """With nothing but what the files say, in millimetres and OpenCV's axes: K (R x + t) of a model's points lies in
    what the picture shows, as far as it is not the table."""
    scene = made / "test" / "000000"
    camera, truth = (json.loads((scene / f"scene_{name}.json").read_text())["0"] for name in ("camera", "gt"))
    shown = np.abs(np.asarray(Image.open(scene / "rgb" / "000000.png")) / 255 - SCENE.config.background).sum(-1) > 0.02
    inside = np.zeros(shown.shape, bool)
    for each in truth:
        points = np.asarray(trimesh.load(made / "models" / f"obj_{each['obj_id']:06d}.ply", force="mesh").vertices)
        seen = points @ np.reshape(each["cam_R_m2c"], (3, 3)).T + each["cam_t_m2c"]
        assert seen[:, 2].min() > 800  # more than 80 cm away
        pixels = seen @ np.reshape(camera["cam_K"], (3, 3)).T
        columns, rows = (pixels[:, :2] / pixels[:, 2:]).round().astype(int).T
        inside[rows, columns] = True
        assert np.abs(points.min(0) + points.max(0)).max() < 0.01  # the middle of its box is the origin
    assert (shown & inside).sum() / inside.sum() > 0.8


def test_models_are_in_millimetres_with_their_symmetries(made: Path) -> None:
    infos = json.loads((made / "models" / "models_info.json").read_text())
    plate, mug = (infos[str(NAMES.index(name) + 1)] for name in ("plate", "mug"))
    assert plate["diameter"] == pytest.approx(200, abs=1) and plate["size_x"] == pytest.approx(200, abs=1)
    assert plate["min_z"] == pytest.approx(-plate["size_z"] / 2)
    assert plate["symmetries_continuous"][0]["axis"] == pytest.approx([0, 0, 1])
    assert not {"symmetries_continuous", "symmetries_discrete"} & set(mug)
    models = read(made).models
    assert models[NAMES.index("mug")].group is None
    group = models[NAMES.index("plate")].group
    assert group is not None and group.shape == (STEPS, 4, 4)
    assert models[NAMES.index("plate")].diameter == pytest.approx(0.2, abs=1e-3)


def test_a_table_is_found_from_the_poses(folder: Path) -> None:
    """Up to a motion along the table, everything is where it was."""
    given = read(folder)
    changed(folder, "scene_camera.json", no_world)
    found = read(folder)
    assert "no world is given" in found.remarks[0] and len(found.remarks) == 1
    assert given.objects is not None and found.objects is not None
    there = given.objects.presence
    np.testing.assert_array_equal(found.objects.identity, given.objects.identity)
    np.testing.assert_allclose(found.objects.position[there][:, 2], 0, atol=1e-3)
    for row, count in enumerate(there.sum(1)):
        places, before = found.objects.position[row, :count], given.objects.position[row, :count]
        away = [np.linalg.norm(each[:, None] - each[None], axis=-1) for each in (places, before)]
        np.testing.assert_allclose(*away, atol=2e-3)
        heights = [data.view.camera(row).position[2] for data in (found, given)]
        assert heights[0] == pytest.approx(heights[1], abs=5e-3)
        assert found.view.camera(row).rotation[1, 2] > 0.3  # +Y leads away from the camera


def test_one_plate_is_enough_to_find_the_table() -> None:
    """It stands on its foot, rather than on its rim with the camera below."""
    view, objects = SCENE.configured, SCENE.batch(0, range(1), 1)
    objects.identity[:] = NAMES.index("plate")
    pose = np.eye(4)
    rotation, translation = camera_poses(objects, SCENE.catalogue, view)
    pose[:3, :3], pose[:3, 3] = rotation[0, 0], translation[0, 0]
    world = table_pose([pose], [NAMES.index("plate")], SCENE.catalogue)
    assert world is not None
    turned = stand(np.linalg.inv(world) @ pose, NAMES.index("plate"), SCENE.catalogue)
    assert turned.rests and turned.tilt < 0.5 and abs(turned.lowest) < 1e-3


def lean(pose: dict[str, Any]) -> None:
    """By 40 degrees about the camera's x."""
    cos, sin = np.cos(np.radians(40)), np.sin(np.radians(40))
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ np.reshape(pose["cam_R_m2c"], (3, 3))
    pose["cam_R_m2c"] = turn.ravel().tolist()


def test_what_leans_keeps_its_full_pose_and_is_told(folder: Path) -> None:
    changed(folder, "scene_gt.json", lambda truth: lean(truth["1"][0]))
    data, before = read(folder), np.linalg.inv(read(folder).full.poses[0, 0])  # pyright: ignore[reportOptionalMemberAccess]
    assert before.shape == (4, 4) and data.full is not None
    (remark,) = data.remarks
    assert remark.startswith("1 of ") and "leans 40 degrees" in remark and "000001.png" in remark
    rotation, _ = camera_poses(data.objects, SCENE.catalogue, data.view)  # pyright: ignore[reportArgumentType]
    off = np.arccos((np.trace(data.full.poses[1, 0, :3, :3].T @ rotation[1, 0]) - 1) / 2)
    assert np.degrees(off) == pytest.approx(40, abs=1)


def test_a_world_that_is_not_the_table_is_told_of(folder: Path) -> None:
    """Turned by 4 degrees about the camera's x: objects still rest on it, within tolerance or not."""
    cos, sin = np.cos(np.radians(4)), np.sin(np.radians(4))
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])

    def tilt(cameras: dict[str, Any]) -> None:
        for camera in cameras.values():
            camera["cam_R_w2c"] = (turn @ np.reshape(camera["cam_R_w2c"], (3, 3))).ravel().tolist()

    changed(folder, "scene_camera.json", tilt)
    assert read(folder).remarks[0].startswith("the world of scene 0 is 4.0 degrees off")


def test_results_say_the_poses_that_the_truth_has(made: Path) -> None:
    data = read(made)
    assert data.objects is not None
    score = np.full(data.objects.presence.shape, 0.25)
    text = results(data.objects, data.view, SCENE.catalogue, data.models, data.ids, score, 0.5)
    lines = text.splitlines()
    assert lines[0] == "scene_id,im_id,obj_id,score,R,t,time" and len(lines) == 1 + data.objects.presence.sum()
    truth = json.loads((made / "test" / "000000" / "scene_gt.json").read_text())
    flat = [(im_id, each) for im_id, objects in truth.items() for each in objects]
    for line, (im_id, each) in zip(lines[1:], flat, strict=True):
        scene_id, image, obj_id, sure, turn, shift, seconds = line.split(",")
        assert (scene_id, image, int(obj_id), float(sure), float(seconds)) == ("0", im_id, each["obj_id"], 0.25, 0.5)
        np.testing.assert_allclose([float(x) for x in turn.split()], each["cam_R_m2c"], atol=1e-5)
        np.testing.assert_allclose([float(x) for x in shift.split()], each["cam_t_m2c"], atol=0.01)
    assert results_name(made) == "air3d_tables-test.csv"
    with pytest.raises(UserError, match="no number for plate"):
        results(data.objects, data.view, SCENE.catalogue, {}, data.ids, score, 0.5)


def test_meshes_may_be_called_by_their_number(folder: Path) -> None:
    """Without offsets.json, in the frame that the poses are of."""
    (folder / "models" / "offsets.json").unlink()
    with pytest.raises(UserError, match=r"are none of the catalogue's .*obj_000001"):
        read(folder)
    called = Catalogue(tuple(replace(mesh, name=f"obj_{i + 1:06d}") for i, mesh in enumerate(SCENE.catalogue.meshes)))
    objects = read(folder, called).objects
    assert objects is not None and objects.presence.any()
    assert not read(folder, judged=False).models


def test_half_a_turn_and_an_axis_span_a_group() -> None:
    """In millimetres: half a turn about z through (10, 0, 0), and any turn about that axis."""
    half = [-1, 0, 0, 20, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    group = symmetries({"symmetries_discrete": [half]}, "object 1", Path("models_info.json"))
    assert group is not None and group.shape == (2, 4, 4)
    np.testing.assert_allclose(group[1] @ [0.013, 0.002, 0.5, 1], [0.007, -0.002, 0.5, 1], atol=1e-12)
    axis = {"axis": [0, 0, 2.0], "offset": [10, 0, 0]}
    turning = symmetries({"symmetries_continuous": [axis]}, "object 1", Path("models_info.json"))
    assert turning is not None and len(turning) == STEPS
    np.testing.assert_allclose(turning @ [0.01, 0, 0.3, 1], np.tile([0.01, 0, 0.3, 1], (STEPS, 1)), atol=1e-12)
    assert symmetries({"diameter": 3}, "object 1", Path("models_info.json")) is None


def test_scenes_splits_and_data_sets_are_found(made: Path, tmp_path: Path) -> None:
    scene = made / "test" / "000000"
    assert all(is_bop(each) for each in (made, made / "test", scene)) and not is_bop(tmp_path)
    assert len(read_pictures(scene)) == len(read_pictures(made / "test")) == len(read_pictures(made)) == 4
    both = Path(shutil.copytree(made, tmp_path / "both"))
    shutil.copytree(both / "test", both / "val")
    with pytest.raises(UserError, match="several splits: give one of them, test, val"):
        read_pictures(both)
    shutil.copytree(both / "test" / "000000", both / "test" / "000007")
    assert {picture.scene_id for picture in read_pictures(both / "test")} == {0, 7}


def test_writing_again_changes_nothing_and_overwrites_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*.*")}
    written(made)
    assert "already holds" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in made.rglob("*.*")}
    with pytest.raises(UserError, match="does not hold this data set"):
        written(made, "scene.max_objects=2")
    with pytest.raises(UserError, match="did you mean bop"):
        generate_py.main(cli.compose("generate", ["out=x", "format=bopp"]))


def put(key: str, value: Any) -> Callable[[Any], None]:
    return lambda content: content["0"].update({key: value})


def put_truth(key: str, value: Any) -> Callable[[Any], None]:
    return lambda content: content["0"][0].update({key: value})


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("scene_camera.json", put("cam_K", [1, 2, 3]), "cam_K must be 9 finite numbers"),
        ("scene_camera.json", put("cam_K", [90, 5, 30, 0, 85, 21, 0, 0, 1]), "cam_K must be .fx, 0, cx"),
        ("scene_camera.json", put("cam_K", [-90, 0, 30, 0, 85, 21, 0, 0, 1]), "above 0"),
        ("scene_camera.json", put("cam_K", [float("nan"), 0, 30, 0, 85, 21, 0, 0, 1]), "finite"),
        ("scene_camera.json", put("cam_R_w2c", [1, 0, 0, 0, 1, 0, 0, 0, -1]), "no rotation matrix"),
        ("scene_camera.json", put("cam_t_w2c", None), "cam_t_w2c must be 3"),
        ("scene_camera.json", lambda content: content.update({"one": content.pop("1")}), "by a number, not 'one'"),
        ("scene_camera.json", lambda content: content.pop("1"), "must name the same pictures"),
        ("scene_camera.json", lambda content: content.clear(), "names no picture"),
        ("scene_gt.json", put_truth("obj_id", 77), "objects 77 are none of the catalogue's"),
        ("scene_gt.json", put_truth("obj_id", "1"), "obj_id must be a whole number"),
        ("scene_gt.json", put_truth("cam_R_m2c", [2, 0, 0, 0, 2, 0, 0, 0, 2]), "no rotation matrix"),
        ("scene_gt.json", put_truth("cam_t_m2c", [0, 0, float("inf")]), "3 finite numbers"),
        ("scene_gt.json", lambda content: content.update({"0": 3}), "must list its objects"),
        ("scene_gt_info.json", lambda content: content["0"].append({}), "as many entries"),
        ("scene_gt_info.json", lambda content: content["0"][0].update({"visib_fract": "much"}), "visib_fract"),
        ("models_info.json", lambda content: content["1"].update({"diameter": -1}), "above 0 mm"),
        ("models_info.json", lambda content: content["1"].update({"symmetries_discrete": [[1]]}), "16 finite"),
        ("models_info.json", lambda content: content["1"].update({"symmetries_continuous": [{"axis": [0, 0, 0]}]}),
         "direction"),
        ("offsets.json", lambda content: content["mug"].update({"obj_id": None}), "must give obj_id"),
    ],
)  # fmt: skip
def test_bad_files_get_one_line(folder: Path, name: str, change: Callable[[Any], Any], said: str) -> None:
    changed(folder, name, change)
    with pytest.raises(UserError, match=said) as error:
        read(folder)
    assert "\n" not in str(error.value)


def test_a_wider_picture_is_cropped_and_its_camera_with_it(folder: Path) -> None:
    """The same pictures with six more columns at either side, and their K moved with them, are the same."""
    before = read(folder)
    for path in (folder / "test" / "000000" / "rgb").iterdir():
        picture = Image.open(path)
        ImageOps.expand(picture, (6, 0, 6, 0), (255, 0, 0)).save(path)
    changed(folder, "scene_camera.json", lambda content: [moved(each["cam_K"], 6) for each in content.values()])
    after = read(folder)
    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_allclose(after.view.intrinsics, before.view.intrinsics)


def test_a_transparent_picture_is_refused(folder: Path) -> None:
    path = folder / "test" / "000000" / "rgb" / "000001.png"
    picture = Image.open(path).convert("RGBA")
    picture.putpixel((3, 3), (255, 0, 0, 0))
    picture.save(path)
    with pytest.raises(UserError, match=r"000001\.png: transparent in part"):
        read(folder)


def moved(matrix: list[float], columns: int) -> None:
    matrix[2] += columns


def test_missing_pictures_get_one_line(folder: Path) -> None:
    path = folder / "test" / "000000" / "rgb" / "000002.png"
    path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"000002\.png: no picture"):
        read(folder)
    path.unlink()
    with pytest.raises(UserError, match=r"000002\.png is missing"):
        read(folder)
    (folder / "test" / "000000" / "scene_gt.json").write_text("{")
    with pytest.raises(UserError, match="no readable JSON"):
        read(folder)

"""Three lines of Python: a picture in any form goes in, objects come out, and they are those that stand there."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

import air3d
from air3d.api.given import opened
from renderers.convert import to_bytes, to_torch
from scenes.objects import Objects


@pytest.fixture(scope="module")
def model() -> air3d.Model:
    return air3d.load("pretrained/tabletop", calibration_scenes=100)


@pytest.fixture(scope="module")
def pictures(model: air3d.Model) -> tuple[np.ndarray, Objects]:
    """Six tables as bytes, and what stands on them."""
    truth, view = model.run.scene.batch(77, range(6)), model.run.scene.views(77, range(6))
    with torch.no_grad():
        return to_bytes(model.run.renderer.render(to_torch(truth), to_torch(view))), truth


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    assert set(air3d.__all__) <= set(dir(air3d))
    for name in air3d.__all__:
        assert getattr(air3d, name).__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = air3d.nonsense  # pyright: ignore[reportAttributeAccessIssue]


def test_what_is_found_stands_there(model: air3d.Model, pictures: tuple[np.ndarray, Objects]) -> None:
    images, truth = pictures
    scenes = model(images)
    assert isinstance(scenes, list) and [len(scene) for scene in scenes] == truth.count.tolist()
    names = model.run.scene.catalogue.names
    for row, scene in enumerate(scenes):
        assert sum(scene.probabilities.values()) == pytest.approx(1) and not scene.doubtful
        for found in scene.objects:
            away = np.linalg.norm(truth.position[row] - found.position, axis=1) + 9 * ~truth.presence[row]
            slot = int(away.argmin())
            assert away[slot] < 0.02 and found.name == names[truth.identity[row, slot]]
            assert found.probability > 0.5 and found.names[found.name] > 0.5
            assert found.region["x"] and found.region["x"] > 0
            # the camera's axes and the world's tell of one place
            rotation, camera = found.camera_rotation, model.camera
            own = camera.rotation.T * np.array([[-1.0], [-1.0], [1.0]])
            np.testing.assert_allclose(rotation, own @ found.rotation_matrix, atol=1e-5)


def test_every_form_of_a_picture_is_the_same_one(
    model: air3d.Model, pictures: tuple[np.ndarray, Objects], tmp_path: Path
) -> None:
    image = pictures[0][3]
    Image.fromarray(image).save(tmp_path / "a.png")
    floats, opaque = torch.from_numpy(image).float() / 255, np.full((64, 64, 1), 255, np.uint8)
    forms = [
        *(str(tmp_path / "a.png"), tmp_path / "a.png", Image.open(tmp_path / "a.png"), image, floats),
        *(floats.permute(2, 0, 1), image.astype(np.uint16) * 257, np.concatenate([image, opaque], 2)),
    ]
    answers = [model(form).to_json() for form in forms]
    assert set(answers) == {answers[0]} and len(json.loads(answers[0])["objects"]) == pictures[1].count[3]
    assert [scene.to_json() for scene in model(floats[None])] == answers[:1]
    together = model(forms)  # sums of many pictures are rounded otherwise
    assert isinstance(together, list) and {repr(scene) for scene in together} == {repr(model(image))}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.png", "nowhere.png: there is no such file"),
        (3, "int is no picture"),
        (np.zeros((64, 64, 7), np.uint8), "64 x 64 x 7 is no picture"),
        (np.full((64, 64, 3), 255.0), "colours must lie between 0 and 1"),
        (np.full((64, 64, 3), np.nan), "colours must lie between 0 and 1"),
        (np.zeros((64, 64, 3), np.int64), "numbers of type int64"),
        (np.zeros((0, 64, 3), np.uint8), "is no picture"),
        (np.zeros((16, 16, 3), np.uint8), "16 x 16 pixels are too few"),
    ],
)
def test_what_is_no_picture_is_said_in_one_line(model: air3d.Model, given: object, said: str) -> None:
    with pytest.raises(air3d.UserError, match=said) as error:
        model(given)
    assert "\n" not in str(error.value)


def test_channels_may_come_first_and_one_is_enough() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    for form in (image.transpose(2, 0, 1), torch.from_numpy(image).permute(2, 0, 1)):
        np.testing.assert_array_equal(np.asarray(opened(form)), image)
    for form in (image[..., 0], image[..., :1], image[None, ..., 0]):
        np.testing.assert_array_equal(np.asarray(opened(form)), image[..., 0])


def test_what_was_found_can_be_drawn_and_written(
    model: air3d.Model, pictures: tuple[np.ndarray, Objects], tmp_path: Path
) -> None:
    images, truth = pictures
    row = int(truth.count.argmax())
    scene = model(images[row])
    assert isinstance(scene, air3d.Scene)
    assert np.asarray(scene.plot(tmp_path / "a.png")).shape == np.asarray(Image.open(tmp_path / "a.png")).shape
    solids = trimesh.load_scene(str(tmp_path / "a.glb")) if scene.to_glb(tmp_path / "a.glb") else None
    assert solids is not None and len(solids.geometry) == truth.count[row] + 1, "and the table"
    assert json.loads(scene.to_json(tmp_path / "a.json")) == json.loads((tmp_path / "a.json").read_text())
    page = scene._repr_html_()
    assert page.startswith('<img src="data:image/png;base64,') and page.count("<li>") == truth.count[row]
    assert "±" in repr(scene) and all(repr(each) in repr(scene) for each in scene.objects)


def test_another_camera_is_told(model: air3d.Model, pictures: tuple[np.ndarray, Objects]) -> None:
    """A table seen from elsewhere is the same table."""
    scene, truth = model.run.scene, pictures[1]
    camera = air3d.Camera.look_at((0.25, -0.95, 1.0), (0, 0, 0), 40.0, 96, 160)
    view = scene.configured.behind(air3d.api.model.View.of(camera)).repeat(6)
    with torch.no_grad():
        seen = to_bytes(model.run.renderer.render(to_torch(truth), to_torch(view)))
    told, untold = model(seen, camera=camera), model(seen)
    assert told[0].crop == (32, 0, 128, 96) and [len(each) for each in told] == truth.count.tolist()
    off = [[np.linalg.norm(truth.position[row] - found.position, axis=1).min() for row, scene in enumerate(each)
            for found in scene.objects] for each in (told, untold)]  # fmt: skip
    assert np.median(off[0]) < 0.01 < np.median(off[1])
    with pytest.raises(air3d.UserError, match="2 cameras for 6 pictures"):
        model(seen, camera=[camera] * 2)


def test_threads_may_ask(model: air3d.Model, pictures: tuple[np.ndarray, Objects]) -> None:
    expected, found = [scene.to_json() for scene in model(pictures[0])], {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: [each.to_json() for each in model(pictures[0])]}))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(3), expected)

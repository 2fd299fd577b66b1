"""What a sensor does to pictures beside its noise: drawn within its ranges, and told in scenes.json where it is any."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenes.dataset import describe, read_dataset, write_dataset
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig
from scenes.variation import Variation
from scenes.view import View, shared

SENSOR = ("blur", "tone", "jpeg")
PLAIN = {"blur": 0.0, "tone": 1.0, "jpeg": 0.0}


def views(pictures: int = 300, **vary: Any) -> View:
    return Scene(SceneConfig(image_size=8, vary=Variation(**vary))).views(0, range(pictures))


def test_ranges_are_respected_and_used() -> None:
    drawn = views(blur=1.5, tone=0.4, jpeg=(30.0, 90.0))
    assert 0 <= drawn.blur.min() < 0.1 and 1.4 < drawn.blur.max() <= 1.5
    powers = np.log(drawn.tone)
    assert -0.4 <= powers.min() < -0.37 and 0.37 < powers.max() <= 0.4 and abs(powers.mean()) < 0.05
    files = drawn.jpeg[drawn.jpeg > 0]
    assert 30 <= files.min() < 34 and 86 < files.max() <= 90
    assert len(files) / 300 == pytest.approx(0.5, abs=0.1), "every second picture is no JPEG"
    numbers = np.corrcoef([drawn.blur[drawn.jpeg > 0], powers[drawn.jpeg > 0], files])
    assert np.abs(numbers - np.eye(3)).max() < 0.25, "each for itself"


def test_one_alone_changes_neither_the_others_nor_what_it_is() -> None:
    ranges: dict[str, Any] = {"blur": 1.5, "tone": 0.4, "jpeg": (30.0, 90.0)}
    every = views(20, noise=(0.0, 0.1), **ranges)
    np.testing.assert_array_equal(every.noise, views(20, noise=(0.0, 0.1)).noise)
    for name, limits in ranges.items():
        alone = views(20, **{name: limits})
        np.testing.assert_array_equal(getattr(alone, name), getattr(every, name))
        for other in set(SENSOR) - {name}:
            assert shared(getattr(alone, other)) and getattr(alone, other)[0] == PLAIN[other]


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ({"blur": -0.1}, r"scene.vary.blur is -0.1: it must be 0 to 10 pixels"),
        ({"blur": float("nan")}, "0 to 10 pixels"),
        ({"tone": 3.0}, r"scene.vary.tone is 3.0: it must be 0 to 2"),
        ({"jpeg": (0.0, 90.0)}, r"scene.vary.jpeg is \[0.0, 90.0\]: it must be null, or two rising numbers, a quality"),
        ({"jpeg": (50.0, 101.0)}, "a quality from 1 to 100"),
        ({"jpeg": (90.0, 50.0)}, "rising"),
    ],
)
def test_what_is_no_range_is_refused_in_one_line(vary: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        Variation(**vary)
    assert "\n" not in str(caught.value)


def written(folder: Path, view: View) -> dict[str, Any]:
    """A data set of pictures under those views, and what its scenes.json says."""
    scene = Scene(SceneConfig(image_size=8))
    picture = np.zeros((view.height, view.width, 3), np.uint8), [0] * scene.config.max_objects
    objects = scene.batch(0, range(len(view)))
    write_dataset(folder, describe(scene, view, seed=0), scene.catalogue, objects, view, [picture] * len(view))
    return json.loads((folder / "scenes.json").read_text())


def test_it_is_told_where_it_is_any(tmp_path: Path) -> None:
    """Beside each picture, no more than there is to say."""
    plain = View.of(Scene(SceneConfig(image_size=8)).camera, batch=4)
    view = replace(
        plain, blur=np.array([0.5, 0, 0, 1.25]), tone=np.array([1, 1, 0.75, 1.5]), jpeg=np.array([0, 0, 40.5, 0])
    )
    content = written(tmp_path / "set", view)
    assert "sensor" not in content["info"]
    told = [scene.get("sensor") for scene in content["scenes"]]
    assert told == [{"blur": 0.5}, None, {"tone": 0.75, "jpeg": 40.5}, {"blur": 1.25, "tone": 1.5}]
    read = read_dataset(tmp_path / "set").view
    for name in SENSOR:
        np.testing.assert_array_equal(getattr(read, name), getattr(view, name), err_msg=name)


def test_what_all_share_is_told_once(tmp_path: Path) -> None:
    view = View.of(Scene(SceneConfig(image_size=8)).camera, blur=0.5, jpeg=80.0, batch=3)
    content = written(tmp_path / "set", view)
    assert content["info"]["sensor"] == {"blur": 0.5, "jpeg": 80.0}
    assert not any("sensor" in scene for scene in content["scenes"])
    read = read_dataset(tmp_path / "set").view
    for name, value in {"blur": 0.5, "tone": 1.0, "jpeg": 80.0}.items():
        assert getattr(read, name).tolist() == [value] * 3 and shared(getattr(read, name))


def test_without_any_a_data_set_is_what_it_was_before_there_was_a_word_for_it(tmp_path: Path) -> None:
    content = written(tmp_path / "set", Scene(SceneConfig(image_size=8)).views(0, range(2)))
    assert "sensor" not in content["info"] and not any("sensor" in scene for scene in content["scenes"])
    assert not any(word in (tmp_path / "set" / "scenes.json").read_text() for word in ("blur", "tone", "jpeg"))
    read = read_dataset(tmp_path / "set").view
    for name, value in PLAIN.items():
        assert getattr(read, name).tolist() == [value] * 2


@pytest.mark.parametrize(
    ("sensor", "words"),
    [
        ("a good one", "sensor must give blur, tone, jpeg"),
        ({"blur": "wide"}, "sensor.blur must be 1 finite number"),
        ({"tone": float("inf")}, "sensor.tone must be 1 finite number"),
        ({"jpeg": [80]}, "sensor.jpeg must be 1 finite number"),
    ],
)
@pytest.mark.parametrize("of_all", [True, False])
def test_what_is_no_sensor_is_refused_in_one_line(tmp_path: Path, sensor: Any, words: str, of_all: bool) -> None:
    content = written(tmp_path / "set", View.of(Scene(SceneConfig(image_size=8)).camera, batch=2))
    (content["info"] if of_all else content["scenes"][1])["sensor"] = sensor
    (tmp_path / "set" / "scenes.json").write_text(json.dumps(content))
    (tmp_path / "set" / "manifest.json").unlink()
    with pytest.raises(UserError, match=words) as caught:
        read_dataset(tmp_path / "set")
    assert "scenes.json" in str(caught.value) and "\n" not in str(caught.value)

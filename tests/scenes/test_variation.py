"""Pictures with a world of their own: nothing varied is nothing changed, ranges hold, any picture alone."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from air3d.cli import compose, typed
from scenes.clutter import THINGS
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.tables import PATTERNS, pixel_size, table_points
from scenes.variation import Variation
from scenes.view import ARRAYS, View, shared
from scenes.worlds import table_light

VARIED = typed(compose("train", ["scene=tabletop_varied"]).scene, SceneConfig)
EVERYTHING = replace(VARIED.vary, turn=3.0, shift=0.03, blur=1.5, tone=0.4, jpeg=(30.0, 90.0))


def scene(size: int = 16, **vary: Any) -> Scene:
    return Scene(SceneConfig(image_size=size, vary=Variation(**vary)))


def every_field(described: View | Objects) -> dict[str, np.ndarray]:
    names = ARRAYS if isinstance(described, View) else [each.name for each in fields(Objects)]
    return {name: getattr(described, name) for name in names if getattr(described, name) is not None}


def assert_same(one: View | Objects, other: View | Objects) -> None:
    first, second = every_field(one), every_field(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_where_nothing_varies_nothing_is_stored_twice() -> None:
    plain = scene()
    assert not Variation() and plain.view(3, 4) is plain.configured
    views = plain.views(0, range(4))
    assert all(shared(array) for array in every_field(views).values()) and plain.objects(0, 1).tint is None


def test_what_does_not_vary_stays_as_configured_and_is_shared() -> None:
    views = scene(noise=(0.01, 0.02)).views(0, range(4))
    assert len(set(views.noise.tolist())) == 4
    for name, array in every_field(views).items():
        if name != "noise":
            assert shared(array), name
            np.testing.assert_array_equal(array[:1], getattr(scene().configured, name), err_msg=name)


def test_objects_stand_where_they_stood_unless_the_camera_moves() -> None:
    varied, plain = Scene(VARIED).batch(0, range(8)), Scene(SceneConfig()).batch(0, range(8))
    assert_same(replace(varied, tint=None), plain)


def test_any_picture_can_be_made_alone_and_seeds_differ() -> None:
    varied, alone = (Scene(replace(VARIED, vary=EVERYTHING, image_size=16)) for _ in range(2))
    views, objects = varied.views(5, range(4)), varied.batch(5, range(4))
    assert_same(alone.view(5, 2), views[2])
    assert_same(alone.objects(5, 2), objects[2])
    for name, array in every_field(varied.view(6, 2)).items():
        assert (name == "intrinsics") == np.array_equal(array, getattr(varied.view(5, 2), name)), name


def test_varying_more_changes_nothing_else() -> None:
    some, more = (scene(**vary).view(0, 7) for vary in ({"tint": 0.2, "exposure": 0.1}, {"exposure": 0.1, "turn": 5.0}))
    np.testing.assert_array_equal(some.gain, more.gain)
    lamps = [scene(ambient=(0.3, 0.5), **vary).view(0, 7).ambient[0] for vary in ({}, {"diffuse": (0.1, 0.2)})]
    assert lamps[0] == lamps[1]


def test_ranges_are_respected_and_used() -> None:
    ranges, configured = EVERYTHING, Scene(VARIED).configured
    varied = Scene(replace(VARIED, vary=ranges, image_size=16))
    views = varied.views(0, range(300))
    drawn = {
        "elevation": np.degrees(np.arcsin(views.light[:, 2])),
        **{name: getattr(views, name) for name in ("ambient", "diffuse", "noise")},
    }
    for name, values in drawn.items():
        low, high = getattr(ranges, name)
        assert low - 1e-9 <= values.min() < low + 0.1 * (high - low), name
        assert high + 1e-9 >= values.max() > high - 0.1 * (high - low), name
    np.testing.assert_allclose(np.linalg.norm(views.light, axis=1), 1)
    assert (np.sign(views.light[:, :2]) > 0).mean() == pytest.approx(0.5, abs=0.1), "from any side"
    largest = (1 + ranges.exposure) * (1 + ranges.white_balance)
    assert 1.2 < views.gain.max() <= largest and (1 - 0.2) * (1 - 0.1) <= views.gain.min() < 0.8
    assert views.background.min() == 0 and views.background.max() == 1, "from black to white"
    turns, shifts = zip(*(away(views.camera(row), configured.camera(0)) for row in range(300)), strict=True)
    assert 2.9 < max(turns) <= 3 + 1e-6 and 0.029 < max(shifts) <= 0.03 + 1e-9


def away(camera, from_camera) -> tuple[float, float]:
    """Degrees and metres between two cameras."""
    cosine = (np.trace(camera.rotation @ from_camera.rotation.T) - 1) / 2
    return np.degrees(np.arccos(min(cosine, 1.0))), float(np.linalg.norm(camera.position - from_camera.position))


def test_tints_are_of_objects_alone() -> None:
    objects = scene(tint=0.1).batch(0, range(100))
    assert objects.tint is not None
    there = objects.presence
    assert 0.9 <= objects.tint[there].min() < 0.91 and 1.09 < objects.tint[there].max() <= 1.1
    assert (objects.tint[~there] == 1).all()


def test_a_table_is_lit_as_what_stands_on_it() -> None:
    """Half the light shows half the colour; a table of its own colour shows that times the light."""
    darker = scene(exposure=0.5)
    for index in range(5):
        view = darker.view(0, index)
        np.testing.assert_allclose(view.background[0], np.array(darker.config.background) * view.gain[0], rtol=1e-12)
    white = scene(table=(1.0, 1.0), elevation=(40.0, 80.0), ambient=(0.2, 0.5)).view(0, 1)
    np.testing.assert_allclose(white.background, table_light(white)[None])


def test_the_light_of_a_table_rises_or_falls_no_further_than_it_may() -> None:
    tables = scene(gradient=0.3).views(0, range(50)).background / np.array(SceneConfig().background)
    assert 0.6 < tables.min() < 0.85 and 1.05 < tables.max() <= 1.3
    assert np.abs(np.diff(tables, axis=1)).max() < 0.05, "slowly"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
def test_patterns_are_shares(pattern) -> None:
    points = table_points(scene(64).camera)
    random = np.random.default_rng(0)
    drawn = np.stack([pattern(points, pixel_size(points), random) for _ in range(30)])
    assert drawn.shape == (30, 64, 64) and drawn.min() >= 0 and drawn.max() <= 1
    assert (drawn.std((1, 2)) > 0.02).mean() > 0.8 or pattern.__name__ == "plain"


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.__name__)
def test_things_are_colours_and_cover_a_share(thing) -> None:
    points, random = table_points(scene(64).camera), np.random.default_rng(0)
    covered = []
    for _ in range(20):
        share, colour = thing(points, pixel_size(points), random)
        assert share.shape == (64, 64) and share.min() >= 0 and share.max() <= 1
        assert np.broadcast_to(colour, (64, 64, 3)).min() >= 0 and np.max(colour) <= 1
        covered.append(share.mean())
    assert 0 < np.median(covered) < 0.5


def test_clutter_lies_on_the_table_and_leaves_the_rest_as_it_was() -> None:
    plain, full = (scene(64, texture=0.3, clutter=most).views(0, range(60)).background for most in (0, 3))
    changed = (np.abs(plain - full).max(-1) > 0.01).mean((1, 2))
    assert 0.1 < (changed == 0).mean() < 0.5, "0 to 3 things, and 0 in one table of four"
    assert 0.005 < np.median(changed) < 0.5
    assert full.min() >= 0 and full.max() <= 1


def test_points_of_the_table_are_where_the_camera_sees_them() -> None:
    camera = Scene(replace(VARIED, vary=EVERYTHING)).view(0, 3).camera(0)
    points = table_points(camera)
    pixels = camera.to_pixels(camera.project(np.concatenate([points, np.zeros((64, 64, 1))], -1)))
    rows, columns = np.indices((64, 64))
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1), atol=1e-6)


@pytest.mark.parametrize("index", [2, 3, 12])
def test_a_texture_moves_with_the_camera(index: int) -> None:
    """It lies on the table: shifted by 2 cm, the camera sees the same points in the same colours elsewhere. The tables
    of these pictures have coarse and strong textures."""
    still, moved = (scene(64, texture=1.0, **vary) for vary in ({}, {"shift": 0.02, "turn": 2.0}))
    both = still.view(0, index), moved.view(0, index)
    shown = [each.background[0] for each in both]
    points = table_points(both[1].camera(0))
    seen = both[0].camera(0).to_pixels(both[0].camera(0).project(np.concatenate([points, np.zeros((64, 64, 1))], -1)))
    column, row = np.clip(seen.round().astype(int), 0, 63)[..., 0], np.clip(seen.round().astype(int), 0, 63)[..., 1]
    unmoved, followed = (np.abs(shown[1] - each).mean() for each in (shown[0], shown[0][row, column]))
    assert shown[0].std() > 0.02 and followed < 0.5 * unmoved


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ({"noise": (0.1, 0.0)}, r"scene.vary.noise is \[0.1, 0.0\]: it must be null, or two rising numbers"),
        ({"elevation": (-10.0, 80.0)}, "degrees above the table"),
        ({"table": (0.0, 2.0)}, "white"),
        ({"exposure": 1.0}, "a share from 0 to below 1"),
        ({"tint": -0.1}, "a share"),
        ({"texture": 2.0}, "between 0 and 1"),
        ({"clutter": 21}, "0 to 20 things"),
        ({"turn": 120.0}, "below 90 degrees"),
        ({"shift": float("nan")}, "a distance in metres"),
        ({"ambient": (0.1, float("nan"))}, "from 0 to 1"),
    ],
)
def test_what_is_no_range_is_refused_in_one_line(vary: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        Variation(**vary)
    assert "\n" not in str(caught.value)


def test_a_setting_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="did you mean noise"):
        compose("train", ["scene=tabletop_varied", "scene.vary.nose=[0,1]"])
    with pytest.raises(UserError, match="rising"):
        typed(compose("train", ["scene=tabletop_varied", "scene.vary.noise=[0.2,0.1]"]).scene, SceneConfig)

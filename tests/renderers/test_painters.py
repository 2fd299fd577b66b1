"""Another painter of the same scenes: what it draws for itself, and, with Mitsuba, that it paints what views say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from air3d.cli import compose, typed
from renderers import build_renderer
from renderers.base import empty_table
from renderers.convert import to_torch
from renderers.painters import Ours, PainterConfig, build_painter
from renderers.painters.lights import (
    BRIGHTEST,
    DISTANCE,
    ELEVATION,
    drawn_lights,
    drawn_sky,
    in_sight,
    irradiance,
    lights_of,
    measured_skies,
)
from renderers.painters.table_tops import MATERIALS, SIDE, TEXELS, WHITEST, drawn_table, table_of
from scenes.camera import Camera
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.variation import Variation
from scenes.view import View
from scenes.worlds import table_light

SCENE = Scene(SceneConfig(image_size=32))
ABOVE = Camera.look_at((0.0, -0.01, 2.0), (0.0, 0.0, 0.0), 30.0, 32, 32)


def view_of(**world: Any) -> View:
    return View.of(SCENE.camera, **{"background": (0.2, 0.3, 0.4), **world})


def test_the_sky_of_one_colour_lights_with_its_radiance_and_the_edges_of_rows_count() -> None:
    assert irradiance(np.broadcast_to([1.0, 2.0, 3.0], (5, 4, 3))) == pytest.approx([1.0, 2.0, 3.0])
    zenith, horizon = np.zeros((2, 90, 1, 3))
    zenith[0], horizon[-1] = 1, 1
    assert irradiance(zenith)[0] == pytest.approx(np.sin(np.radians(1)) ** 2)
    assert irradiance(horizon)[0] == pytest.approx(np.cos(np.radians(89)) ** 2, rel=1e-6)


def test_measured_skies_are_balanced_and_have_no_sun() -> None:
    assert len(measured_skies()) == 8
    for sky in measured_skies():
        assert irradiance(sky) == pytest.approx(np.ones(3)) and sky.min() >= 0 and sky.shape == (16, 64, 3)
        assert sky.mean(-1).max() < 5 * BRIGHTEST and sky.std() > 0.05


def test_lights_of_a_view_are_its_own() -> None:
    view = view_of(light=(1.0, 0.0, 1.0), ambient=0.3, diffuse=0.6, gain=(1.0, 0.5, 2.0))
    lights = lights_of(view)
    assert lights.place / np.linalg.norm(lights.place) == pytest.approx(view.light[0])
    assert lights.light == pytest.approx([0.6, 0.3, 1.2]) and lights.sky[0, 0] == pytest.approx([0.3, 0.15, 0.6])


def test_drawn_lights_light_the_table_as_the_view_does_and_hang_out_of_sight() -> None:
    view, shown = view_of(gain=0.9), []
    for index in range(200):
        lights = drawn_lights(view, 0, index)
        distance = np.linalg.norm(lights.place)
        slanted = lights.place[2] / distance
        assert DISTANCE[0] <= distance <= DISTANCE[1]
        assert ELEVATION[0] - 1e-9 <= np.degrees(np.arcsin(slanted)) <= ELEVATION[1] + 1e-9
        assert not in_sight(view, lights.place)
        shown.append((lights.light * slanted + irradiance(lights.sky)) / table_light(view))
    assert np.mean(shown) == pytest.approx(1, abs=0.02) and 0.02 < np.std(shown) < 0.08
    again = drawn_lights(view, 0, 17)
    np.testing.assert_array_equal(again.place, drawn_lights(view, 0, 17).place)
    assert not np.array_equal(again.place, drawn_lights(view, 1, 17).place)


def test_a_lamp_before_the_camera_is_in_sight() -> None:
    view = view_of()
    assert in_sight(view, np.zeros(3)) and in_sight(view, SCENE.camera.position + 0.2)
    assert not in_sight(view, np.array([0.0, -3.0, 3.0]))
    with pytest.raises(UserError, match="narrow"):
        drawn_lights(View.of(Camera.look_at((0.0, -0.1, 30.0), (0.0, 0.0, 0.0), 90.0, 32, 32)), 0, 0)


def test_skies_differ() -> None:
    skies = [drawn_sky(np.random.default_rng(seed)) for seed in range(40)]
    assert 8 < sum(sky.shape == (16, 64, 3) for sky in skies) < 32
    assert len({sky.tobytes() for sky in skies}) == 40


def test_a_table_of_one_colour_is_the_background_without_its_light() -> None:
    view = view_of(gain=0.8)
    np.testing.assert_allclose(table_of(view)[0, 0], np.array([0.2, 0.3, 0.4]) / table_light(view))


def test_a_picture_of_the_table_is_laid_where_the_camera_sees_it() -> None:
    """Red rises from left to right, green from the bottom to the top."""
    rows, columns = np.indices((32, 32)) / 31
    table = table_of(View.of(ABOVE, background=np.stack([0.8 * columns, 0.8 * (1 - rows), 0.5 + 0 * rows], -1)))
    assert table.shape == (TEXELS, TEXELS, 3)
    near = slice(TEXELS // 2 - 60, TEXELS // 2 + 60)  # within 35 cm of the middle
    assert (np.diff(table[near, near, 0], axis=1) > 0).all() and (np.diff(table[near, near, 1], axis=0) < 0).all()
    middle = table[TEXELS // 2, TEXELS // 2] * table_light(View.of(ABOVE))
    assert middle == pytest.approx([0.4, 0.4, 0.5], abs=0.02)


@pytest.mark.parametrize("material", MATERIALS, ids=lambda material: material.__name__)
def test_materials_are_shares(material) -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        share = material(random)
        assert np.broadcast_shapes(share.shape, (TEXELS, TEXELS)) == (TEXELS, TEXELS)
        assert share.min() >= 0 and share.max() <= 1 and share.std() > 0.03


def test_drawn_tables_reach_from_black_to_white_and_are_their_pictures_own() -> None:
    tables = [drawn_table(0, index) for index in range(40)]
    means = [table.mean() for table in tables]
    assert min(means) < 0.1 and max(means) > 0.7
    assert all(table.min() >= 0 and table.max() <= WHITEST for table in tables)
    np.testing.assert_array_equal(drawn_table(0, 3), tables[3])
    assert not np.array_equal(drawn_table(1, 3), tables[3])


def test_levels_add_up() -> None:
    """Each level varies what the one before it varies, and something more; none varies what a view cannot say."""
    composed = [compose("generate", [f"testset=path_traced_{level}", "out=x"]) for level in (1, 2, 3)]
    scenes = [typed(each.scene, SceneConfig).vary for each in composed]
    painters = [typed(each.painter, PainterConfig) for each in composed]
    assert [each.name for each in painters] == ["mitsuba"] * 3 and all(each.own_lights for each in painters)
    assert [each.own_tables for each in painters] == [False, True, True]
    first = Variation(exposure=0.15, noise=(0.015, 0.015))
    assert scenes == [first, replace(first, tint=0.1), replace(first, tint=0.1, turn=3.0, shift=0.03)]


def test_what_a_view_cannot_describe_is_not_stated() -> None:
    assert set(PainterConfig().stated) == {"camera", "light", "background", "noise", "sensor"}
    assert set(PainterConfig("mitsuba", own_tables=True).stated) == {"camera", "light", "noise", "sensor"}
    assert set(PainterConfig("mitsuba", own_lights=True).stated) == {"camera", "noise", "sensor"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "mitsubishi"}, "did you mean mitsuba"),
        ({"rays": 0}, "painter.rays=0: give a whole number from 1"),
        ({"bounces": 0}, "at least 1"),
    ],
)
def test_bad_settings_are_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        PainterConfig(**settings)


def test_our_painter_is_the_renderer() -> None:
    renderer, objects, view = build_renderer("streaming", SCENE), SCENE.batch(0, range(2)), SCENE.views(0, range(2))
    painter = build_painter(PainterConfig(), SCENE, renderer)
    assert isinstance(painter, Ours)
    assert torch.equal(painter(objects, view, [(0, 0), (0, 1)]), renderer.render(to_torch(objects), to_torch(view)))


def test_without_mitsuba_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderers.black_boxes.mitsuba.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install"):
        build_painter(PainterConfig("mitsuba"), SCENE, build_renderer("streaming", SCENE))


def path_traced(objects: Objects, view: View, rays: int = 64, **settings: Any) -> torch.Tensor:
    pytest.importorskip("mitsuba", reason="Mitsuba is not installed: pip install -e '.[mitsuba]'")
    painter = build_painter(PainterConfig("mitsuba", rays, **settings), SCENE, build_renderer("streaming", SCENE))
    return painter(objects, view, [(0, index) for index in range(len(objects))])


def test_an_empty_table_looks_as_the_view_says() -> None:
    """Whatever the light, the gain and the colour: a view's background is what an empty table looks like."""
    rows, columns = np.indices((32, 32)) / 31
    picture = np.stack([0.05 + 0.3 * columns, 0.05 + 0.3 * rows, 0.2 + 0 * rows], -1)
    shining = {"light": (0.8, 0.2, 0.7), "ambient": 0.3, "diffuse": 0.6, "gain": (0.9, 0.8, 0.7)}
    for view in (view_of(), view_of(background=picture, **shining)):
        seen = path_traced(Objects.empty(1, 1), view)
        expected = empty_table(to_torch(view))
        assert (seen - expected).abs().max() < 0.05 and (seen - expected).abs().mean() < 0.01


def test_objects_look_as_ours_but_for_shadows() -> None:
    """Each stands where it stands in our picture, about as bright."""
    objects, view = SCENE.batch(1, range(4), 3), SCENE.views(1, range(4))
    ours = build_renderer("streaming", SCENE).render(to_torch(objects), to_torch(view))
    theirs, table = path_traced(objects, view), torch.as_tensor(SceneConfig().background)
    on_objects = (ours - table).abs().amax(-1) > 0.15
    assert on_objects.float().mean() > 0.03
    assert theirs[on_objects].mean() == pytest.approx(ours[on_objects].mean().item(), rel=0.15)
    assert theirs[~on_objects].mean() == pytest.approx(ours[~on_objects].mean().item(), rel=0.1)
    mirrored = (theirs.flip(2) - ours).abs().mean()
    assert (theirs - ours).abs().mean() < 0.4 * mirrored
    shadows = (table - theirs).amin(-1) > 0.02
    assert (shadows & ~on_objects).float().mean() > 0.005, "and they cast shadows"


def test_the_same_picture_alone_and_in_any_batch_and_a_world_of_its_own() -> None:
    pytest.importorskip("mitsuba", reason="Mitsuba is not installed: pip install -e '.[mitsuba]'")
    objects, view = SCENE.batch(1, range(3)), SCENE.views(1, range(3))
    settings = PainterConfig("mitsuba", rays=4, own_lights=True, own_tables=True)
    painter = build_painter(settings, SCENE, build_renderer("streaming", SCENE))
    seeds = [(1, index) for index in range(3)]
    pictures = painter(objects, view, seeds)
    assert torch.isfinite(pictures).all() and pictures.min() >= 0
    again = build_painter(settings, SCENE, build_renderer("streaming", SCENE))
    assert torch.equal(again(objects[2], view[2], seeds[2:])[0], pictures[2])
    elsewhere = painter(objects[2], view[2], [(2, 2)])[0]
    assert (elsewhere - pictures[2]).abs().mean() > 0.02


def test_a_level_is_generated_by_one_command(tmp_path: Path) -> None:
    pytest.importorskip("mitsuba", reason="Mitsuba is not installed: pip install -e '.[mitsuba]'")
    import generate  # what is tested is the program
    from scenes.dataset import read_dataset

    for name in ("one", "two"):
        words = ["testset=path_traced_3", "scenes=2", "painter.rays=1", "scene.image_size=32", f"out={tmp_path / name}"]
        generate.main(compose("generate", words))
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 4
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    data = read_dataset(tmp_path / "one", default=SCENE.configured)
    assert data.view.noise.tolist() == [0.015, 0.015] and not data.view.camera(0).close_to(SCENE.camera)
    assert not data.view.camera(0).close_to(data.view.camera(1)), "every picture's camera is told"
    np.testing.assert_array_equal(data.view.background, np.repeat(SCENE.configured.background, 2, 0))
    assert data.info["painter"]["own_tables"] and SIDE > 2

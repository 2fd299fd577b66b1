"""A camera of anybody's: pictures that are not square, pixels that are not either, a principal point off the middle."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluating import evaluate
from small_runs import small_run, small_trainer

from air3d import cli
from air3d.evaluation.scene_changes import SceneChange
from air3d.model.attention import table_shares
from air3d.model.crop_features import CropFeatures
from air3d.model.rings import RingSampler
from air3d.model.unexplained import STRIDE
from air3d.programs import generate as generate_py
from air3d.programs import infer as infer_py
from renderers import build_renderer
from renderers.convert import channels_first, to_torch
from scenes.dataset import read_dataset, settings_of
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

HEIGHT, WIDTH = 96, 128
LENS = (170.0, 160.0, 52.5, 60.25)
WORDS = (f"scene.image_size=[{HEIGHT},{WIDTH}]", f"scene.intrinsics={list(LENS)}")
PLACES = np.array([[0.0, 0.0, 0.0], [0.12, 0.1, 0.0], [-0.13, -0.12, 0.0]])


def scene(name: str = "crockery") -> Scene:
    return Scene(SceneConfig(catalogue=name, image_size=[HEIGHT, WIDTH], intrinsics=LENS))


def pixels(points: np.ndarray) -> np.ndarray:
    """Column and row by K, written out: x_view = x_world R + T; column = cx - fx x/z, row = cy - fy y/z."""
    camera = scene().camera
    view = points @ camera.rotation + camera.translation
    return np.stack(
        [LENS[2] - LENS[0] * view[..., 0] / view[..., 2], LENS[3] - LENS[1] * view[..., 1] / view[..., 2]], -1
    )


def in_pixels(grid: torch.Tensor) -> np.ndarray:
    """The units of grid_sample in columns and rows: -1 and 1 are the outer borders of the picture."""
    return ((grid.double().numpy() + 1) * [WIDTH, HEIGHT] - 1) / 2


def test_what_the_camera_looks_at_is_at_its_principal_point() -> None:
    assert pixels(np.array(SceneConfig().camera_target)) == pytest.approx(LENS[2:])


@pytest.mark.parametrize("place", PLACES)
def test_a_marker_is_painted_where_k_projects_it(place: np.ndarray) -> None:
    """A ball of 5 cm, whose middle is a tenth of a pixel from that of what is seen of it."""
    world = scene("shapes")
    ball, camera = world.catalogue.names.index("sphere"), world.camera
    size = 0.05 / np.ptp(world.catalogue.meshes[ball].vertices[:, 2])
    marker = Objects(np.array([[ball]]), place[None, None].astype(np.float32), np.zeros((1, 1), np.float32),
                     np.ones((1, 1), bool), size=np.full((1, 1), size, np.float32))  # fmt: skip
    picture = build_renderer("streaming", world).render(to_torch(marker), to_torch(world.configured))[0].numpy()
    assert picture.shape == (HEIGHT, WIDTH, 3)
    shown = np.abs(picture - world.config.background).sum(-1) > 0.05
    row, column = (each.mean() for each in np.nonzero(shown))
    middle = place + np.array([0, 0, 0.025])
    assert shown.sum() > 10 and pixels(middle) == pytest.approx([column, row], abs=0.4)
    assert camera.to_pixels(camera.project(middle)) == pytest.approx(pixels(middle))


def test_cells_know_the_place_on_the_table_that_they_look_at(tmp_path: Path) -> None:
    """From a cell's share of the table back to the middle of its pixels, where it is on the table at all."""
    run = small_run(tmp_path, "scene=tabletop", *WORDS)
    prior, view = run.model.prior, to_torch(run.scene.configured)
    shares = table_shares(prior, view)[0]
    places = prior.low[:2] + shares * (prior.high[:2] - prior.low[:2])
    inside = ((shares > 1e-4) & (shares < 1 - 1e-4)).all(-1).numpy()
    rows, columns = np.divmod(np.arange(len(shares)), WIDTH // STRIDE)
    middles = np.stack([columns, rows], -1) * STRIDE + (STRIDE - 1) / 2
    seen = pixels(np.concatenate([places.double().numpy(), np.zeros((len(places), 1))], 1))
    assert inside.sum() > 200
    np.testing.assert_allclose(seen[inside], middles[inside], atol=0.05)


def test_rings_and_crops_look_at_the_pixels_of_their_place() -> None:
    world, position = scene(), torch.as_tensor(PLACES, dtype=torch.float32)
    view, identity = to_torch(world.configured.repeat(3)), torch.tensor([0, 2, 3])
    sampler = RingSampler(world.catalogue, 8)
    rings = in_pixels(sampler.grid(identity, position, view))
    points = sampler.around[identity].double().numpy() + PLACES[:, None, None]
    np.testing.assert_allclose(rings, pixels(points), atol=1e-3)
    crop = in_pixels(CropFeatures(0.1, 8, 4).grid(position, view))
    np.testing.assert_allclose(crop.mean((1, 2)), pixels(PLACES), atol=1e-3)
    left, right = crop[:, :, 0].mean(1), crop[:, :, -1].mean(1)
    depth = (PLACES @ world.camera.rotation + world.camera.translation)[:, 2]
    np.testing.assert_allclose(right[:, 0] - left[:, 0], 0.2 * 23 / 24 * LENS[0] / depth, rtol=1e-4)
    upper, lower = crop[:, 0].mean(1), crop[:, -1].mean(1)
    np.testing.assert_allclose(lower[:, 1] - upper[:, 1], 0.2 * 23 / 24 * LENS[1] / depth, rtol=1e-4)


def test_objects_are_wholly_in_the_picture() -> None:
    world = scene()
    drawn = world.batch(0, range(40))
    seen = pixels(drawn.position[drawn.presence].astype(float))
    assert (seen > 0).all() and (seen < [WIDTH, HEIGHT]).all()
    assert seen[:, 0].max() > LENS[2] + 30 and seen[:, 0].min() < LENS[2] - 25


def test_a_training_learns_from_such_pictures(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "scene=tabletop", "trainer.steps=2", "trainer.batch=2", *WORDS)
    before = [each.detach().clone() for each in trainer.run.model.parameters()]
    for _ in range(2):
        assert np.isfinite(trainer.train_step()["train/gradient_norm"])
    assert any(not torch.equal(old, new) for old, new in zip(before, trainer.run.model.parameters(), strict=True))


def test_the_programs_with_such_a_camera(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path / "run", "scene=tabletop", *WORDS)
    trainer.save("best.pt")
    generate_py.main(cli.compose("generate", [f"out={tmp_path / 'data'}", "scenes=2", *WORDS]))
    data = read_dataset(tmp_path / "data")
    assert data.images.shape == (2, HEIGHT, WIDTH, 3) and data.view.intrinsics[0].tolist() == list(LENS)
    evaluate(f"run={tmp_path / 'run'}", f"data={tmp_path / 'data'}", f"out={tmp_path / 'out'}")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["scenes"] == 2
    words = [f"run={tmp_path / 'run'}", f"pictures={tmp_path / 'data'}", "calibration_scenes=3", "show=1"]
    infer_py.main(cli.compose("infer", [*words, f"out={tmp_path / 'inferred'}"]))
    assert len(json.loads((tmp_path / "inferred" / "scenes.json").read_text())["scenes"]) == 2


def test_a_data_set_without_intrinsics_says_nothing_of_them() -> None:
    """Data sets that were made before there were any are what they were."""
    assert "intrinsics" not in settings_of(SceneConfig())
    assert settings_of(scene().config)["intrinsics"] == LENS


@pytest.mark.parametrize(
    "lens", [(0.0, 100.0, 1.0, 1.0), (100.0, -1.0, 1.0, 1.0), (1.0, 2.0, 3.0), (1.0, 1.0, np.nan, 1.0)]
)
def test_no_lens_gets_one_line(lens: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match=r"scene\.intrinsics is"):
        SceneConfig(intrinsics=lens)  # pyright: ignore[reportArgumentType]


def test_a_field_of_view_beside_intrinsics_is_refused() -> None:
    with pytest.raises(UserError, match="change those"):
        SceneChange(field_of_view=20.0).applied(scene().config)
    assert SceneChange(intrinsics=LENS).applied(replace(SceneConfig())).intrinsics == LENS


def test_a_crop_of_the_picture_shows_what_stands_there() -> None:
    """The colour at a place's pixel is what the picture shows there, whatever the camera."""
    world = scene()
    plate = Objects(np.zeros((1, 1), int), PLACES[None, 1:2].astype(np.float32), np.zeros((1, 1), np.float32),
                    np.ones((1, 1), bool))  # fmt: skip
    view = to_torch(world.configured)
    picture = build_renderer("streaming", world).render(to_torch(plate), view)
    grid = RingSampler(world.catalogue, 8).grid(torch.tensor([0]), torch.as_tensor(PLACES[1:2]).float(), view)
    inner = torch.nn.functional.grid_sample(channels_first(picture), grid[:, :5], align_corners=False)
    assert ((inner[0] - torch.tensor(world.config.background)[:, None, None]).abs().sum(0) > 0.05).all()

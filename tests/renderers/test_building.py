"""Choosing a renderer: names, configuration files, and one-line errors."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from render_tools import double, one, random_objects, renderers, small_scene, small_view, soup

from renderers import BACKENDS, RendererConfig, automatic, build_renderer
from renderers.base import empty_table
from renderers.streaming import kernels, launch
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "renderer"


def test_every_backend_has_a_configuration() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(BACKENDS) | {"auto", "_shared"}


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_the_configuration_is_complete_and_builds(name: str) -> None:
    shared, own = (yaml.safe_load((CONFIGS / f"{file}.yaml").read_text()) for file in ("_shared", name))
    assert set(shared) >= {"sigma", "gamma", "blur_radius", "cull_backfaces", "antialias"}
    assert own.pop("defaults") == ["_shared", "_self_"] and not set(own) & set(shared), "one place for each default"
    assert own.pop("name") == name
    settings = RendererConfig(**shared, **own)
    assert settings == RendererConfig(), "one set of defaults"
    if name == "pytorch3d" and find_spec("pytorch3d") is None:
        with pytest.raises(UserError, match=r"environment\.yml"):
            build_renderer(name, small_scene(), settings)
        return
    renderer = build_renderer(name, small_scene(), settings)
    assert renderer.settings.name == ("streaming" if name == "auto" else name)
    assert renderer.device == torch.device("cpu")


@pytest.mark.parametrize(
    ("installed", "device", "choice"),
    [
        ((), "cpu", "streaming"),
        (("pytorch3d",), "cpu", "streaming"),
        (("pytorch3d",), "cuda", "pytorch3d"),
        (("pytorch3d", "numba_cuda"), "cuda:1", "streaming"),
    ],
)
def test_auto_takes_the_fastest_that_is_installed(
    installed: tuple[str, ...], device: str, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderers.find_spec", lambda name: name in installed or None)
    assert automatic(torch.device(device)) == choice


@pytest.mark.parametrize(("size", "times"), [(64, 1), (128, 4), ([96, 300], 2.25)])
def test_silhouettes_are_as_many_pixels_soft_at_any_side(size: int | list[int], times: float) -> None:
    scene = Scene(SceneConfig(image_size=size))
    assert build_renderer("reference", scene).settings.soft == pytest.approx(1e-5 / times)
    assert build_renderer("reference", scene, RendererConfig(sigma=1e-4)).settings.soft == 1e-4, "what is given holds"


def test_auto_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderers.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"\.\[cuda\].*environment\.yml"):
        automatic(torch.device("cuda"))


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean streaming"):
        build_renderer("steaming", small_scene())


MEANINGLESS = [
    {"sigma": 0.0},
    {"gamma": -1.0},
    {"blur_radius": -1.0},
    {"antialias": 0},
]


@pytest.mark.parametrize("options", MEANINGLESS)
def test_settings_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(UserError, match="renderer"):
        RendererConfig(**options)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_pose_that_is_no_number_is_refused(number: float) -> None:
    streaming, _ = renderers(small_scene())
    with pytest.raises(UserError, match="finite"):
        streaming.render(one(0, torch.full((1, 3), number)), small_view())


def test_an_object_at_the_camera_is_refused() -> None:
    for renderer in renderers(small_scene()):
        place = torch.tensor([[0.0, -0.75, 0.55]], dtype=renderer.vertices.dtype)
        view = small_view() if place.dtype == torch.float32 else double(small_view())
        with pytest.raises(UserError, match="near plane"):
            renderer.render(one(0, place), view)
        absent = one(0, place)
        absent.presence = absent.presence * 0
        assert (renderer.render(absent, view) == empty_table(view)).all(), "what is not there does not matter"


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan")])
def test_a_size_that_is_none_is_refused(size: float) -> None:
    objects = one(0, torch.zeros(1, 3))
    objects.size = torch.full((1, 1), size)
    with pytest.raises(UserError, match="size"):
        renderers(small_scene())[0].render(objects, small_view())


@pytest.mark.parametrize("identity", [-1, 4])
def test_what_the_catalogue_does_not_have_is_refused(identity: int) -> None:
    """A kernel would paint the last mesh for -1, and read foreign memory for 4."""
    for renderer in renderers(small_scene()):
        objects = one(identity, torch.zeros(1, 3, dtype=renderer.vertices.dtype))
        view = small_view() if renderer.vertices.dtype == torch.float32 else double(small_view())
        with pytest.raises(IndexError, match="4 entries"):
            renderer.render(objects, view)


def test_a_view_of_another_number_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="2 pictures"):
        renderers(small_scene())[0].render(random_objects(seed=0, batch=3), small_view(batch=2))


def test_streaming_refuses_what_it_cannot_do() -> None:
    streaming, _ = renderers(small_scene())
    with pytest.raises(UserError, match="float32"):
        soup(streaming.double(), torch.zeros(1, 3, 3).double(), torch.zeros(1, 3, 3).double())


def test_compiled_kernels_are_thrown_away_when_what_they_are_made_of_changes() -> None:
    """numba's cache alone would only look at the file the loops stand in."""
    folder = Path(kernels.__file__).parent
    for name in kernels.__all__:
        stamp = getattr(kernels, name)._cache._cache_file._source_stamp
        for source in ("elementary", "formulas", "elementwise", "pairs", "paint", "rings"):
            stat = (folder / f"{source}.py").stat()
            assert (f"{source}.py", stat.st_mtime, stat.st_size) in stamp


def test_kernels_let_go_of_their_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One reference too many, a picture, and a training runs out of memory after an hour."""
    held: dict[str, list[int]] = {}

    def watched(name: str, kernel: Callable) -> Callable:
        def call(start: int, stop: int, *arguments: object) -> None:
            arrays = [x for x in arguments if isinstance(x, np.ndarray)]
            kernel(start, stop, *arguments)  # compiled now
            before = [sys.getrefcount(x) for x in arrays]
            kernel(start, stop, *arguments)
            after = [sys.getrefcount(x) for x in arrays]
            held[name] = np.subtract(after, before).tolist()

        return call

    each = {name: watched(name, getattr(kernels, name)) for name in kernels.__all__}
    monkeypatch.setattr(launch, "kernels", SimpleNamespace(**each))
    renderer, _ = renderers(small_scene())
    objects, view = random_objects(seed=0), small_view(batch=3)
    canvas = renderer.blank(view).requires_grad_()
    for array in (objects.position, view.gain, view.background):
        array.requires_grad_()
    painted = renderer.paint(canvas, objects, view)
    last = renderer.last(canvas, painted, view, torch.zeros(3, view.height, view.width, 3))
    renderer.alternatives(canvas, objects, view, torch.zeros(3, view.height, view.width, 3))
    recoloured = renderer.recoloured(canvas, painted, last.product)
    renderer.develop(recoloured, view).sum().backward()
    camera = torch.eye(3)[None], torch.zeros(1, 3), torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)
    rings = torch.zeros(3, dtype=torch.long), torch.zeros(3, 3), torch.rand(3, 2, 8, 8), torch.rand(1, 4, 3, 5)
    launch.launch("rings_forward", *rings, *camera, torch.zeros(2, 4), torch.empty(3, 4, 2 * 5 + 2))
    assert set(held) == set(kernels.__all__) and not any(map(any, held.values())), held


def test_one_pool_of_threads_however_large_the_batches() -> None:
    renderer, before = renderers(small_scene())[0], torch.get_num_threads()
    torch.set_num_threads(5)
    try:
        for batch in range(2, 9):
            renderer.render(random_objects(seed=0, batch=batch), small_view(height=8, width=8))
        alive = [thread for thread in threading.enumerate() if thread.name.startswith("streaming")]
        assert 1 < len(alive) <= 5
    finally:
        torch.set_num_threads(before)

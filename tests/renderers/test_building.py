"""Choosing a renderer: names, configuration files, and one-line errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from render_tools import random_objects, renderers, small_scene, soup

from renderers import BACKENDS, RendererConfig, automatic, build_renderer
from scenes.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "renderer"


def test_every_backend_has_a_configuration() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(BACKENDS) | {"auto"}


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_the_configuration_is_complete_and_builds(name: str) -> None:
    options = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert set(options) <= {field.name for field in fields(RendererConfig)}
    assert set(options) >= {"name", "sigma", "gamma", "blur_radius", "cull_backfaces", "ambient", "diffuse", "light"}
    assert options.pop("name") == name
    settings = RendererConfig(**{**options, "light": tuple(options["light"])})
    assert settings == RendererConfig(), "one set of defaults"
    if name == "pytorch3d" and find_spec("pytorch3d") is None:
        with pytest.raises(UserError, match=r"environment\.yml"):
            build_renderer(name, small_scene(), settings)
        return
    renderer = build_renderer(name, small_scene(), settings)
    assert renderer.settings.name == ("streaming" if name == "auto" else name)


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


def test_auto_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderers.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"\.\[cuda\].*environment\.yml"):
        automatic(torch.device("cuda"))


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'streaming'"):
        build_renderer("steaming", small_scene())


MEANINGLESS = [
    {"sigma": 0.0},
    {"gamma": -1.0},
    {"blur_radius": -1.0},
    {"ambient": 0.9, "diffuse": 0.9},
    {"light": (0.0, 0.0, 0.0)},
]


@pytest.mark.parametrize("options", MEANINGLESS)
def test_settings_that_mean_nothing_are_refused(options: dict) -> None:
    with pytest.raises(UserError, match="renderer"):
        RendererConfig(**options)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_pose_that_is_no_number_is_refused(number: float) -> None:
    streaming, _ = renderers(small_scene())
    with pytest.raises(UserError, match="finite"):
        streaming.paint(streaming.blank(1), torch.tensor([0]), torch.full((1, 3), number), torch.zeros(1))


def test_an_object_at_the_camera_is_refused() -> None:
    for renderer in renderers(small_scene()):
        place = torch.tensor([[0.0, -0.75, 0.55]], dtype=renderer.vertices.dtype)
        with pytest.raises(UserError, match="near plane"):
            renderer.paint(renderer.blank(1), torch.tensor([0]), place, place[:, 0])


def test_streaming_refuses_what_it_cannot_do() -> None:
    streaming, _ = renderers(small_scene())
    with pytest.raises(UserError, match="float32"):
        soup(streaming.double(), torch.zeros(1, 3, 3).double(), torch.zeros(1, 3, 3).double())


def test_compiled_kernels_are_thrown_away_when_what_they_are_made_of_changes() -> None:
    """numba's cache alone would only look at the file the loops stand in."""
    from renderers import streaming_kernels

    folder = Path(streaming_kernels.__file__).parent
    for name in streaming_kernels.__all__:
        stamp = getattr(streaming_kernels, name)._cache._cache_file._source_stamp
        for source in ("elementary", "streaming_formulas", "streaming_elementwise", "streaming_pairs"):
            stat = (folder / f"{source}.py").stat()
            assert (f"{source}.py", stat.st_mtime, stat.st_size) in stamp


def test_kernels_let_go_of_their_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One reference too many, a picture, and a training runs out of memory after an hour."""
    from renderers import streaming, streaming_kernels

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

    kernels = {name: watched(name, getattr(streaming_kernels, name)) for name in streaming_kernels.__all__}
    monkeypatch.setattr(streaming, "kernels", SimpleNamespace(**kernels))
    renderer, _ = renderers(small_scene())
    objects = random_objects(seed=0)
    canvas = renderer.blank(3).requires_grad_()
    objects.position.requires_grad_()
    painted = renderer.paint(canvas, objects.identity[:, 0], objects.position[:, 0], objects.rotation[:, 0])
    renderer.develop(painted).sum().backward()
    assert set(held) == set(streaming_kernels.__all__) and not any(map(any, held.values())), held

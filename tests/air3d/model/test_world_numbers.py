"""Light and camera as plain numbers: the same meaning as in scenes/worlds.py, both ways, with gradients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from air3d.model.world_numbers import CameraNumbers, LightNumbers, Numbers, rotation_matrix, rotation_vector
from renderers.convert import to_torch
from scenes.errors import UserError
from scenes.scene import Scene, SceneConfig
from scenes.variation import Variation
from scenes.view import View
from scenes.worlds import lit, moved, rotation

RANGES = Variation(elevation=(30.0, 80.0), ambient=(0.4, 0.7), diffuse=(0.2, 0.5), turn=3.0, shift=0.03)
CONFIGURED = Scene(SceneConfig()).configured
PARTS = {"light": LightNumbers.about(CONFIGURED, RANGES), "camera": CameraNumbers.about(CONFIGURED, RANGES)}


def worlds(number: int) -> View:
    """Drawn as painted pictures draw them."""
    rng = np.random.default_rng(3)
    return to_torch(View.stack([lit(moved(CONFIGURED, RANGES, rng), RANGES, rng) for _ in range(number)]))


@pytest.mark.parametrize("name", PARTS)
def test_numbers_and_fields_say_the_same(name: str) -> None:
    part: Numbers = PARTS[name]
    view = worlds(50)
    numbers = part.of(view)
    assert numbers.shape == (50, part.size) and numbers.dtype == torch.float32
    for field, values in part.fields(numbers).items():
        given = getattr(view, field)
        assert values.dtype == given.dtype, field
        torch.testing.assert_close(values, given, rtol=0, atol=1e-6)
    torch.testing.assert_close(part.of(replace(view, **part.fields(numbers))), numbers, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", PARTS)
def test_beforehand_they_are_standard(name: str) -> None:
    """What scenes draw has mean 0 and variance 1."""
    numbers = PARTS[name].of(worlds(4000))
    assert numbers.mean(0).abs().max() < 0.06 and (numbers.std(0) - 1).abs().max() < 0.06


def test_a_camera_is_turned_and_shifted_as_scenes_do_it() -> None:
    camera, (turn, shift) = CONFIGURED.camera(0), np.random.default_rng(1).normal(0, 0.02, (2, 3))
    axis, angle = turn / np.linalg.norm(turn), float(np.linalg.norm(turn))
    about = replace(PARTS["camera"], spread=(1.0,) * 6)
    fields = about.fields(torch.tensor([[*turn, *shift]]))
    expected = rotation(camera.rotation @ axis, angle) @ camera.rotation  # the axis is in the camera's own axes
    np.testing.assert_allclose(fields["camera_rotation"][0], expected, atol=1e-12)
    place = -fields["camera_rotation"][0] @ fields["camera_translation"][0]
    np.testing.assert_allclose(place, camera.position + shift, atol=1e-12)
    raw = PARTS["camera"].of(worlds(200)) * torch.tensor(PARTS["camera"].spread)
    assert raw[:, :3].norm(dim=1).max() < np.radians(3.0) + 1e-6 and raw[:, 3:].norm(dim=1).max() < 0.03 + 1e-6


def test_rotation_vectors_are_those_of_rodrigues_formula() -> None:
    vectors = torch.randn(20, 3, dtype=torch.float64)
    vectors[0], vectors[1] = 0.0, vectors[1] * 1e-7
    matrices = rotation_matrix(vectors)
    for vector, matrix in zip(vectors[1:], matrices[1:], strict=True):
        length = float(vector.norm())
        np.testing.assert_allclose(matrix, rotation((vector / length).numpy(), length), atol=1e-12)
    small = vectors.norm(dim=1) < 3
    torch.testing.assert_close(rotation_vector(matrices)[small], vectors[small], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", PARTS)
def test_gradients_by_finite_differences(name: str) -> None:
    part = PARTS[name]
    numbers = torch.randn(3, part.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def fields(numbers: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.fields(numbers).values())

    for start in (numbers, torch.zeros_like(numbers)):
        assert torch.autograd.gradcheck(fields, start.requires_grad_())


def test_where_scenes_do_not_vary_numbers_are_about_the_configured_world() -> None:
    light, camera = (kind.about(CONFIGURED, Variation()) for kind in (LightNumbers, CameraNumbers))
    for part in (light, camera):
        fields = part.fields(torch.zeros(1, part.size))
        for field, value in fields.items():
            torch.testing.assert_close(value, getattr(to_torch(CONFIGURED), field), rtol=0, atol=1e-6)
        assert all(spread > 0 for spread in part.spread)


def test_extremes_stay_numbers() -> None:
    """A light at the horizon or from below, one of a single elevation, none at all."""
    for elevation in ((0.0, 90.0), (0.0, 0.0), (90.0, 90.0)):
        part = LightNumbers.about(CONFIGURED, replace(RANGES, elevation=elevation, ambient=(0.0, 0.0)))
        view = replace(worlds(3), light=torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.0, 0.0, 1.0]]))
        numbers = part.of(replace(view, ambient=torch.zeros(3), diffuse=torch.zeros(3)))
        assert numbers.isfinite().all() and all(value.isfinite().all() for value in part.fields(numbers).values())


def test_a_light_that_is_too_low_is_answered() -> None:
    low = Scene(SceneConfig(light=(1.0, 0.0, 0.1))).configured
    with pytest.raises(UserError, match=r"scene.light is too low, 6 degrees above the table: .* needs 10 or more"):
        LightNumbers.about(low, Variation())
    assert LightNumbers.about(low, RANGES).middle[:2] == (0.0, 0.0), "it varies from any side"

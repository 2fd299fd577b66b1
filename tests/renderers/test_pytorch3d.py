"""The live library against ``streaming``, where it is installed; tests/golden has what it painted, for elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from render_tools import at_cut_off, random_objects, renderers, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.pytorch3d import packed_faces
from scenes.objects import Objects

SETTINGS = RendererConfig(faces_per_pixel=150)


def library(settings: RendererConfig = SETTINGS, **shape: int) -> Renderer:
    pytest.importorskip("pytorch3d", reason="PyTorch3D is not installed")
    return build_renderer("pytorch3d", small_scene(**shape), settings)


def picture_and_gradients(renderer: Renderer, objects: Objects, weights: Tensor) -> list[Tensor]:
    position, rotation = objects.position.clone().requires_grad_(), objects.rotation.clone().requires_grad_()
    image = renderer.render(replace(objects, position=position, rotation=rotation))
    return [image.detach(), *torch.autograd.grad((image * weights).sum(), (position, rotation))]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(24, 24), (16, 28), (28, 16)], ids=str)
def test_random_pictures_and_pose_gradients_agree(seed: int, shape: tuple[int, int]) -> None:
    sizes = {"height": shape[0], "width": shape[1]}
    real = library(**sizes)
    streaming, reference = renderers(small_scene(**sizes), SETTINGS)
    objects = random_objects(seed)
    excluded = at_cut_off(reference, objects)
    assert excluded.double().mean() < 0.01
    random = torch.Generator().manual_seed(seed)
    weights = torch.randn(*excluded.shape, 3, generator=random) * ~excluded[..., None]
    ours, theirs = (picture_and_gradients(renderer, objects, weights) for renderer in (streaming, real))
    assert ((ours[0] - theirs[0]).abs().amax(-1)[~excluded] < 1e-4).double().mean() >= 0.999
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        assert (mine - other).norm() / other.norm() < 1e-3


def test_painted_one_by_one_or_blended_by_the_library() -> None:
    real, objects = library(), random_objects(seed=3)
    objects.presence[0, 2] = 0
    canvas = real.blank(len(objects))
    for slot in range(objects.slots):
        pose = objects.identity[:, slot], objects.position[:, slot], objects.rotation[:, slot]
        canvas = real.paint(canvas, *pose, objects.presence[:, slot])
    torch.testing.assert_close(real.develop(canvas), real.render(objects), atol=1e-5, rtol=0)


def test_too_few_faces_per_pixel_lose_some() -> None:
    objects, full = random_objects(seed=3), library()
    assert 4 < full.most_fragments(objects) < 150  # pyright: ignore[reportCallIssue]
    few = library(replace(SETTINGS, faces_per_pixel=2))
    assert (few.render(objects) - full.render(objects)).abs().max() > 0.01


def test_an_object_at_the_camera_is_refused_by_the_library_too() -> None:
    from scenes.errors import UserError

    real = library()
    with pytest.raises(UserError, match="near plane"):
        real.paint(real.blank(1), torch.tensor([0]), torch.tensor([[0.0, -0.75, 0.55]]), torch.zeros(1))


def test_packed_faces_number_the_corners_of_all_objects_and_pad_at_the_end() -> None:
    """No library needed. Two objects a picture, one of one face, one of two; the first picture lacks the first one."""
    faces = torch.tensor([[[0, 1, 2], [0, 0, 0]], [[2, 1, 0], [1, 2, 3]]]).int()[None].expand(2, -1, -1, -1)
    count, painted = torch.tensor([[1, 2], [1, 2]]), torch.tensor([[False, True], [True, True]])
    packed = packed_faces(faces, count, painted, vertices=10)
    gone = [-1, -1, -1]
    assert packed[0].tolist() == [[12, 11, 10], [11, 12, 13], gone]
    assert packed[1].tolist() == [[0, 1, 2], [12, 11, 10], [11, 12, 13]]

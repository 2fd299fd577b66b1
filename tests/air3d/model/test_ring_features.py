"""The closer look: the rings lie where the camera sees them, and a turn of the object is a shift along them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.model.mode import Mode
from air3d.model.posterior import REFINEMENT_REACH, STEADY
from air3d.model.ring_features import PER_BIN, Circular, RingFeatures
from air3d.model.rings import FINE, HEIGHTS, RADII, REACH, instance_normalise
from renderers.convert import channels_first, to_torch
from scenes.camera import Camera
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

MUG, SAUCEPAN = 2, 3
BINS = 12
WIDE = Camera.look_at((0.3, -0.92, 1.27), (0.1, -0.02, 0.0), 32.0, height=48, width=80)


def scene() -> Scene:
    return Scene(SceneConfig(image_size=64))


def ring_features(fine: bool = True) -> RingFeatures:
    torch.manual_seed(0)
    return RingFeatures(scene().catalogue, BINS, 4, fine)


def read_as_given(look: RingFeatures) -> None:
    """Lets it take for what it reads on the rings [batch, channel, ring, angle] what it is given as a picture."""
    look.rings.contrast = lambda images, *_: torch.cat(  # type: ignore[method-assign]
        [instance_normalise(images.flatten(1, 2)), look.code.expand(len(images), -1, -1)], 1
    )


def view_of(camera: Camera, pictures: int) -> View:
    return to_torch(View.of(camera, batch=pictures))


@pytest.mark.parametrize("camera", [scene().camera, WIDE])
def test_rings_read_the_pixels_that_the_camera_sees_there(camera: Camera) -> None:
    """Pictures whose values are their own pixel coordinates, against the camera's projection."""
    column, row = torch.meshgrid(torch.arange(camera.width), torch.arange(camera.height), indexing="xy")
    pixels = torch.stack([column, row]).float().expand(2, -1, -1, -1)
    identity, position = torch.tensor([MUG, SAUCEPAN]), torch.tensor([[0.05, -0.04, 0.0], [0.0, 0.02, 0.03]])
    seen = ring_features().rings(pixels, identity, position, view_of(camera, 2))
    for batch, mesh in enumerate(scene().catalogue.meshes[i] for i in identity):
        for ring, angle in ((0, 0), (RADII - 1, 17), (RADII + 4, 30), (4 * RADII - 1, 5)):
            yaw = (angle + 0.5) * math.tau / (BINS * PER_BIN) - math.pi
            radius = REACH * mesh.radius * (ring % RADII + 0.5) / RADII
            height = FINE[ring // RADII] * float(mesh.hull[:, 2].max())
            point = position[batch] + torch.tensor([radius * math.cos(yaw), radius * math.sin(yaw), height])
            expected = torch.tensor(camera.to_pixels(camera.project(point.double().numpy())))
            torch.testing.assert_close(seen[batch, :, ring, angle].double(), expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("moved", [False, True])
def test_the_kernel_reads_what_torch_reads(moved: bool) -> None:
    """In several places of each picture, beyond its border too, through one camera and through one each."""
    look, places = ring_features(), 3
    view = view_of(WIDE, 2 * places)
    if moved:
        shift = 0.05 * torch.randn(2 * places, 3)
        view = replace(view, camera_translation=view.camera_translation + shift)
    images, identity = torch.rand(2, 6, 48, 80), torch.arange(2 * places) % 4
    position = torch.cat([0.5 * torch.rand(2 * places, 2) - 0.25, torch.zeros(2 * places, 1)], 1)
    given = identity, position, view, look.code
    fused = look.rings.contrast(images, *given)
    longer = look.rings.contrast(images.requires_grad_(), *given)
    assert longer.requires_grad and not fused.requires_grad
    torch.testing.assert_close(fused, longer.detach(), rtol=1e-3, atol=1e-3)
    diverged = look.rings.contrast(images.detach(), identity, position * torch.nan, view, look.code)
    assert torch.isfinite(diverged).all()  # read at the border, and not from anywhere in memory


def test_a_convolution_along_a_circle_is_torchs() -> None:
    ours = Circular(5, 7, 8, 2, 4)
    theirs = torch.nn.Conv1d(5, 7, 8, 4, 2, padding_mode="circular")
    theirs.load_state_dict(ours.state_dict())
    features = torch.rand(3, 5, 48)
    torch.testing.assert_close(ours(features), theirs(features))


@pytest.mark.parametrize("mesh", [MUG, SAUCEPAN])
def test_a_handle_is_seen_at_its_yaw(tmp_path: Path, mesh: int) -> None:
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=96")
    rings, renderer = run.model.posterior.ring_features.rings, run.renderer
    rotation = torch.linspace(-2.4, -0.8, 16)  # to the front: behind a mug the rings see the mug
    identity, position = torch.full((16,), mesh), torch.tensor([0.05, -0.05, 0.0]).expand(16, 3)
    view = view_of(run.scene.camera, 16)
    picture = renderer.render(Objects(*(x[:, None] for x in (identity, position, rotation, torch.ones(16)))), view)
    changed = channels_first((picture - renderer.develop(renderer.blank(view), view)).abs())
    outer = RADII - 3 + RADII * (mesh == SAUCEPAN)  # beyond the body; at half the height, or at the top
    brightness = rings(changed, identity, position, view)[:, :, outer].sum(1)
    yaw = (torch.arange(brightness.shape[1]) + 0.5) * math.tau / brightness.shape[1] - math.pi
    brightness = brightness * (yaw < 0)
    weight = brightness.pow(8)  # the brightest places, between which the yaw lies
    direction = (weight * yaw).sum(1) / weight.sum(1)
    assert (direction - rotation).abs().max() < math.radians(15)  # half a bin


@pytest.mark.parametrize("fine", [False, True])
def test_a_shift_along_the_rings_by_a_bin_shifts_the_features_by_a_bin(fine: bool) -> None:
    look = ring_features(fine)
    look.code.zero_()
    seen = torch.rand(2, 6, len(FINE if fine else HEIGHTS) * RADII, BINS * PER_BIN)
    read_as_given(look)
    nothing = torch.zeros(2, dtype=torch.long), torch.zeros(2, 3), view_of(scene().camera, 2)
    turned = look(seen.roll(3 * PER_BIN, -1), *nothing)
    torch.testing.assert_close(turned, look(seen, *nothing).roll(3, -1))


def test_a_bin_reads_its_own_part_of_the_rings_in_the_middle() -> None:
    look = ring_features()
    seen = torch.rand(1, 6, len(FINE) * RADII, BINS * PER_BIN, requires_grad=True)
    features = look.second(look.first(torch.cat([seen.flatten(1, 2), look.code[None]], 1)))
    (gradient,) = torch.autograd.grad(features[0, :, 5].sum(), seen)
    read = gradient.abs().sum((0, 1, 2)).nonzero().flatten()
    assert (read.min() + read.max()) / 2 == 5 * PER_BIN + (PER_BIN - 1) / 2


def test_fine_features_are_those_of_an_identity_and_others_are_not() -> None:
    """The same rings, said to be about a mug and about a saucepan."""
    for fine in (False, True):
        look = ring_features(fine)
        seen = torch.rand(1, 6, len(FINE if fine else HEIGHTS) * RADII, BINS * PER_BIN).expand(2, -1, -1, -1)
        read_as_given(look)
        each = look(seen, torch.tensor([MUG, SAUCEPAN]), torch.zeros(2, 3), view_of(scene().camera, 2))
        assert torch.equal(each[0], each[1]) != fine


def test_contrast_does_not_see_brightness_or_size() -> None:
    rings = torch.rand(3, 5, 12)
    torch.testing.assert_close(instance_normalise(10 * rings + 7), instance_normalise(10 * rings), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(instance_normalise(100 * rings), instance_normalise(10 * rings), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("moved", [0.0, 0.5])
def test_every_look_is_where_the_one_before_moved_it_and_an_observation(tmp_path: Path, moved: float) -> None:
    run = small_run(tmp_path, "scene=tabletop", "model.refinement_steps=3")
    model, posterior = run.model, run.model.posterior
    pictures, view, _ = example(run, 4)
    canvas = run.renderer.develop(run.renderer.blank(view), view)
    features = model.look(posterior.encoder.stem(channels_first(pictures)), pictures, canvas, view)
    closeup = model.closeup(pictures, canvas, view)
    proposal = posterior.propose(features, posterior.start(4), closeup, view)
    proposal.place = torch.full_like(proposal.place, 0.5)  # far from any border
    assert posterior.yaw_features is not None
    looked_at, look = [], posterior.ring_features.forward
    read_at, read = [], posterior.yaw_features.forward

    def watch(closeup: Tensor, identity: Tensor, position: Tensor, view: View) -> Tensor:
        looked_at.append(position)
        return look(closeup, identity, position, view)

    def watch_yaw(closeup: Tensor, identity: Tensor, position: Tensor, view: View) -> Tensor:
        read_at.append(position)
        return read(closeup, identity, position, view)

    posterior.ring_features.forward, posterior.yaw_features.forward = watch, watch_yaw
    with torch.no_grad():
        posterior.refinement[-1].weight.zero_()
        posterior.refinement[-1].bias.copy_(torch.tensor([moved, -moved, 0.0, 0.0, 0.0, 0.0]))
    position = posterior.pose(proposal, proposal.identity.logits.argmax(-1), closeup, view)["position"].mode()
    extent = (model.prior.high - model.prior.low)[:2]
    step = REFINEMENT_REACH * math.tanh(STEADY * moved) * torch.tensor([1.0, -1.0]) * extent
    for before, after in pairwise([*looked_at, position]):
        torch.testing.assert_close(after[:, :2] - before[:, :2], step.expand(4, 2), atol=1e-6, rtol=1e-4)
    assert len(looked_at) == 3 and position.requires_grad
    assert not any(at.requires_grad for at in looked_at + read_at)
    torch.testing.assert_close(read_at, [position.detach()], msg="the yaw is read where the last look moved it")
    decided = Mode()(posterior, proposal, closeup, view, lambda *_: []).objects
    assert decided.identity.shape == (4, 1) and torch.equal(decided.position[:, 0], position)

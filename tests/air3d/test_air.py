"""The model: shapes, the pose it can draw, and its gradient through the renderer."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from small_runs import small_run

from air3d.inference.greedy import infer
from air3d.model.air import Weights
from air3d.model.encoder import STRIDE, table_points
from air3d.model.likelihood import log_likelihood
from renderers.convert import channels_first, to_torch


def test_more_steps_than_trained_with(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    pictures = run.renderer.render(to_torch(run.scene.batch(0, range(3))))
    found = infer(run.model, pictures, 7)
    assert found.objects.identity.shape == (3, 7) and found.rho.shape == (3, 7)
    assert len(found.canvases) == 8
    present = found.objects.presence.long()
    assert (present.diff(dim=1) <= 0).all(), "objects never come back"


def test_the_last_canvas_is_the_picture_of_the_objects_found(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    torch.nn.init.constant_(run.model.posterior.presence[-1].bias, 5.0)  # it knows nothing yet, but dares
    found = infer(run.model, run.renderer.render(to_torch(run.scene.batch(0, range(4)))), 4)
    assert found.objects.presence.all()
    torch.testing.assert_close(run.renderer.render(found.objects), found.canvases[-1], rtol=0, atol=1e-5)


def test_a_pose_stays_on_the_table_and_an_axis_without_extent_is_known(tmp_path: Path) -> None:
    model = small_run(tmp_path, "scene=tabletop").model
    position, rotation = model.place(20 * torch.randn(1000, 3), torch.randint(12, (1000,)), 20 * torch.randn(1000, 12))
    low, high = model.prior.low, model.prior.high
    assert (position >= low - 1e-6).all() and (position <= high + 1e-6).all()
    assert (position[:, 2] == 0).all()
    assert (rotation >= -math.pi).all() and (rotation <= math.pi + 1e-6).all()


def test_yaw_bins_tile_the_circle(tmp_path: Path) -> None:
    model = small_run(tmp_path).model
    _, rotation = model.place(torch.zeros(12, 3), torch.arange(12), torch.zeros(12, 12))
    torch.testing.assert_close(rotation.diff(), torch.full((11,), math.tau / 12))
    torch.testing.assert_close(rotation[0].item(), -math.pi + math.tau / 24)


def test_each_cell_knows_its_point_of_the_table(tmp_path: Path) -> None:
    camera = small_run(tmp_path, "scene=tabletop", "scene.image_size=64").scene.camera
    points = table_points(camera, height=0.02)
    ndc = camera.project(torch.cat([points, torch.full((len(points), 1), 0.02)], 1).numpy())
    pixels = camera.to_pixels(ndc).reshape(64 // STRIDE, 64 // STRIDE, 2)
    expected = torch.arange(64 // STRIDE) * STRIDE + (STRIDE - 1) / 2
    torch.testing.assert_close(torch.tensor(pixels[0, :, 0]), expected.double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.tensor(pixels[:, 5, 1]), expected.double(), rtol=0, atol=1e-3)


def test_the_pose_gradient_through_renderer_and_likelihood_by_finite_differences(tmp_path: Path) -> None:
    """In float64 with the reference backend, from the unsquashed pose to the log likelihood."""
    run = small_run(tmp_path, "renderer=reference", "renderer.sigma=1e-3", "scene.image_size=24")
    model = run.model.double()
    identity, yaw_bin = torch.tensor([0]), torch.tensor([4])
    picture = render(model, torch.tensor([[0.2, -0.1, 0.0, 0.3]], dtype=torch.float64), identity, yaw_bin)
    sample = torch.tensor([[0.5, 0.2, 0.0, -0.2]], dtype=torch.float64, requires_grad=True)

    def bound(sample: torch.Tensor) -> torch.Tensor:
        return log_likelihood(render(model, sample, identity, yaw_bin), picture, 0.3, 0.5).sum()

    (gradient,) = torch.autograd.grad(bound(sample), sample)
    for axis in (0, 1, 3):
        h = torch.zeros_like(sample)
        h[0, axis] = 1e-6
        with torch.no_grad():
            numeric = (bound(sample + h) - bound(sample - h)) / 2e-6
        torch.testing.assert_close(gradient[0, axis], numeric, rtol=1e-3, atol=1e-4)
    assert gradient[0, 2] == 0


def render(model: torch.nn.Module, sample: torch.Tensor, identity: torch.Tensor, yaw_bin: torch.Tensor) -> torch.Tensor:
    position, rotation = model.place(sample[:, :3], yaw_bin, sample[:, 3:].expand(-1, model.yaw_bins))
    canvas = model.renderer.paint(model.renderer.blank(1), identity, position, rotation)
    return model.renderer.develop(canvas)


def test_trace_has_a_likelihood_for_every_prefix(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    pictures = run.renderer.render(to_torch(run.scene.batch(0, range(3))))
    trace = run.model.trace(pictures, 2, Weights(sigma=0.5))
    assert trace.log_likelihood.shape == (3, 2, 4)
    empty = log_likelihood(run.renderer.develop(run.renderer.blank(3)), pictures, 0.5)
    torch.testing.assert_close(trace.log_likelihood[:, :, 0], empty[:, None].expand(3, 2))


def test_without_residual_the_network_does_not_see_what_was_painted(tmp_path: Path) -> None:
    for name, differ in (("true", True), ("false", False)):
        run = small_run(tmp_path, f"model.residual={name}")
        pictures = run.renderer.render(to_torch(run.scene.batch(0, range(2))))
        empty = run.renderer.develop(run.renderer.blank(2))
        looked = run.model.posterior.encoder.look(channels_first(pictures))
        for shown in (
            run.model.sight,
            lambda given, image, looked=looked, model=run.model: model.look(looked, given, image),
        ):
            assert torch.equal(shown(pictures, pictures), shown(pictures, empty)) != differ

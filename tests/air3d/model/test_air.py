"""The model: shapes, the pose it can draw, and its gradient through the renderer."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.inference.greedy import infer
from air3d.model.air import Air
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.encoder import table_points
from air3d.model.latents.position import BasePoint
from air3d.model.latents.rotation import Yaw
from air3d.model.likelihood import log_likelihood
from air3d.model.unexplained import STRIDE
from renderers.convert import channels_first, to_torch
from scenes.objects import Objects
from scenes.view import View


def test_more_steps_than_trained_with(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    pictures, view, _ = example(run, 3)
    found = infer(run.model, pictures, view, 7)
    assert found.objects.identity.shape == (3, 7) and found.rho.shape == (3, 7)
    assert len(found.images) == 8
    present = found.objects.presence.long()
    assert (present.diff(dim=1) <= 0).all(), "objects never come back"


def test_the_last_canvas_is_the_picture_of_the_objects_found(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    torch.nn.init.constant_(run.model.posterior.presence[-1].bias, 5.0)  # it knows nothing yet, but dares
    pictures, view, _ = example(run, 4)
    found = infer(run.model, pictures, view, 4)
    assert found.objects.presence.all()
    torch.testing.assert_close(run.renderer.render(found.objects, view), found.images[-1], rtol=0, atol=1e-5)


def test_a_pose_stays_on_the_table_and_an_axis_without_extent_is_known(tmp_path: Path) -> None:
    model = small_run(tmp_path, "scene=tabletop").model
    position, rotation = place(model, 20 * torch.randn(1000, 3), torch.randint(12, (1000,)), 20 * torch.randn(1000, 12))
    low, high = model.prior.low, model.prior.high
    assert (position >= low - 1e-6).all() and (position <= high + 1e-6).all()
    assert (position[:, 2] == 0).all()
    assert (rotation >= -math.pi).all() and (rotation <= math.pi + 1e-6).all()


def test_yaw_bins_tile_the_circle(tmp_path: Path) -> None:
    model = small_run(tmp_path).model
    _, rotation = place(model, torch.zeros(12, 3), torch.arange(12), torch.zeros(12, 12))
    torch.testing.assert_close(rotation.diff(), torch.full((11,), math.tau / 12))
    torch.testing.assert_close(rotation[0].item(), -math.pi + math.tau / 24)


def place(model: Air, unsquashed: Tensor, yaw_bin: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Position and yaw of unsquashed (x, y, z), a yaw bin and unsquashed offsets: draws without noise about them."""
    point = BasePoint(LogitNormal(unsquashed, torch.ones_like(unsquashed)), model.prior)
    yaw = Yaw(Choice(torch.zeros_like(offset)), LogitNormal(offset, torch.ones_like(offset)))
    position = point.draw(None, torch.zeros_like(unsquashed)).value
    return position, yaw.draw(yaw_bin, torch.zeros_like(offset)).value


def test_each_cell_knows_its_point_of_the_table(tmp_path: Path) -> None:
    scene = small_run(tmp_path, "scene=tabletop", "scene.image_size=64").scene
    points = table_points(to_torch(scene.views(0, [0])), height=0.02)[0]
    ndc = scene.camera.project(torch.cat([points, torch.full((len(points), 1), 0.02)], 1).numpy())
    pixels = scene.camera.to_pixels(ndc).reshape(64 // STRIDE, 64 // STRIDE, 2)
    expected = torch.arange(64 // STRIDE) * STRIDE + (STRIDE - 1) / 2
    torch.testing.assert_close(torch.tensor(pixels[0, :, 0]), expected.double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.tensor(pixels[:, 5, 1]), expected.double(), rtol=0, atol=1e-3)


def test_the_pose_gradient_through_renderer_and_likelihood_by_finite_differences(tmp_path: Path) -> None:
    """In float64 with the reference backend, from the unsquashed pose to the log likelihood."""
    run = small_run(tmp_path, "renderer=reference", "renderer.sigma=1e-3", "scene.image_size=24")
    model, view = run.model.double(), to_torch(run.scene.views(0, [0]))
    identity, yaw_bin = torch.tensor([0]), torch.tensor([4])
    picture = render(model, torch.tensor([[0.2, -0.1, 0.0, 0.3]], dtype=torch.float64), identity, yaw_bin, view)
    sample = torch.tensor([[0.5, 0.2, 0.0, -0.2]], dtype=torch.float64, requires_grad=True)

    def bound(sample: Tensor) -> Tensor:
        return log_likelihood(render(model, sample, identity, yaw_bin, view), picture, 0.3).sum()

    (gradient,) = torch.autograd.grad(bound(sample), sample)
    for axis in (0, 1, 3):
        h = torch.zeros_like(sample)
        h[0, axis] = 1e-6
        with torch.no_grad():
            numeric = (bound(sample + h) - bound(sample - h)) / 2e-6
        torch.testing.assert_close(gradient[0, axis], numeric, rtol=1e-3, atol=1e-4)
    assert gradient[0, 2] == 0


def render(model: Air, sample: Tensor, identity: Tensor, yaw_bin: Tensor, view: View) -> Tensor:
    position, rotation = place(model, sample[:, :3], yaw_bin, sample[:, 3:].expand(-1, 12))
    objects = Objects(identity[:, None], position[:, None], rotation[:, None], torch.ones(1, 1))
    return model.renderer.develop(model.renderer.paint(model.renderer.blank(view), objects, view), view)


def test_the_terms_have_a_likelihood_for_every_prefix(tmp_path: Path) -> None:
    run = small_run(tmp_path, "scene=tabletop")
    pictures, view, _ = example(run, 3)
    terms, _ = run.model.elbo_terms(pictures, view, 2, 0.5)
    assert terms.log_likelihood.shape == (3, 2, 4)
    empty = log_likelihood(run.renderer.develop(run.renderer.blank(view), view), pictures, 0.5)
    torch.testing.assert_close(terms.log_likelihood[:, :, 0], empty[:, None].expand(3, 2))


def test_without_residual_the_network_does_not_see_what_was_painted(tmp_path: Path) -> None:
    for name, differ in (("true", True), ("false", False)):
        run = small_run(tmp_path, f"model.residual={name}")
        pictures, view, _ = example(run, 2)
        empty = run.renderer.develop(run.renderer.blank(view), view)
        stem = run.model.posterior.encoder.stem(channels_first(pictures))

        def look(given: Tensor, image: Tensor, view: View, stem: Tensor = stem, model: Air = run.model) -> Tensor:
            return model.look(stem, given, image, view)

        for shown in (run.model.closeup, look):
            assert torch.equal(shown(pictures, pictures, view), shown(pictures, empty, view)) != differ

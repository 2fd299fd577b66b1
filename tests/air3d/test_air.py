"""The model: shapes, the pose it can draw, and its gradient through the renderer."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from einops import repeat
from small_runs import small_run

from air3d.air import Schedule
from air3d.alternatives import turn
from air3d.distributions import Choice
from air3d.draws import Drawn
from air3d.encoder import STRIDE, table_points
from air3d.infer import infer
from air3d.likelihood import log_likelihood
from air3d.schedules import ScheduleConfig
from renderers.convert import channels_first, to_torch
from scenes.errors import UserError


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
    found = infer(run.model, run.renderer.render(to_torch(run.scene.batch(0, range(4)))), 4)
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
    trace = run.model.trace(pictures, 2, Schedule(sigma=0.5))
    assert trace.log_likelihood.shape == (3, 2, 4)
    empty = log_likelihood(run.renderer.develop(run.renderer.blank(3)), pictures, 0.5)
    torch.testing.assert_close(trace.log_likelihood[:, :, 0], empty[:, None].expand(3, 2))


def test_the_pull_of_the_yaw_is_felt_where_the_expectation_is_not(tmp_path: Path) -> None:
    """Saucepans whose q(yaw) is sure of the opposite side: the expectation passes nothing, the pull right - q."""
    run = small_run(tmp_path, "scene=tabletop")
    model, truth = run.model, run.scene.batch(0, range(4), 1)
    truth.identity[:, 0] = run.scene.catalogue.names.index("saucepan")
    truth.rotation[:, 0] = 0.6
    scene = to_torch(truth)
    pictures, bins = run.renderer.render(scene), model.yaw_bins
    right = int((0.6 + math.pi) * bins / (2 * math.pi))
    within = (0.6 + math.pi) * bins / (2 * math.pi) - right
    logits = torch.zeros(4, bins)
    logits[:, (right + bins // 2) % bins] = 30.0
    nothing = torch.zeros(4)
    for pull in (0.0, 20.0):
        free = logits.clone().requires_grad_()
        draw = Drawn(
            scene.identity[:, 0], scene.position[:, 0], nothing, Choice(logits=free), nothing.long(),
            torch.full((4, bins), within), *[nothing] * 3, nothing[:, None], nothing,
        )  # fmt: skip
        blank = run.renderer.blank(4)
        value = turn(model, blank, draw, pictures, 1, Schedule(yaw_pull=pull))
        (gradient,) = torch.autograd.grad(value.sum(), free)
        assert gradient.sum(1).abs().max() < 1e-4
        if pull == 0:
            assert gradient.abs().max() < 1e-6
        else:
            torch.testing.assert_close(gradient[:, right], torch.full((4,), pull), atol=0.1, rtol=0)
    with pytest.raises(UserError, match="yaw_pull=-1"):
        ScheduleConfig(yaw_pull=-1.0)
    assert ScheduleConfig(yaw_pull=20).final().yaw_pull == 0 and ScheduleConfig(yaw_pull=20).at(0.5).yaw_pull == 10


def test_the_yaw_is_summed_over_whole_pictures_and_not_for_bodies_of_revolution(tmp_path: Path) -> None:
    """Against pictures of every alternative. Neither the other pictures nor the other samples matter."""
    run = small_run(tmp_path, "scene=tabletop")
    model, samples = run.model, 2
    truth = to_torch(run.scene.batch(0, range(12), 1))
    pictures, bins = run.renderer.render(truth), model.yaw_bins
    logits = torch.randn(24, bins, generator=torch.Generator().manual_seed(0))
    identity, position = (repeat(x[:, 0], "p ... -> (p s) ...", s=samples) for x in (truth.identity, truth.position))
    assert 0 < model.turns[identity].sum() < 24

    def value(pictures: Tensor, rows: slice, samples: int, pull: float) -> Tensor:
        nothing = torch.zeros(len(identity[rows]))
        draw = Drawn(
            identity[rows], position[rows], nothing, Choice(logits=logits[rows]), nothing.long(),
            torch.full((len(nothing), bins), 0.5), *[nothing] * 3, nothing[:, None], nothing,
        )  # fmt: skip
        return turn(model, run.renderer.blank(len(nothing)), draw, pictures, samples, Schedule(yaw_pull=pull))

    for pull in (0.0, 5.0):
        together = value(pictures, slice(None), samples, pull)
        alone = torch.cat([value(pictures[i : i + 1], slice(2 * i, 2 * i + 1), 1, pull) for i in range(12)])
        torch.testing.assert_close(together, alone)
        assert ((together != 0) == model.turns[truth.identity[:, 0]]).all()
    each = []
    for turned in range(bins):
        angle = model.angle(torch.tensor(turned), torch.tensor(0.5))
        painted = run.renderer.render(replace(truth, rotation=angle.expand_as(truth.rotation)))
        each.append(log_likelihood(painted, pictures, Schedule().sigma))
    likelihood = torch.stack(each, 1)
    expected = (logits[::samples].softmax(1) * (likelihood - likelihood.mean(1, keepdim=True))).sum(1)
    rows = model.turns[truth.identity[:, 0]]
    torch.testing.assert_close(value(pictures, slice(None), samples, 0.0)[rows], expected[rows], atol=0.01, rtol=1e-4)


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

"""Step 0 as a network: q(light, camera | picture) in the bound, and taught by the worlds of paintings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from render_tools import double, double_objects
from small_runs import example, small_run
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from air3d.inference.greedy import importance_weighted_bound, infer
from air3d.model.air import Air
from air3d.model.likelihood import log_likelihood
from air3d.model.policies import Decision, sample
from air3d.model.world_posterior import REACH, Gaussian, correlations
from air3d.objectives import Elbo, Weights
from air3d.objectives.elbo import SLEEP
from air3d.training.run import Run
from scenes.objects import Objects
from scenes.view import CAMERA, View

LIGHT, CAMERA_TOO = "scene.view.light=inferred", "scene.view.camera=inferred"
VARIED = ("scene=tabletop_varied", "scene.vary.turn=3", "scene.vary.shift=0.03")
SIGMA = 0.1


def run_of(folder: Path, *words: str) -> Run:
    """A network that knows nothing yet, but says something else of every picture."""
    run = small_run(folder, *VARIED, *words)
    assert run.model.world.posterior is not None
    with torch.no_grad():
        run.model.world.posterior.read.weight.mul_(10)
    return run


def test_the_gaussian_is_that_of_torch() -> None:
    torch.manual_seed(0)
    q, numbers = Gaussian(torch.randn(5, 4), torch.rand(5, 4) + 0.1), torch.randn(5, 4)
    theirs = Independent(Normal(q.mean, q.std), 1)
    prior = Independent(Normal(torch.zeros(5, 4), torch.ones(5, 4)), 1)
    torch.testing.assert_close(q.kl(), kl_divergence(theirs, prior))
    torch.testing.assert_close(q.log_prob(numbers), theirs.log_prob(numbers))
    torch.testing.assert_close(q.log_ratio(numbers), prior.log_prob(numbers) - theirs.log_prob(numbers))
    many = Gaussian(q.mean[:1].expand(40000, 4), q.std[:1].expand(40000, 4)).sample()
    torch.testing.assert_close(many.mean(0), q.mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(many.std(0), q.std[0], rtol=0.03, atol=0)


def test_correlations_are_sums_over_displaced_pixels() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(2, 3, 9, 14), torch.randn(2, 3, 9, 14)
    found = correlations(first, second)
    assert found.shape == (2, 3, 2 * REACH + 1, 2 * REACH + 1)
    for down, right in ((0, 0), (2, -3), (-5, 5), (4, 1)):
        there = torch.zeros_like(second)  # second, displaced back; zeros come in
        rows, columns = (slice(max(0, d), n + min(0, d)) for d, n in ((down, 9), (right, 14)))
        here_rows, here_columns = (slice(max(0, -d), n + min(0, -d)) for d, n in ((down, 9), (right, 14)))
        there[..., here_rows, here_columns] = second[..., rows, columns]
        expected = (first * there).sum((2, 3)) / math.sqrt(9 * 14)
        torch.testing.assert_close(found[..., REACH + down, REACH + right], expected, rtol=1e-4, atol=1e-4)


def test_it_is_there_only_where_something_is_inferred_by_it(tmp_path: Path) -> None:
    plain = small_run(tmp_path, *VARIED, "scene.view.light=varied").model
    light, both = run_of(tmp_path, LIGHT).model, run_of(tmp_path, LIGHT, CAMERA_TOO).model
    assert plain.world.posterior is None and not list(plain.world.parameters())
    extra = set(light.state_dict()) - set(plain.state_dict())
    assert extra and all(name.startswith("world.posterior.") for name in extra) and set(both.state_dict()) - extra
    assert [len(model.world.posterior.read.bias) for model in (light, both)] == [8, 20]  # type: ignore[union-attr]
    pictures, view, _ = example(run_of(tmp_path, LIGHT), 2)
    terms, _ = plain.elbo_terms(pictures, view, 1, SIGMA)
    assert terms.world_kl is terms.world_log_q is terms.world_log_weight is None


def test_answers_believe_the_mean_and_training_draws(tmp_path: Path) -> None:
    run = run_of(tmp_path, LIGHT, CAMERA_TOO)
    pictures, view, _ = example(run, 3)
    world, parts = run.model.world, run.model.world.posterior.parts  # type: ignore[union-attr]
    said = {name: q.mean for name, q in world.read(pictures)[1].items()}
    believed = world.believed(pictures, view)
    for name, part in parts.items():
        torch.testing.assert_close(part.of(believed), said[name], rtol=0, atol=1e-4)
        assert not believed.camera_rotation.requires_grad
        drawn = [part.of(world.drawn(pictures, view, False).view) for _ in range(2)]
        assert (drawn[0] - drawn[1]).abs().min() > 1e-5 and drawn[0].requires_grad
    assert torch.equal(believed.intrinsics, view.intrinsics)


def test_who_is_told_a_painting_is_told_all_but_its_camera(tmp_path: Path) -> None:
    run = run_of(tmp_path, LIGHT, CAMERA_TOO)
    pictures, view, _ = example(run, 3)
    torch.manual_seed(1)
    step = next(run.model.unroll(pictures, view, 1, sample, 1, pictures))
    believed = run.model.world.believed(pictures, view)
    for name in ("light", "ambient", "diffuse", "gain", "background"):
        assert torch.equal(getattr(step.place.view, name), getattr(view, name)), name
    for name in CAMERA:
        torch.testing.assert_close(getattr(step.place.view, name), getattr(believed, name))
    assert (believed.camera_rotation - view.camera_rotation).abs().max() > 1e-3


def test_what_is_told_costs_nothing_and_is_learned_from(tmp_path: Path) -> None:
    run = run_of(tmp_path, LIGHT, CAMERA_TOO)
    pictures, view, _ = example(run, 3)
    world = run.model.world
    said, parts = world.read(pictures)[1], world.posterior.parts  # type: ignore[union-attr]
    painting, photograph = world.drawn(pictures, view, True), world.drawn(pictures, view, False)
    torch.testing.assert_close(painting.kl, said["camera"].kl())
    torch.testing.assert_close(photograph.kl, said["camera"].kl() + said["light"].kl())
    of_light, of_camera = (said[name].log_prob(parts[name].of(view)) for name in ("light", "camera"))
    torch.testing.assert_close(painting.log_q, of_light + of_camera)
    assert photograph.log_q is None, "nobody says what world a photograph shows"
    alone = run_of(tmp_path, LIGHT).model.world.drawn(pictures, view, True)
    assert alone.kl is None and alone.log_weight is None and alone.log_q is not None


def test_all_samples_of_a_picture_see_one_world(tmp_path: Path) -> None:
    run, seen = run_of(tmp_path, LIGHT, CAMERA_TOO), []
    pictures, view, _ = example(run, 2)
    terms, _ = run.model.elbo_terms(pictures, view, 3, SIGMA, lambda step: seen.append(step.place.view))
    for name in ("light", "ambient", "camera_rotation", "camera_translation"):
        of_sample = getattr(seen[0], name).unflatten(0, (2, 3))
        assert torch.equal(of_sample[:, 0], of_sample[:, 1]) and torch.equal(of_sample[:, 0], of_sample[:, 2])
        assert not torch.equal(of_sample[0, 0], of_sample[1, 0])
    assert terms.world_kl is not None and terms.world_kl.shape == (2,)


def test_the_objective_weighs_the_worlds_of_paintings(tmp_path: Path) -> None:
    """Beside the bound; without the rest, the gradient of step 0 where all of it is told is that of log q alone."""
    run = run_of(tmp_path, LIGHT)
    pictures, view, _ = example(run, 3)
    elbo = Elbo(run.model, run.config.gradient, run.scene.catalogue.symmetries)
    last = run.model.world.posterior.read.bias  # type: ignore[union-attr]
    loss, values = elbo(pictures, view, Weights(sigma=SIGMA), None, pictures)
    log_q = run.model.world.drawn(pictures, view, True).log_q
    assert log_q is not None and values["train/world_log_q"] == pytest.approx(log_q.mean().item(), rel=1e-4)
    (of_loss,), (expected,) = torch.autograd.grad(loss, last), torch.autograd.grad(log_q.mean(), last)
    torch.testing.assert_close(of_loss, -(SIGMA**2) * SLEEP * expected, rtol=1e-4, atol=1e-6)
    loss, values = elbo(pictures, view, Weights(sigma=SIGMA), None)
    assert "train/world_log_q" not in values and values["train/world_kl"] > 0
    assert torch.autograd.grad(loss, last)[0].abs().max() > 0, "a photograph teaches it by the bound"


@pytest.mark.parametrize("told", [True, False])
def test_the_gradient_of_the_bound_by_finite_differences(tmp_path: Path, told: bool) -> None:
    """With respect to what step 0 says, in float64; the objects and the random numbers held."""
    words = ("renderer=reference", "scene.image_size=24", "scene.view.tint=varied", "scene.view.gain=known")
    run = run_of(tmp_path, LIGHT, CAMERA_TOO, *words)
    pictures, view, truth = example(run, 2, count=2)
    model, objects = run.model.double(), double_objects(truth)
    pictures, view = pictures.double(), double(view)
    bias = model.world.posterior.read.bias  # type: ignore[union-attr]

    def bound() -> Tensor:
        torch.manual_seed(3)
        worlds, slots = model.world.drawn(pictures, view, told), iter(range(2))

        def decided(*_) -> Decision:
            slot = next(slots)
            return Decision(objects.each(lambda _, array: array[:, slot : slot + 1]), {})

        steps = list(model.unroll(pictures, view, 2, decided, 1, pictures if told else None, SIGMA, worlds.view))
        assert worlds.kl is not None
        return sum(model.log_likelihood(step.image, pictures, SIGMA) for step in steps).sum() - worlds.kl.sum()

    (gradient,) = torch.autograd.grad(bound(), bias)
    assert told == (gradient[:4].abs().max() == 0), "of the light, the bound of a painting says nothing"
    assert gradient[4:10].abs().min() > 1e-2
    step = 1e-5
    for index in (0, 2, 5, 8, 11, 17):  # means of light and camera, and logarithms of standard deviations
        with torch.no_grad():
            bias[index] += step
            above = bound()
            bias[index] -= 2 * step
            below = bound()
            bias[index] += step
        torch.testing.assert_close(gradient[index], (above - below) / (2 * step), rtol=2e-3, atol=2e-3)


@torch.no_grad()
def test_the_importance_weighted_bound_weighs_the_world(tmp_path: Path) -> None:
    """log p(x) from worlds and objects of the prior, and by weighing draws of a posterior that knows nothing."""
    words = ("scene.max_objects=1", "scene.view.tint=varied", "scene.view.outliers=0", "model.initial_std=2.0")
    run = run_of(tmp_path, LIGHT, "scene.image_size=16", *words, "scene.view.gain=known", "scene.view.background=known")
    picture, view, _ = example(run, 1, seed=4, count=1)
    number, sigma = 1500, 1.5
    pictures, views = picture.expand(number, -1, -1, -1), view.repeat(number)
    truth = evidence(run.model, pictures, views, sigma)
    torch.manual_seed(1)
    runs = [importance_weighted_bound(run.model, pictures, views, sigma, 1) for _ in range(4)]
    found = torch.stack([each.logsumexp(0) - math.log(number) for each in runs])
    assert found.std() < 0.1, "too noisy to show anything"
    assert found.mean().item() == pytest.approx(truth, abs=0.03 + 2 * found.std().item())


def evidence(model: Air, pictures: Tensor, view: View, sigma: float) -> float:
    number, parts, prior = len(pictures), model.world.posterior.parts, model.prior  # type: ignore[union-attr]
    fields: Mapping[str, Tensor] = parts["light"].fields(torch.randn(number, parts["light"].size))
    worlds, ones = replace(view, **fields), torch.ones(number, 1)
    position, yaw = prior.to_metres(torch.rand(number, 1, 3)), math.pi * (2 * torch.rand(number, 1) - 1)
    objects = Objects(torch.randint(model.posterior.identities, (number, 1)), position, yaw, ones)
    images = [model.generate(each, worlds) for each in (replace(objects, presence=0 * ones), objects)]
    terms = [log_likelihood(image, pictures, sigma) + prior.log_count[n] for n, image in enumerate(images)]
    return (torch.stack(terms, -1).flatten().logsumexp(0) - math.log(number)).item()


def test_worlds_of_paintings_are_learned(tmp_path: Path) -> None:
    """Of a few pictures, by heart."""
    run = small_run(tmp_path, *VARIED, LIGHT, CAMERA_TOO, "scene.min_objects=1")
    pictures, view, _ = example(run, 4)
    world, found = run.model.world, []
    optimiser = torch.optim.Adam(world.parameters(), 1e-3)
    for _ in range(40):
        log_q = world.drawn(pictures, view, told=True).log_q
        assert log_q is not None
        found.append(log_q.mean().item())
        optimiser.zero_grad()
        (-log_q.mean()).backward()
        optimiser.step()
    assert found[-1] > found[0] + 8


def test_an_answer_is_the_same_each_time(tmp_path: Path) -> None:
    run = run_of(tmp_path, LIGHT, CAMERA_TOO)
    pictures, view, _ = example(run, 3)
    once, again = (infer(run.model, pictures, view, 2).reconstruction for _ in range(2))
    assert torch.equal(once, again), "nothing is drawn"

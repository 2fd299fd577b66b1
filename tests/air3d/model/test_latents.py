"""One file and one line add a latent. Here a toy, the size of an object, goes the whole way: drawn, painted, paid for,
taught by labels, inferred, measured and written, by the code that knows only the table of latents."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from small_runs import example, small_run
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from air3d.evaluation.calibration_scenes import calibrate
from air3d.evaluation.matching import match
from air3d.evaluation.measure import Scenes, evaluate_scenes
from air3d.evaluation.metrics import score
from air3d.inference.greedy import infer
from air3d.inference.predictions import predict
from air3d.inference.serialization import Serializer
from air3d.model.air import Air, Step
from air3d.model.latents import LATENTS, Latent, Look, Sizes, Value
from air3d.model.prior import Prior
from air3d.objectives import Labels, SupervisedConfig, Weights
from air3d.report.evaluation import table
from air3d.report.records import OBJECTS, read_csv, write_records
from air3d.training.run import Run
from air3d.training.tracking import Tracker, read_metrics
from air3d.training.trainer import Trainer
from scenes.objects import Objects
from scenes.scene import Scene

PRIOR = 0.2  # standard deviation of log size beforehand


@dataclass
class LogNormal:
    """q of the size: its logarithm is Gaussian, beforehand about 0."""

    mean: Float[Tensor, " batch"]
    std: Float[Tensor, " batch"]
    choice: None = None

    def noise(self) -> Float[Tensor, "batch 1"]:
        return torch.randn_like(self.mean)[:, None]

    def draw(self, choice: None, noise: Float[Tensor, "batch 1"]) -> Value:
        log_size = self.mean + self.std * noise[:, 0]
        with torch.no_grad():
            log_ratio = Normal(self.mean, self.std).log_prob(log_size) - Normal(0.0, PRIOR).log_prob(log_size)
        return Value(log_size.exp(), self.mode_kl(), log_ratio)

    def mode(self) -> Float[Tensor, " batch"]:
        return self.mean.exp()

    def mode_kl(self) -> Float[Tensor, " batch"]:
        return kl_divergence(Normal(self.mean, self.std), Normal(0.0, PRIOR))

    def log_density(self, value: Float[Tensor, " batch"], symmetry: Tensor, beta: float = 0.0) -> Tensor:
        return Normal(self.mean, self.std).log_prob(value.log()) * self.std.detach() ** (2 * beta)


class Size(Latent):
    """A factor on all lengths of an object."""

    name, unit = "size", "factor"

    def __init__(self, sizes: Sizes, prior: Prior) -> None:
        super().__init__(sizes, prior)
        self.head = nn.Linear(sizes.attended, 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, look: Look) -> LogNormal:
        mean, log_std = self.head(look.attended).unbind(-1)
        return LogNormal(PRIOR * mean, PRIOR * log_std.exp())

    @staticmethod
    def errors(predicted: np.ndarray, true: np.ndarray, symmetry: np.ndarray) -> Float[np.ndarray, " pair"]:
        return np.exp(np.abs(np.log(predicted) - np.log(true)))

    @staticmethod
    def written(value: np.ndarray | np.generic, symmetry: int) -> Any:
        return round(float(value), 3)


class SizedScene(Scene):
    """Scenes whose objects have sizes of their own."""

    def objects(self, seed: int, index: int, count: int | None = None) -> Objects:
        plain = super().objects(seed, index, count)
        size = np.random.default_rng([seed, index, 1]).uniform(0.7, 1.3, plain.rotation.shape)
        return replace(plain, size=np.where(plain.presence, size, 1.0).astype(np.float32))


def sized_run(folder: Path, *overrides: str) -> Run:
    """A small run whose network infers sizes: the one line that adds them is the last but one."""
    run = small_run(folder, *overrides)
    scene = SizedScene(run.config.scene)
    torch.manual_seed(0)
    model = Air(scene, run.renderer, run.config.model, latents=(*LATENTS, Size))
    return Run(run.config, scene, run.renderer, model)


def size_head(run: Run) -> nn.Linear:
    return run.model.posterior.latents["size"].head


def say(run: Run, mean: float, log_std: float = 0.0) -> None:
    """Let q say that of every object's size, in units of the prior's deviation."""
    with torch.no_grad():
        size_head(run).bias.copy_(torch.tensor([mean, log_std]))


def test_it_is_drawn_and_painted(tmp_path: Path) -> None:
    run = sized_run(tmp_path, "scene=tabletop")
    say(run, 1.5)
    pictures, view, _ = example(run, 4)
    steps: list[Step] = []
    run.model.elbo_terms(pictures, view, 2, 0.3, steps.append)
    for step in steps:
        q, noise = step.decision.pose["size"], step.decision.noise["size"]
        torch.testing.assert_close(step.decision.objects.size[:, 0], (q.mean + q.std * noise[:, 0]).exp())
    objects = Objects.join([step.decision.objects for step in steps])
    assert objects.size.shape == (8, 3) and objects.size.std() > 0.05
    torch.testing.assert_close(run.renderer.render(objects, view.repeat(2)), steps[-1].image, rtol=0, atol=1e-5)
    plain = run.renderer.render(replace(objects, size=None), view.repeat(2))
    assert (plain - steps[-1].image).abs().amax((1, 2, 3)).min() > 0.1


def test_its_divergence_is_part_of_the_bound(tmp_path: Path) -> None:
    """Against the same network without it, which draws the same but for the size: of one object, the last draw."""
    run = sized_run(tmp_path)
    plain = Air(run.scene, run.renderer, run.config.model)
    plain.load_state_dict(run.model.state_dict(), strict=False)
    say(run, 0.7, -0.4)
    terms, drawn = {}, []
    for name, model in (("with", run.model), ("without", plain)):
        torch.manual_seed(1)
        terms[name], _ = model.elbo_terms(*example(run, 5)[:2], 2, 0.3, drawn.append)
    mean, std = 0.7 * PRIOR, math.exp(-0.4) * PRIOR
    exact = math.log(PRIOR / std) + (std**2 + mean**2) / (2 * PRIOR**2) - 0.5
    more = terms["with"].kl - terms["without"].kl
    torch.testing.assert_close(more, torch.full_like(more, exact), rtol=1e-4, atol=1e-5)
    log_size = drawn[0].decision.objects.size.log().view(5, 2, 1)
    weight = Normal(0.0, PRIOR).log_prob(log_size) - Normal(mean, std).log_prob(log_size)
    torch.testing.assert_close(terms["with"].log_weight - terms["without"].log_weight, weight, rtol=1e-3, atol=1e-4)


def test_the_gradient_of_the_bound_reaches_its_head_by_central_differences(tmp_path: Path) -> None:
    run = sized_run(tmp_path, "renderer=reference", "renderer.sigma=1e-3", "scene.image_size=24")
    pictures, view, _ = example(run, 2)
    run.model.double()
    say(run, 0.4, -1.0)
    head, pictures = size_head(run), pictures.double()

    def bound() -> Tensor:
        torch.manual_seed(3)
        return run.model.elbo(pictures, view, 0.3).sum()

    of_bias, of_weight = torch.autograd.grad(bound(), [head.bias, head.weight])
    seen = int(of_weight[0].abs().argmax())
    assert of_bias.abs().min() > 0.1
    for weights, index, gradient in (
        (head.bias, 0, of_bias),
        (head.bias, 1, of_bias),
        (head.weight, (0, seen), of_weight),
    ):
        with torch.no_grad():
            weights[index] += 1e-6
            above = bound()
            weights[index] -= 2e-6
            below = bound()
            weights[index] += 1e-6
        torch.testing.assert_close(gradient[index], (above - below) / 2e-6, rtol=1e-3, atol=1e-4)


def test_labels_teach_it(tmp_path: Path) -> None:
    run = sized_run(tmp_path, "scene=tabletop", "model=supervised")
    say(run, 0.5, -0.5)
    labels = Labels(run.model, SupervisedConfig(beta=0.0), run.scene.catalogue.symmetries)
    pictures, view, truth = example(run, 6)
    said = Normal(0.5 * PRIOR, math.exp(-0.5) * PRIOR).log_prob(truth.size.log())
    parts = labels.log_q(pictures, view, truth)
    torch.testing.assert_close(parts["size"], (said * truth.presence).sum(1), rtol=1e-4, atol=1e-4)
    unsized = labels.log_q(pictures, view, replace(truth, size=None))["size"]
    torch.testing.assert_close(unsized, labels.log_q(pictures, view, replace(truth, size=truth.size**0))["size"])
    optimiser = torch.optim.Adam(size_head(run).parameters(), 1e-2)
    for _ in range(15):
        optimiser.zero_grad()
        labels(pictures, view, Weights(), truth)[0].backward()
        optimiser.step()
    assert (labels.log_q(pictures, view, truth)["size"].mean() > parts["size"].mean() + 0.1).item()


def test_it_is_inferred_measured_and_written(tmp_path: Path) -> None:
    run = sized_run(tmp_path, "scene=tabletop")
    model, names, symmetries = run.model, run.scene.catalogue.names, run.scene.catalogue.symmetries
    say(run, 1.0)
    with torch.no_grad():
        model.posterior.presence[-1].bias.fill_(0.5)  # it knows nothing yet, but dares
        size_head(run).weight.normal_(std=0.1)
    pictures, view, _ = example(run, 6)
    found = infer(model, pictures, view, 3).objects
    present = found.presence > 0.5
    assert found.size.shape == (6, 3) and (found.size[~present] == 1).all()
    assert (found.size[present] != 1).all() and found.size[present].std() > 0.01

    smaller = found.each(lambda _, array: array.numpy())
    smaller.size = np.where(present, smaller.size / 1.25, 1).astype(np.float32)
    measured = score(found, smaller, symmetries, latents=model.latents)
    assert measured["size_error_median_factor"] == pytest.approx(1.25, abs=1e-4)
    assert "size_error_median_factor" not in score(found, smaller, symmetries)
    scenes = Scenes(pictures, smaller, view)
    evaluation = evaluate_scenes(lambda *given: infer(model, *given, 3), scenes, symmetries, latents=model.latents)
    assert evaluation.metrics["size_error_median_factor"] == pytest.approx(1.25, abs=1e-4)
    assert "size error, median, factor" in table(evaluation.metrics, evaluation.latents)
    write_records(tmp_path, evaluation, match(evaluation.objects, smaller), names, symmetries)
    errors = [float(row["size_error_factor"]) for row in read_csv(tmp_path / OBJECTS)]
    assert errors == pytest.approx([1.25] * int(present.sum()), abs=1e-4)

    conformal = calibrate(model, run.scene, 0, 20)
    written = Serializer(run.scene.catalogue, model.prior, conformal, 0.9, model.latents).scenes(
        predict(model, pictures, view, 3), view
    )
    for scene, sizes, there in zip(written, found.size, present, strict=True):
        assert [entry["size"] for entry in scene["objects"]] == pytest.approx(sizes[there].tolist(), abs=6e-4)


@pytest.mark.parametrize("choice", ["model=air", "model=supervised"])
def test_a_training_learns_and_measures_it(tmp_path: Path, choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = sized_run(tmp_path, "scene=tabletop", choice, "trainer.steps=2")
    trainer = Trainer(run, tmp_path, Tracker(tmp_path, run.config.plain(), "disabled"))

    def nearly(model: Air, pictures: Tensor, view: Any, steps: int) -> Any:
        found, right = infer(model, pictures, view, steps), trainer.validation.truth.padded(steps)
        objects = right.each(lambda _, array: torch.as_tensor(array))
        return replace(found, objects=replace(objects, size=objects.size * 1.25))

    monkeypatch.setattr("air3d.training.validation.infer", nearly)
    trainer.fit()
    assert size_head(run).weight.abs().max() > 0 and size_head(run).bias.abs().max() > 0
    rows = [row for row in read_metrics(tmp_path / "metrics.jsonl") if "val/size_error_median_factor" in row]
    assert len(rows) == 2 and rows[0]["val/size_error_median_factor"] == pytest.approx(1.25, abs=1e-4)
    kept = torch.load(tmp_path / "last.pt", weights_only=True)["model"]
    assert torch.equal(kept["posterior.latents.size.head.weight"], size_head(run).weight)

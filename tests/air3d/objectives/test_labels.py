"""The supervised baseline: its density is one, its pairing the likeliest, and it learns."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run, small_trainer
from torch import Tensor

from air3d.model.air import Step
from air3d.model.batches import select_rows
from air3d.model.distributions import Choice, LogitNormal
from air3d.model.latents.rotation import Yaw
from air3d.model.mode import Mode
from air3d.objectives import Elbo, Labels, Weights
from air3d.training.run import Run
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.view import View

TABLE = ("scene=tabletop", "scene.max_objects=3", "model=supervised")


def labels_of(run: Run) -> Labels:
    return Labels(run.model, run.config.supervised, run.scene.catalogue.symmetries)


def unrolled(run: Run, pictures: Tensor, view: View, steps: int) -> list[Step]:
    """The network's own likeliest answers, whichever are present, as labels ask for them."""
    return list(run.model.unroll(pictures, view, steps, Mode(steps, -1.0)))


def reordered(truth: Objects, order: list[int]) -> Objects:
    """The same tables with their labels written down in another order."""
    return truth.each(lambda _, array: array[:, order])


def total(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(parts.values())).sum(0)


def test_the_density_of_the_yaw_adds_up_to_one(tmp_path: Path) -> None:
    """Over the circle, but for what lies within a hundredth of a bin's border."""
    run = small_run(tmp_path, *TABLE)
    pictures, view, _ = example(run, 2, seed=3)
    yaw = unrolled(run, pictures, view, 1)[0].decision.pose["rotation"]
    angles = torch.linspace(-math.pi, math.pi, 24001)[:-1]
    with torch.no_grad():
        each = select_rows(yaw, torch.arange(2).repeat_interleave(len(angles)))
        density = each.log_turn(angles.repeat(2)).exp().view(2, -1)
    per_radian = density * run.config.model.yaw_bins / (2 * math.pi)
    torch.testing.assert_close(per_radian.mean(-1) * 2 * math.pi, torch.ones(2), atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", ["ordered", "hungarian"])
def test_the_order_of_the_labels_does_not_matter(tmp_path: Path, kind: str) -> None:
    run = small_run(tmp_path, *TABLE, "scene.min_objects=3", f"supervised.matching={kind}")
    labels, (pictures, view, truth) = labels_of(run), example(run, 6, seed=3)
    with torch.no_grad():
        given = total(labels.log_q(pictures, view, truth))
        turned = total(labels.log_q(pictures, view, reordered(truth, [2, 0, 1])))
    torch.testing.assert_close(turned, given)


def test_ordered_asks_from_left_to_right(tmp_path: Path) -> None:
    run = small_run(tmp_path, *TABLE, "supervised=ordered")
    labels, (pictures, view, truth) = labels_of(run), example(run, 20, seed=3)
    chosen = labels.pairing(unrolled(run, pictures, view, truth.slots), truth)
    for row, count in enumerate(truth.count.long().tolist()):
        across = truth.position[row, chosen[row, :count], 0]
        assert (across.diff() >= 0).all() and truth.presence[row, chosen[row, :count]].all()


@pytest.mark.parametrize(("kind", "query"), [("ordered", True), ("hungarian", False), ("symmetric", False)])
def test_only_a_fixed_order_needs_a_query(tmp_path: Path, kind: str, query: bool) -> None:
    """Paired labels have AIR's attention: with a query they counted fewer of the tables larger than trained."""
    run = small_run(tmp_path, *TABLE, f"supervised={kind}")
    assert (run.model.posterior.attention.query is not None) == query
    assert run.config.model.query == query


def test_no_other_pairing_is_likelier(tmp_path: Path) -> None:
    run = small_run(tmp_path, *TABLE)
    labels, (pictures, view, truth) = labels_of(run), example(run, 20, seed=3)
    with torch.no_grad():
        steps = unrolled(run, pictures, view, truth.slots)
        cost, chosen = labels.cost(steps, truth), labels.pairing(steps, truth)
    for row, count in enumerate(truth.count.long().tolist()):
        assert sorted(chosen[row].tolist()) == list(range(truth.slots))
        paid = cost[row, range(count), chosen[row, :count]].sum()
        least = min(cost[row, range(count), list(p)].sum() for p in itertools.permutations(range(count)))
        assert paid == pytest.approx(float(least), rel=1e-5)


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_turn_that_does_not_show_is_right_only_where_symmetry_counts(tmp_path: Path, symmetric: bool) -> None:
    """The cube of single_object looks the same after a quarter turn."""
    run = small_run(tmp_path, "model=supervised", f"supervised.symmetric={str(symmetric).lower()}")
    labels, (pictures, view, truth) = labels_of(run), example(run, 12, seed=3)
    cube = [mesh.symmetry for mesh in run.scene.catalogue.meshes].index(4)
    truth.identity[:] = cube
    quarter = replace(truth, rotation=truth.rotation + math.pi / 2)
    with torch.no_grad():
        given, turned = (labels.log_q(pictures, view, each)["rotation"] for each in (truth, quarter))
    assert torch.allclose(given, turned, atol=1e-4) == symmetric


def test_shapes_without_a_front_ask_for_no_yaw(tmp_path: Path) -> None:
    run = small_run(tmp_path, "model=supervised")
    labels, (pictures, view, truth) = labels_of(run), example(run, 4, seed=3)
    truth.identity[:] = [mesh.symmetry for mesh in run.scene.catalogue.meshes].index(0)
    assert (labels.log_q(pictures, view, truth)["rotation"] == 0).all()


def test_beta_scales_what_a_regression_teaches_by_its_width() -> None:
    """Seitzer et al. 2022, section 4: the gradients of mean and width, times the width to the 2 beta."""
    mean, std = torch.randn(5, 3, dtype=torch.float64), torch.rand(5, 3, dtype=torch.float64) + 0.1
    sample = torch.randn(5, 3, dtype=torch.float64)
    plain, weighted = [
        torch.autograd.grad(LogitNormal(*place).weighted_log_prob(sample, beta).sum(), place)
        for beta in (0.0, 0.5)
        for place in [[mean.clone().requires_grad_(), std.clone().requires_grad_()]]
    ]
    for given, scaled in zip(plain, weighted, strict=True):
        torch.testing.assert_close(scaled, given * std)


def test_beta_scales_what_the_yaw_teaches_within_its_bin_only() -> None:
    q = yaw_of(std=0.2)
    learned = [q.offset.mean, q.choice.logits]
    yaw = torch.full((1,), 0.3)
    plain, weighted = (torch.autograd.grad(q.log_turn(yaw, beta).sum(), learned) for beta in (0.0, 0.5))
    torch.testing.assert_close(weighted[0], plain[0] * 0.2)
    torch.testing.assert_close(weighted[1], plain[1])


def test_beta_leaves_it_to_the_posterior_which_turn_is_meant() -> None:
    """The cube's four turns: what the bins are taught is the same, and its value at beta=0 is the density."""
    q = yaw_of(std=0.5)
    q.offset.std[0, 7] = 0.02  # one of the four bins is sure, and right
    middle = torch.tensor([(7 + 0.5) * 2 * math.pi / 12 - math.pi])
    plain, weighted = (q.log_density(middle, torch.tensor([4]), beta) for beta in (0.0, 0.5))
    turns = torch.stack([q.log_turn(middle + turn * math.pi / 2) for turn in range(4)]).logsumexp(0)
    torch.testing.assert_close(plain, turns)
    taught = [torch.autograd.grad(value.sum(), q.choice.logits)[0] for value in (plain, weighted)]
    torch.testing.assert_close(taught[1], taught[0])
    assert taught[0][0, 7] > 0.5


def yaw_of(std: float) -> Yaw:
    """A yaw whose twelve bins are alike."""
    offset = LogitNormal(torch.zeros(1, 12, requires_grad=True), torch.full((1, 12), std))
    return Yaw(Choice(logits=torch.zeros(1, 12, requires_grad=True)), offset)


def test_what_is_reported_does_not_depend_on_beta(tmp_path: Path) -> None:
    """The best checkpoint is the one with the highest density, whatever the loss weighted."""
    run = small_run(tmp_path, *TABLE, "supervised.beta=0.5")
    labels, (pictures, view, truth) = labels_of(run), example(run, 6, seed=3)
    weighted = labels(pictures, view, Weights(), truth)[0].item()
    judged = labels.validation_score(pictures, view, truth, 0.0)
    labels.settings = replace(labels.settings, beta=0.0)
    again = labels.validation_score(pictures, view, truth, 0.0)
    assert again == judged == pytest.approx(-labels(pictures, view, Weights(), truth)[0].item())
    assert abs(weighted + judged) > 0.1


@pytest.mark.parametrize("beta", ["-0.1", "1.5"])
def test_an_impossible_beta_is_refused(tmp_path: Path, beta: str) -> None:
    with pytest.raises(UserError, match=f"supervised.beta={beta}: give a number from 0"):
        small_run(tmp_path, *TABLE, f"supervised.beta={beta}")


def test_it_learns_from_labels(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "model=supervised", "trainer.steps=60", "trainer.batch=16", "scene.image_size=48")
    before = trainer.objective.validation_score(*trainer.validation.scenes, 0.0)
    for _ in range(60):
        values = trainer.train_step()
    after = trainer.objective.validation_score(*trainer.validation.scenes, 0.0)
    assert after > before + 2 and {"train/label_count", "train/label_rotation"} < values.keys()


def test_air_is_never_shown_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, learn = [], Elbo.__call__

    def watched(
        self: Elbo, pictures: Tensor, view: View, weights: Weights, truth: Objects | None, painting: Tensor
    ) -> tuple:
        given.append(truth)
        return learn(self, pictures, view, weights, truth, painting)

    monkeypatch.setattr(Elbo, "__call__", watched)
    small_trainer(tmp_path).train_step()
    assert given == [None]


def test_a_matching_that_is_unknown_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hungarian"):
        small_run(tmp_path, "supervised.matching=hungarain")
    with pytest.raises(UserError, match="supervised"):
        small_trainer(tmp_path, "model.name=supervized")

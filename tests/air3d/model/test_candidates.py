"""A step that considers several places: which one it attends to, and where nothing can stand any more."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.inference.greedy import infer
from air3d.model.air import Air, Place
from air3d.model.attention import REACH, region
from air3d.model.candidates import IMPOSSIBLE, PAINTED, considered, explained
from air3d.model.mode import Mode
from air3d.model.policies import one_slot
from air3d.model.posterior import Posterior
from air3d.model.proposal import FORGIVING, Proposal
from air3d.training.run import Run
from renderers.convert import channels_first
from scenes.errors import UserError
from scenes.view import View

PLATE, BOWL, MUG = 0, 1, 2


WITH_CROP = pytest.mark.parametrize("crop", [0, 16])


def run_of(folder: Path, candidates: int = 3, crop: int = 0) -> Run:
    return small_run(folder, "scene=tabletop", f"model.candidates={candidates}", f"model.crop={crop}")


def features_of(run: Run, pictures: Tensor, view: View) -> Tensor:
    model = run.model
    stem = model.posterior.encoder.stem(channels_first(pictures))
    return model.look(stem, pictures, model.blank(view).image, view)


def proposed(run: Run, number: int = 12, **options: object) -> tuple[Tensor, Tensor]:
    """Where each picture is attended to, in shares of the table, and the logit of an object there."""
    pictures, view, _ = example(run, number, count=3)
    posterior = run.model.posterior
    with torch.no_grad():
        closeup = run.model.closeup(pictures, run.model.blank(view).image, view)
        features, state = features_of(run, pictures, view), posterior.start(number)
        proposal = posterior.propose(features, state, closeup, view, **options)  # type: ignore[arg-type]
    return proposal.place, proposal.presence_logit


def test_candidates_are_out_of_each_others_reach_and_begin_with_the_best(tmp_path: Path) -> None:
    attention = run_of(tmp_path).model.posterior.attention
    side = torch.linspace(0, 1, 8)
    places = torch.cartesian_prod(side, side)[None]
    contrast = torch.rand(5, 64, 4, generator=torch.Generator().manual_seed(0))
    first, *others = attention.candidates(contrast, places, 3)
    assert torch.equal(first, attention(contrast, torch.zeros(5, 1), places))
    middles = torch.stack([places[0][each.argmax(-1)] for each in (first, *others)], 1)
    apart = torch.cdist(middles, middles) + 9 * torch.eye(3)
    assert apart.min() >= REACH
    assert all((each.sum(-1) - 1).abs().max() < 1e-5 for each in (first, *others))


@WITH_CROP
def test_the_place_where_an_object_is_likeliest_is_attended_to(tmp_path: Path, crop: int) -> None:
    """Whatever has been learned: no logit is smaller than where only the most unexplained place is considered."""
    run = run_of(tmp_path, crop=crop)
    place, logit = proposed(run)
    alone, logit_alone = proposed(run_of(tmp_path, 1, crop))
    assert (logit >= logit_alone - 1e-5).all() and (logit > logit_alone + 1e-3).any()
    assert not torch.allclose(place, alone)


@WITH_CROP
def test_who_is_curious_looks_at_the_most_unexplained_in_every_second_picture(tmp_path: Path, crop: int) -> None:
    best, _ = proposed(run_of(tmp_path, 1, crop), 200)
    likeliest, _ = proposed(run_of(tmp_path, 3, crop), 200)
    torch.manual_seed(0)
    curious, _ = proposed(run_of(tmp_path, 3, crop), 200, curious=True)
    differs = (best - likeliest).norm(dim=-1) > 1e-4
    as_best = ((curious - best).norm(dim=-1) < 1e-6)[differs].float().mean()
    as_likeliest = ((curious - likeliest).norm(dim=-1) < 1e-6)[differs].float().mean()
    assert differs.sum() > 30 and as_best + as_likeliest == 1 and 0.25 < as_best < 0.75


@WITH_CROP
def test_where_an_object_stands_another_is_next_to_impossible(tmp_path: Path, crop: int) -> None:
    run = run_of(tmp_path, crop=crop)
    place, logit = proposed(run)
    prior = run.model.prior
    metres = prior.to_metres(torch.nn.functional.pad(place, (0, 1)))
    there = one_slot(
        torch.zeros(len(place), dtype=torch.long), {"position": metres, "rotation": torch.zeros(len(place))}
    )
    elsewhere, other = proposed(run, taken=[there])
    moved = (elsewhere - place).norm(dim=-1) > 1e-4
    assert moved.any()
    assert ((other - (logit - IMPOSSIBLE)).abs() < 1e-4)[~moved].all()
    assert (other <= logit + 1e-5).all()


def test_what_stands_nearer_than_it_seems_is_known_to_stand_there(tmp_path: Path) -> None:
    """With `standing`, the place that an object is attended to at is behind its base."""
    run = small_run(tmp_path, "scene=tabletop", "model.standing=true", "model.candidates=2")
    posterior, (pictures, view, _) = run.model.posterior, example(run, 8, count=1)
    with torch.no_grad():
        step = next(run.model.unroll(pictures, view, 1, Mode(), 1))
        likeliest = step.proposal.identity.logits.argmax(-1)
        base = posterior.footprints.stands(step.proposal.place, likeliest, view)
        at = run.model.prior.to_metres(torch.nn.functional.pad(base, (0, 1)))
        inside = torch.tensor([posterior.footprints.radii[k] for k in likeliest]) * 0.99
        for off, there in ((0.0, True), (0.99, True), (1.03, False)):
            beside = at + torch.nn.functional.pad((off * inside / 0.99)[:, None], (0, 2))
            stood = one_slot(likeliest, {"position": beside, "rotation": torch.zeros(8)})
            assert (posterior.taken(step.proposal, [stood], view) == float(there)).all()


def possible(posterior: Posterior, first: tuple[int, float, float], second: tuple[int, float]) -> bool:
    """Whether an object (identity, x) can stand beside one (identity, x, presence)."""
    mode = Mode()
    pose = {"position": torch.tensor([[first[1], 0.0, 0.0]]), "rotation": torch.zeros(1)}
    mode.objects.append(one_slot(torch.tensor([first[0]]), pose, torch.tensor([first[2]])))
    there = torch.tensor([[second[1], 0.0, 0.0]])
    return bool(mode.possible(posterior, torch.tensor([second[0]]), there))


def test_objects_whose_footprints_would_overlap_are_not_both_there(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    posterior, meshes = run.model.posterior, run.scene.catalogue.meshes
    touching = meshes[PLATE].inner_radius + meshes[MUG].inner_radius
    assert not possible(posterior, (PLATE, 0.0, 1.0), (MUG, 0.99 * touching))
    assert possible(posterior, (PLATE, 0.0, 1.0), (MUG, 1.01 * touching))
    assert possible(posterior, (PLATE, 0.0, 0.0), (MUG, 0.0))  # the plate is not there


def test_one_of_two_objects_in_one_place_is_left_out(tmp_path: Path) -> None:
    """A network that sees the same plate in every step names it once."""
    run = run_of(tmp_path)
    pictures, view, _ = example(run, 6, count=1)
    torch.nn.init.constant_(run.model.posterior.presence[-1].bias, 30.0)
    found = infer(run.model, pictures, view, 3).objects
    posterior = run.model.posterior
    for first in range(3):
        for second in range(first):
            apart = posterior.footprints.apart(*((found.identity[:, s], found.position[:, s, :2])[i]
                                      for s in (first, second) for i in range(2)))  # fmt: skip
            both = found.presence[:, first] & found.presence[:, second]
            assert (apart | ~both).all()


def test_a_query_chooses_by_itself(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs model\.candidates=1"):
        small_run(tmp_path, "scene=tabletop", "model.candidates=2", "model.query=true")


def test_a_region_is_a_place_among_several(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model\.region=true is one more of several places"):
        small_run(tmp_path, "scene=tabletop", "model.region=true")


def test_the_place_where_what_is_likeliest_explains_most_is_attended_to(tmp_path: Path) -> None:
    """Whole pictures painted for every place and each of its likeliest identities; the first of the places is the
    region, and nothing is attended to where something stands."""
    run = small_run(tmp_path, "scene=tabletop", "model.candidates=3", "model.region=true", "scene.image_size=48")
    model, (pictures, view, _) = run.model, example(run, 6, count=2)
    posterior = model.posterior
    with torch.no_grad():
        before = run.renderer.blank(view)
        place = Place(before, pictures, view, told=True)
        closeup = model.closeup(pictures, model.blank(view).image, view)
        features, state = features_of(run, pictures, view), posterior.start(6)
        sight = posterior.sight(features, state, closeup, view)
        each = considered(posterior.attention, sight, 3, whole=True)
        assert torch.equal(each[0], region(features[:, -1]))
        proposals = [posterior.proposed(sight, attention) for attention in each]
        empty = model.log_likelihood(model.blank(view).image, pictures, FORGIVING)
        worth = torch.stack([worth_of(model, place, proposal, closeup) - empty for proposal in proposals], 1)
        gains = partial(model.gains, place)
        asked = torch.tensor([0, 1, 2, 4, 5])
        found = explained(posterior.pose, proposals, sight, gains, asked)
        torch.testing.assert_close(found[asked], worth[asked], rtol=1e-3, atol=0.02)
        assert not found[3].any()  # it was not asked for
        best = worth.argmax(1)
        attended = posterior.propose(features, state, closeup, view, gains=gains).place
        expected = torch.stack([proposal.place for proposal in proposals], 1)[range(6), best]
        assert torch.equal(attended, expected) and len(best.unique()) > 1
        stood = one_slot(torch.zeros(6).long(), {"position": metres(run, expected), "rotation": torch.zeros(6)})
        other = posterior.propose(features, state, closeup, view, taken=[stood], gains=gains).place
        assert ((other - expected).norm(dim=-1) > 1e-4).any()


def worth_of(model: Air, place: Place, proposal: Proposal, closeup: Tensor) -> Tensor:
    """log p(x | ..) with the best of the likeliest identities there, each in the middle of its pose."""
    each = []
    for identity in proposal.identity.logits.topk(PAINTED, -1).indices.T:
        pose = model.posterior.pose(proposal, identity, closeup, place.view)
        one = one_slot(identity, {name: q.mode() for name, q in pose.items()})
        each.append(model.log_likelihood(model.paint(place, one).image, place.pictures, FORGIVING))
    return torch.stack(each).amax(0)


def metres(run: Run, place: Tensor) -> Tensor:
    return run.model.prior.to_metres(torch.nn.functional.pad(place, (0, 1)))

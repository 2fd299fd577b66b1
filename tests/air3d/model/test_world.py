"""What is believed of a picture's world, and that nothing else of it reaches the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from render_tools import random_view
from small_runs import example, small_run
from torch import Tensor

from air3d.model.air import Air, Step
from air3d.model.empty_table import empty_table
from air3d.model.likelihood import log_likelihood
from air3d.model.mode import Mode
from air3d.model.policies import Policy, sample
from air3d.model.unexplained import in_colours, in_noise
from air3d.model.world import FIELDS, LEAST_NOISE, World
from renderers.convert import to_torch
from scenes.scene import Scene, SceneConfig
from scenes.view import ARRAYS, View
from scenes.view_states import STATES, ViewStates

SCENE = Scene(SceneConfig(image_size=[20, 26]))
STEPS = 3


def world(**states: str) -> World:
    return World(ViewStates(**states), SCENE.configured)


def given() -> tuple[Tensor, View]:
    """Three pictures of tables with noise, and of each another view that is said of it."""
    torch.manual_seed(1)
    return 0.3 + 0.2 * torch.rand(3, 1, 1, 3) + 0.03 * torch.randn(3, 20, 26, 3), random_view(1)


def test_where_all_is_known_it_is_the_given_view_itself() -> None:
    pictures, view = given()
    assert world().believed(pictures, view) is view
    assert world(tint="inferred").believed(pictures, view) is view, "a tint is of the objects"


@pytest.mark.parametrize("part", FIELDS)
def test_what_varies_is_as_configured_and_all_else_as_given(part: str) -> None:
    pictures, view = given()
    believed = world(**{part: "varied"}).believed(pictures, view)
    for name in ARRAYS:
        found = getattr(believed, name)
        if name in FIELDS[part]:
            configured = getattr(to_torch(SCENE.configured), name)
            assert torch.equal(found, configured.expand_as(found)) and len(found) == 3, name
            assert not torch.equal(found[:1].expand_as(getattr(view, name)), getattr(view, name)) or part == "noise"
        else:
            assert found is getattr(view, name), name


def test_what_is_inferred_is_read_off_each_picture() -> None:
    pictures, view = given()
    table, noise = empty_table(pictures)
    both = world(background="inferred", noise="inferred").believed(pictures, view)
    assert torch.equal(both.background, table) and torch.equal(both.noise, noise)
    alone = world(background="inferred").believed(pictures, view)
    assert torch.equal(alone.background, table) and alone.noise is view.noise
    alone = world(noise="inferred").believed(pictures, view)
    assert torch.equal(alone.noise, noise) and alone.background is view.background
    gain = world(gain="inferred").believed(pictures, view).gain
    assert torch.equal(gain, torch.ones(3, 3)), "found with each object, not here"


def test_the_unit_of_what_is_left_is_the_noise_where_it_is_inferred() -> None:
    pictures, _ = given()
    assert torch.equal(world(background="inferred").noise_level(pictures), torch.ones(3))
    found = world(noise="inferred").noise_level(pictures)
    torch.testing.assert_close(found, torch.full((3,), (0.03**2 + LEAST_NOISE**2) ** 0.5), rtol=0.1, atol=0)


def test_each_believes_what_it_would_alone() -> None:
    pictures, view = given()
    of = world(background="inferred", noise="inferred", gain="inferred", light="varied", camera="varied")
    together = of.believed(pictures, view)
    for row in range(3):
        alone = of.believed(pictures[row : row + 1], view[row])
        for name in ARRAYS:
            torch.testing.assert_close(getattr(together, name)[row], getattr(alone, name)[0], rtol=1e-3, atol=1e-5)


def test_the_network_looks_in_units_of_noise_where_the_table_is_inferred(tmp_path: Path) -> None:
    for state, look in (("known", in_colours), ("varied", in_colours), ("inferred", in_noise)):
        model = small_run(tmp_path, "scene=tabletop", f"scene.view.background={state}").model
        assert model.posterior.encoder.unexplained is look


CLOSED = ["background=inferred", "noise=inferred", "gain=inferred", "light=varied", "tint=inferred", "outliers=0.01"]


def told_twice(folder: Path, *states: str) -> tuple[Air, Tensor, View, View]:
    """A network with these states that is of two minds about presence, pictures, the view that they were painted under
    and another one that differs in all but the camera."""
    run = small_run(folder, "scene=tabletop", *(f"scene.view.{state}" for state in states))
    torch.nn.init.zeros_(run.model.posterior.presence[-1].bias)
    pictures, view, _ = example(run, 4)
    pictures = (0.9 * pictures + 0.02 * torch.randn_like(pictures)).clamp(0, 1)
    other = random_view(3, 4, view.height, view.width)
    camera = {name: getattr(view, name) for name in FIELDS["camera"]}
    return run.model, pictures, view, replace(other, **camera)


def unrolled(model: Air, pictures: Tensor, view: View, policy: Policy, told: bool) -> list[Step]:
    torch.manual_seed(2)
    with torch.no_grad():
        return list(model.unroll(pictures, view, STEPS, policy, 2, pictures if told else None, model.sigma))


def saying(step: Step) -> dict[str, Tensor]:
    """All that the network is shown and says at a step, and what is decided on."""
    proposal, objects = step.proposal, step.decision.objects
    said = {name: getattr(proposal, name) for name in ("presence_logit", "attended", "place", "state")}
    decided = {name: getattr(objects, name) for name in ("identity", "position", "rotation", "presence")}
    return {"closeup": step.closeup, "identity logits": proposal.identity.logits, **said, **decided}


@pytest.mark.parametrize("policy", ["sample", "mode"])
def test_nothing_of_the_true_world_reaches_the_network(tmp_path: Path, policy: str) -> None:
    """Told of one world, of another or of none, it sees, says and decides the same at every step; what is painted, and
    compared with the pictures, is what it was told."""
    model, pictures, view, other = told_twice(tmp_path, *CLOSED)
    runs = {
        name: unrolled(model, pictures, each, sample if policy == "sample" else Mode(0, -1.0), told)
        for name, each, told in (("one", view, True), ("another", other, True), ("none", other, False))
    }
    for one, another, none in zip(*runs.values(), strict=True):
        for name, value in saying(one).items():
            assert torch.equal(value, saying(another)[name]) and torch.equal(value, saying(none)[name]), name
        assert (one.image - another.image).flatten(1).abs().amax(1).min() > 0.05
        assert torch.equal(one.place.view.background, view.background.repeat_interleave(2, 0))
        assert torch.equal(another.place.view.light, other.light.repeat_interleave(2, 0))
        assert torch.equal(none.place.view.background, empty_table(pictures)[0].repeat_interleave(2, 0))
        assert one.place.told and not none.place.told


def test_what_is_not_told_is_not_used_at_all(tmp_path: Path) -> None:
    """Where nothing but the camera is known, bounds of untold pictures do not depend on what is said of them."""
    model, pictures, view, other = told_twice(tmp_path, *CLOSED)
    bounds = {}
    for told in (True, False):
        for name, each in (("one", view), ("another", other)):
            torch.manual_seed(3)
            with torch.no_grad():
                bounds[told, name] = model.elbo(pictures, each, 0.1, pictures if told else None)
    assert torch.equal(bounds[False, "one"], bounds[False, "another"])
    assert ((bounds[True, "one"] - bounds[True, "another"]).abs() > 10).all()


@pytest.mark.parametrize("part", [part for part in FIELDS if part != "camera"])
def test_parts_that_are_known_are_seen(tmp_path: Path, part: str) -> None:
    """The test above would notice it: with one part known, another one of it is another picture of the canvas."""
    states = [f"{other}=varied" for other in FIELDS if other not in ("camera", part)]
    model, pictures, view, _ = told_twice(tmp_path, *states)
    changed = {name: 0.7 * getattr(view, name) + 0.1 for name in FIELDS[part] if name != "light"}
    first, second = (
        unrolled(model, pictures, each, Mode(0, -1.0), False)[1].closeup for each in (view, replace(view, **changed))
    )
    assert torch.equal(first, second) == (part == "noise"), "noise is no part of a painting"


def test_where_all_is_known_being_told_changes_nothing(tmp_path: Path) -> None:
    model, pictures, view, _ = told_twice(tmp_path)
    bounds = []
    for told in (True, False):
        torch.manual_seed(3)
        bounds.append(model.elbo(pictures, view, 0.3, pictures if told else None))
    assert torch.equal(*bounds)


def test_who_is_told_compares_with_the_true_table(tmp_path: Path) -> None:
    """An empty, textured table under its own view is explained without any object."""
    model, pictures, view, _ = told_twice(tmp_path, *[state for state in CLOSED if "outliers" not in state])
    table = torch.rand_like(pictures)
    textured = replace(view, background=table)
    with torch.no_grad():
        told, untold = (model.elbo_terms(table, textured, 1, 0.1, painting=x)[0] for x in (table, None))
    perfect = log_likelihood(table, table, 0.1)
    torch.testing.assert_close(told.log_likelihood[:, 0, 0], perfect)
    assert (untold.log_likelihood[:, 0, 0] < perfect - 1000).all()


def test_a_share_of_outliers_is_the_likelihood_of_the_bound(tmp_path: Path) -> None:
    model, pictures, view, _ = told_twice(tmp_path, "outliers=0.01")
    black = torch.zeros_like(pictures)
    forgiving = model.log_likelihood(black, pictures, 0.05)
    model.world.states.outliers = 0.0
    assert torch.equal(model.log_likelihood(black, pictures, 0.05), log_likelihood(black, pictures, 0.05))
    assert (forgiving > log_likelihood(black, pictures, 0.05)).all()
    model.world.states.outliers = 0.01
    with torch.no_grad():
        terms, _ = model.elbo_terms(pictures, view, 1, 0.05)
    empty = model.renderer.develop(model.renderer.blank(view), view)
    torch.testing.assert_close(terms.log_likelihood[:, 0, 0], model.log_likelihood(empty, pictures, 0.05))


def test_states_are_those_of_the_table() -> None:
    assert set(FIELDS) == set(STATES) - {"tint"}
    assert sorted(name for names in FIELDS.values() for name in names) == sorted(
        set(ARRAYS) - {"lamp", "blur", "tone", "jpeg"}
    )

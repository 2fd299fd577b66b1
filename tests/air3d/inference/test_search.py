"""Optimisation through the renderer: it finds what is there, and refines without harm."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run
from torch import Tensor

from air3d.evaluation.matching import match
from air3d.evaluation.metrics import score
from air3d.inference.greedy import Inference
from air3d.inference.refine import with_yaw, wrapped
from air3d.inference.relight import relit
from air3d.inference.search import Search, SearchConfig
from air3d.model.likelihood import log_likelihood
from air3d.training.run import Run
from renderers.convert import to_numpy
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.view import View


def made(tmp_path: Path, *overrides: str, **settings: float) -> tuple[Run, Search]:
    run = small_run(tmp_path, "scene=tabletop", "scene.image_size=48", *overrides)
    config = SearchConfig(**settings)  # type: ignore[arg-type]
    return run, Search(run.model, run.scene, config, 0.3)


def test_refining_brings_objects_home_and_never_explains_less(tmp_path: Path) -> None:
    run, search = made(tmp_path, refine=60)
    pictures, view, truth = example(run, 12, seed=5)
    there = replace(truth, presence=truth.presence.float())
    torch.manual_seed(0)
    off = replace(there, position=there.position.clone(), rotation=there.rotation.clone())
    off.position[..., :2] += 0.008 * torch.randn_like(off.position[..., :2])
    refined = search.refine(pictures, view, off)
    wrong, right = (match(search.inference(pictures, view, o).objects, truth).distance for o in (off, refined))
    assert right.mean() < 0.2 * wrong.mean()

    def explained(objects: Objects) -> Tensor:
        return log_likelihood(run.renderer.render(objects, view), pictures, 0.3)

    assert (explained(refined) >= explained(off)).all()


def test_a_sheet_of_paper_over_an_object_does_not_move_it_where_the_model_has_outliers(tmp_path: Path) -> None:
    """Refined in the colours and with the outliers of the model: under the plain likelihood it would flee or grow."""
    off = {}
    for share in (0.0, 0.01):
        scene = "scene.view.light=known", "scene.view.gain=known", "scene.view.background=known", "scene.max_objects=1"
        run, search = made(tmp_path, "scene=tabletop_varied", *scene, f"scene.view.outliers={share}", refine=40)
        _, view, truth = example(run, 12, seed=5, count=1)
        pictures = run.renderer.render(replace(truth, presence=truth.presence.float()), view)
        middle = run.scene.camera.to_pixels(run.scene.camera.project(truth.position[:, 0].double().numpy()))
        for picture, (column, _) in zip(pictures, middle.round().astype(int), strict=True):
            picture[:, column + 1 :] = 1.0
        said = Inference(replace(truth, presence=truth.presence > 0.5), [], torch.ones(12, 1), [], [])
        moved = search.refined(pictures, view, said).objects.position - truth.position
        off[share] = moved.norm(dim=-1).mean()
    assert off[0.01] < 0.5 * off[0.0], off


def test_the_light_that_was_misread_is_found_once_the_objects_are(tmp_path: Path) -> None:
    run, search = made(tmp_path, "scene=tabletop_varied", "scene.vary.table=[0.3,0.4]", refine=60)
    _, view, truth = example(run, 8, seed=5, count=3)
    there = replace(truth, presence=truth.presence.float())
    pictures = run.renderer.render(there, view)
    misread = replace(view, light=torch.tensor([[0.0, 0.0, 1.0]]).expand(8, 3), diffuse=view.diffuse * 0.7)

    def explained(view: View) -> Tensor:
        return search.explained(search.painted(pictures, view, there), pictures)

    lit = relit(run.model.world, misread, explained, 60)
    before, after = ((seen.light * view.light).sum(-1).clamp(-1, 1).acos().rad2deg() for seen in (misread, lit))
    assert after.mean() < 0.5 * before.mean() and explained(lit).sum() > explained(misread).sum()
    known, _ = made(tmp_path / "known")
    assert relit(known.model.world, misread, explained, 60) is misread


def test_search_finds_what_is_there_and_empty_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("air3d.inference.search.ROWS", 20)  # some poses at a time
    run, search = made(tmp_path, starts=8, refine=20)
    pictures, view, truth = example(run, 8, seed=7)
    found = search.search(pictures, view, 4)
    scores = score(to_numpy(found.objects), truth, run.scene.catalogue.symmetries, found.rho.numpy())
    assert set(truth.count.tolist()) == {0, 1, 2, 3}
    assert scores["count_accuracy"] == scores["detection_rate"] == scores["identity_accuracy"] == 1
    assert scores["position_error_median_m"] < 0.001 and len(found.images) == 5
    empty, last = ((found.images[step] - pictures).square().mean() for step in (0, -1))
    assert last < 0.05 * empty


def test_what_stands_behind_another_is_found_beside_it(tmp_path: Path) -> None:
    """Small things that touch and are hidden by four fifths at most: no peaks of a scan of the empty table."""
    crowd = "scene.table=[0.45,0.45]", "scene.gap=0.0", "scene.max_hidden=0.8", "scene.tries=1000"
    run, search = made(tmp_path, *crowd, refine=20)
    pictures, view, truth = example(run, 6, seed=3, count=3)
    found = search.search(pictures, view, 4).objects
    assert torch.equal(found.count, truth.count)
    assert torch.equal(found.identity.sort().values[:, -3:], truth.identity.sort().values)


def test_without_repeats_every_mesh_is_there_once(tmp_path: Path) -> None:
    run, search = made(tmp_path, "scene.repeats=false", starts=6, refine=5)
    _, view, truth = example(run, 2, seed=3, count=2)
    twice = replace(truth, identity=truth.identity[:, :1].expand(-1, truth.slots).clone())
    found = search.search(run.renderer.render(twice, view), view, 4).objects
    for identity, there in zip(found.identity, found.presence, strict=True):
        assert identity[there].unique().numel() == there.sum() >= 1


def test_it_is_searched_again_in_the_light_that_was_found(tmp_path: Path) -> None:
    scene = "scene=tabletop_varied", "scene.vary.table=[0.3,0.4]", "scene.max_objects=1"
    run, search = made(tmp_path, *scene, starts=3, steps=20, refine=20)
    _, view, truth = example(run, 4, seed=5, count=1)
    pictures = run.renderer.render(replace(truth, presence=truth.presence.float()), view)
    lights: list[Tensor] = []
    search.sigma, settled = 0.1, search.settled  # a grey mug on a grey table is worth little at 0.3
    search.settled = lambda table, sets: (lights.append(table.view.light), settled(table, sets))[1]  # type: ignore
    believed = run.model.world.believed(pictures, view)
    found = search.search(pictures, believed, 1).objects
    assert len(lights) >= 8 and not torch.equal(lights[0], lights[1])
    assert torch.equal(found.identity, truth.identity) and found.presence.all()
    noise = believed.noise[0].item()
    assert noise > 0 and search.at(believed[:1]).sigma == pytest.approx(math.hypot(0.1, noise))


def test_refining_turns_what_looks_the_wrong_way(tmp_path: Path) -> None:
    """Saucepans that a network turned by half a circle, among others: no descent finds back from there."""
    run, search = made(tmp_path, refine=20)
    _, view, right = example(run, 6, seed=3, count=3)
    right.identity[:, 0] = run.scene.catalogue.names.index("saucepan")
    pictures = run.renderer.render(right, view)
    wrong = with_yaw(right, 0, wrapped(right.rotation[:, 0] + math.pi))
    said = Inference(replace(wrong, presence=wrong.presence > 0.5), [], torch.ones(6, 3), [], [])
    refined = search.refined(pictures, view, said)
    off = wrapped(refined.objects.rotation[:, 0] - right.rotation[:, 0]).abs()
    assert off.max() < 0.05 and (refined.reconstruction - pictures).square().mean() < 1e-4
    torch.testing.assert_close(refined.objects.position, wrong.position, atol=0.003, rtol=0)
    assert torch.equal(refined.rho, said.rho), "how sure the network was stays"


def test_angles_are_wrapped_to_the_half_open_circle() -> None:
    angles = torch.tensor([0.0, math.pi, -math.pi, 3 * math.pi / 2, -7.0])
    expected = torch.tensor([0.0, math.pi, math.pi, -math.pi / 2, -7.0 + 2 * math.pi])
    torch.testing.assert_close(wrapped(angles), expected)


def test_what_it_does_not_know_it_says() -> None:
    with pytest.raises(UserError, match="model=dirct"):
        SearchConfig("dirct")
    with pytest.raises(UserError, match=r"model\.starts"):
        SearchConfig(starts=0)

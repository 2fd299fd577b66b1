"""Beginning with a network of other meshes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run, small_trainer

from air3d.model.mode import Mode
from air3d.training.checkpoint import begin_with
from air3d.training.other_catalogue import chosen
from scenes import crockery
from scenes.catalogue import CATALOGUES, Catalogue, catalogue
from scenes.errors import UserError


@pytest.fixture
def more(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """The crockery in another order, and a tray, which is as large as a plate: places are shares of what all leave."""
    trays = (lambda: replace(crockery.plate(), name="tray"), *CATALOGUES["crockery"][::-1])
    monkeypatch.setitem(CATALOGUES, "more", trays)
    catalogue.cache_clear()
    return catalogue("more")


def test_what_both_name_is_said_as_before(tmp_path: Path, more: Catalogue) -> None:
    """Of the same pictures the new network says the same, its identities in their own order."""
    trainer = small_trainer(tmp_path / "old", "scene=tabletop")
    old = trainer.run.model
    with torch.no_grad():
        for weight in old.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    trainer.save("last.pt")
    run = small_run(tmp_path / "new", "scene=tabletop", "scene.catalogue=more")
    _, new = begin_with(run, tmp_path / "old", other_meshes=True)
    assert new == ["tray"]
    pictures, view, _ = example(trainer.run, 6)
    order = [more.names.index(name) for name in trainer.run.scene.catalogue.names]
    with torch.no_grad():
        said = [next(model.unroll(pictures, view, 1, Mode(0, -1.0))).proposal for model in (old, run.model)]
    torch.testing.assert_close(said[1].presence_logit, said[0].presence_logit)
    logits = [x.identity.logits for x in said]
    torch.testing.assert_close(logits[1][:, order].log_softmax(-1), logits[0].log_softmax(-1))


def test_what_both_name_is_read_as_before(tmp_path: Path, more: Catalogue) -> None:
    """Place and yaw of each identity, which closer looks are told."""
    trainer = small_trainer(tmp_path / "old", "scene=tabletop")
    trainer.save("last.pt")
    run = small_run(tmp_path / "new", "scene=tabletop", "scene.catalogue=more")
    begin_with(run, tmp_path / "old", other_meshes=True)
    pictures, view, _ = example(trainer.run, 6)
    order = torch.tensor([more.names.index(name) for name in trainer.run.scene.catalogue.names])
    identity, poses = torch.arange(6) % 4, []
    for model, known in ((trainer.run.model, identity), (run.model, order[identity])):
        with torch.no_grad():
            step = next(model.unroll(pictures, view, 1, Mode(0, -1.0)))
            poses.append(model.posterior.pose(step.proposal, known, step.closeup, view))
    for name in ("position", "rotation"):
        torch.testing.assert_close(poses[1][name].mode(), poses[0][name].mode(), rtol=1e-4, atol=1e-5)


def test_a_new_identity_begins_as_the_mean() -> None:
    rows = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert chosen(rows, ["a", "b"], ["b", "c"]).tolist() == [[3.0, 6.0], [2.0, 4.0]]


def test_other_meshes_are_told_unless_they_are_wanted(tmp_path: Path, more: Catalogue) -> None:
    small_trainer(tmp_path / "old", "scene=tabletop").save("last.pt")
    run = small_run(tmp_path / "new", "scene=tabletop", "scene.catalogue=more")
    with pytest.raises(UserError, match="was trained on"):
        begin_with(run, tmp_path / "old")

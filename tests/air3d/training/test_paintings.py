"""What a training and its validation hand to the objective: photographs, and beside them what was painted of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from small_runs import small_trainer
from torch import Tensor

from air3d.model.air import Air
from air3d.splits import train_seed, validation_seed
from renderers.convert import to_torch
from renderers.sensor import photograph


def test_a_step_sees_photographs_of_what_was_painted(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "scene=tabletop_varied")
    pictures, painting, view, truth = trainer.scenes()
    assert torch.equal(painting, trainer.run.renderer.render(to_torch(truth), view))
    assert torch.equal(pictures, photograph(painting, view, [(train_seed(0), row) for row in range(4)]))
    assert ((pictures - painting).abs().mean((1, 2, 3)) > 5e-3).all()
    given = []

    def objective(*arguments: Any) -> tuple[Tensor, dict[str, float]]:
        given.extend(arguments)
        return torch.zeros(()), {}

    objective.labelled = False
    trainer.objective = objective  # type: ignore[assignment]
    weights = trainer.settings.schedule.at(0.0)
    trainer.loss(weights)
    assert torch.equal(given[0], pictures) and given[2] is weights and given[3] is None
    assert torch.equal(given[4], painting)


def test_validation_judges_photographs_by_what_was_painted(tmp_path: Path, monkeypatch) -> None:
    trainer = small_trainer(tmp_path, "scene=tabletop_varied")
    validation, asked, elbo = trainer.validation, [], Air.elbo
    seeds = [(validation_seed(0), row) for row in range(8)]
    painting = trainer.run.renderer.render(to_torch(validation.truth), validation.view)
    torch.testing.assert_close(validation.painting, painting, rtol=0, atol=1e-5)
    assert torch.equal(validation.pictures, photograph(validation.painting, validation.view, seeds))
    assert ((validation.pictures - validation.painting).abs().mean((1, 2, 3)) > 5e-3).all()

    def watched(self: Air, pictures: Tensor, view: Any, sigma: float, painting: Tensor | None = None) -> Tensor:
        asked.append((pictures, painting))
        return elbo(self, pictures, view, sigma, painting)

    monkeypatch.setattr(Air, "elbo", watched)
    validation(0, 0.0)
    ((pictures, painting),) = asked
    assert torch.equal(pictures, validation.pictures) and torch.equal(painting, validation.painting)

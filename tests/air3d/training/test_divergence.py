"""Numbers that are none end a training in one line, wherever they begin, and before anything learns from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_runs import small_trainer

from air3d.model.distributions import Choice
from air3d.training.trainer import Trainer
from scenes.errors import UserError


def refuses(trainer: Trainer) -> None:
    """The next step ends in the trainer's one line, and leaves every weight as it was."""
    modules = trainer.run.model.posterior, trainer.objective.learned
    before = [weights.clone() for module in modules for weights in module.parameters()]
    with pytest.raises(UserError, match="stopped being a number at step 0: begin a new run with trainer") as told:
        trainer.train_step()
    assert "\n" not in str(told.value)
    after = [weights for module in modules for weights in module.parameters()]
    assert all(torch.equal(*pair.nan_to_num()) for pair in map(torch.stack, zip(before, after, strict=True)))


@pytest.mark.parametrize("choice", ["gradient=enumerate_counts", "gradient=nvil", "model=supervised"])
@pytest.mark.parametrize("part", ["encoder", "recurrence", "presence", "identity", "correction", "latents.rotation"])
def test_weights_that_are_no_numbers_are_told_in_one_line(tmp_path: Path, choice: str, part: str) -> None:
    trainer = small_trainer(tmp_path, "scene=tabletop", choice)
    with torch.no_grad():
        for weights in trainer.run.model.posterior.get_submodule(part).parameters():
            weights.fill_(torch.nan)
    refuses(trainer)


def test_a_baseline_that_is_no_number_is_noticed(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "gradient=nvil")
    with torch.no_grad():
        trainer.objective.surrogate.baseline[-1].bias.fill_(torch.nan)
    refuses(trainer)


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_gradient_of_the_baseline_alone_is_noticed(tmp_path: Path, poison: float) -> None:
    """The loss is a number and so is the posterior's gradient; only what the baseline would learn is none."""
    trainer = small_trainer(tmp_path, "gradient=nvil")
    trainer.objective.surrogate.baseline[0].weight.register_hook(lambda gradient: gradient + poison)
    refuses(trainer)


def test_what_is_drawn_by_logits_that_are_numbers_does_not_depend_on_others() -> None:
    """Rows that are no numbers get an answer that exists; the others draw as the categorical of torch does."""
    logits = torch.randn(50, 4)
    broken = logits.clone()
    broken[::7] = torch.nan
    torch.manual_seed(1)
    expected = torch.distributions.Categorical(logits=logits).sample()
    torch.manual_seed(1)
    assert torch.equal(Choice(logits=logits).sample(), expected)
    torch.manual_seed(1)
    drawn, fine = Choice(logits=broken).sample(), ~broken.isnan().any(1)
    assert torch.equal(drawn[fine], expected[fine]) and ((drawn >= 0) & (drawn < 4)).all()

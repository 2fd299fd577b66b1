"""What a training step maximises, one file for each `model=`: the ELBO of pictures alone, or the density of labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from air3d.checkpoint import Run
from air3d.draws import Schedule
from air3d.objectives.elbo import Elbo
from air3d.objectives.labels import Labels
from scenes.errors import UserError, nearest
from scenes.objects import Objects


class Objective(Protocol):
    """`learned` is what the objective trains for itself, beside the network. `labelled` ones are given the truth."""

    learned: nn.Module
    labelled: bool

    def __call__(
        self, pictures: Float[Tensor, "picture height width 3"], at: Schedule, truth: Objects | None
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The loss of a batch, and what to report of it."""
        ...

    def judge(self, pictures: Float[Tensor, "picture height width 3"], truth: Objects, elbo: float) -> float:
        """The number by which the best checkpoint is chosen; `elbo` is that of these validation pictures, in nats."""
        ...


OBJECTIVES: dict[str, Callable[[Any], Objective]] = {"air": Elbo, "supervised": Labels}


def objective(run: Run) -> Objective:
    """The objective of `run.config.model.name`. Raises UserError for a model that is not trained."""
    name = run.config.model.name
    if name not in OBJECTIVES:
        raise UserError(f"model={name} is unknown; {nearest(name, OBJECTIVES)}")
    return OBJECTIVES[name](run)

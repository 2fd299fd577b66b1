"""What a training step maximises, one file for each `model=`: the ELBO of pictures alone, or the density of labels."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from air3d.gradients import GradientConfig
from air3d.model.air import Air
from air3d.objectives.elbo import Elbo
from air3d.objectives.labels import Labels, SupervisedConfig
from air3d.objectives.weights import Weights
from scenes.errors import UserError, nearest
from scenes.objects import Objects
from scenes.view import View


@runtime_checkable
class Objective(Protocol):
    """`learned` is what the objective trains for itself, beside the `model`. `labelled` ones are given the truth."""

    model: Air
    learned: nn.Module
    labelled: bool

    def __call__(
        self,
        pictures: Float[Tensor, "picture height width 3"],
        view: View,
        weights: Weights,
        truth: Any,
        painting: Float[Tensor, "picture height width 3"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The loss of a batch, and what to report of it. `painting`: what the pictures show before the sensor, of those
        that were painted under that `view`; of others no more of it is known than `scene.view` says."""
        ...

    def validation_score(
        self, pictures: Float[Tensor, "picture height width 3"], view: View, truth: Objects, elbo: float
    ) -> float:
        """The number by which the best checkpoint is chosen; `elbo` is that of these validation pictures, in nats."""
        ...


OBJECTIVES = ("air", "supervised")


def objective(
    model: Air, symmetries: tuple[int, ...], gradient: GradientConfig, supervised: SupervisedConfig
) -> Objective:
    """The objective of the model's `name`. `symmetries`: those of the catalogue. UserError for an unknown name."""
    name = model.posterior.config.name
    if name not in OBJECTIVES:
        raise UserError(f"model={name} is unknown; {nearest(name, OBJECTIVES)}")
    return Labels(model, supervised, symmetries) if name == "supervised" else Elbo(model, gradient, symmetries)


__all__ = ["OBJECTIVES", "Elbo", "Labels", "Objective", "SupervisedConfig", "Weights", "objective"]

"""Estimators of the gradient of the ELBO, one file each; `gradient=NAME` picks one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from air3d.elbo import Trace
from air3d.gradients import enumerate_counts
from scenes.errors import UserError, nearest


class Estimator(Protocol):
    def __call__(
        self, trace: Trace, log_prior: Float[Tensor, " count"], min_count: int, blend: float = 1.0, heat: float = 0.0
    ) -> Float[Tensor, " picture"]: ...


ESTIMATORS: dict[str, Estimator] = {"enumerate_counts": enumerate_counts.surrogate}


@dataclass
class GradientConfig:
    """Which estimator, how many draws of the posterior a picture gets, and whether yaw bins are summed out."""

    name: str = "enumerate_counts"
    samples: int = 4
    sum_yaw: bool = True

    def __post_init__(self) -> None:
        if self.name not in ESTIMATORS:
            raise UserError(f"gradient={self.name} is unknown; {nearest(self.name, ESTIMATORS)}")
        if self.samples < 1:
            raise UserError(f"gradient.samples must be at least 1, not {self.samples}")


def estimator(config: GradientConfig) -> Estimator:
    return ESTIMATORS[config.name]

"""Estimators of the gradient of the ELBO, one file each; `gradient=NAME` picks one.

All of them turn a trace into one scalar for each picture, whose gradient is the estimate. They differ in what is summed
exactly and in what the rest is compared with:

    name               presence    identity                            baseline
    nvil               sampled     sampled                             a network that is learned alongside
    leave_one_out      sampled     sampled                             the other samples of the same picture
    enumerate_counts   summed      sampled                             the other samples of the same picture
    local_expectation  summed      summed, a step at a time            the other samples of the same picture
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from air3d.gradients import enumerate_counts, leave_one_out, local_expectation, nvil
from air3d.model.elbo import ElboTerms
from scenes.errors import UserError, nearest


@runtime_checkable
class Estimator(Protocol):
    """A function, or a module where there is something to learn: then its parameters are trained and saved as well."""

    def __call__(
        self, terms: ElboTerms, log_prior: Float[Tensor, " count"], min_count: int
    ) -> Float[Tensor, " picture"]: ...


@dataclass(frozen=True)
class Kind:
    """How to build an estimator, given the network's hidden units, and which fields of `ElboTerms` it needs besides."""

    build: Callable[[int], Estimator]
    needs: str | None = None
    least_samples: int = 1
    sums_yaw: bool = True


ESTIMATORS: dict[str, Kind] = {
    "nvil": Kind(lambda hidden: nvil.Nvil(nvil.context_size(hidden)), needs="context", sums_yaw=False),
    "leave_one_out": Kind(lambda hidden: leave_one_out.surrogate, least_samples=2, sums_yaw=False),
    "enumerate_counts": Kind(lambda hidden: enumerate_counts.surrogate),
    "local_expectation": Kind(lambda hidden: local_expectation.surrogate, needs="identity_expectation"),
}


@dataclass
class GradientConfig:
    """Which estimator, how many draws of the posterior a picture gets, and whether yaw bins are summed out.

    `baseline_learning_rate` is that of nvil's network. `prior_odds` makes each further object that many times likelier
    at first, and falls to 1 in the first half of the training (training/schedules.py).
    """

    name: str = "enumerate_counts"
    samples: int = 2
    sum_yaw: bool = True
    baseline_learning_rate: float = 3e-3
    prior_odds: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in ESTIMATORS:
            raise UserError(f"gradient={self.name} is unknown; {nearest(self.name, ESTIMATORS)}")
        least = ESTIMATORS[self.name].least_samples
        if self.samples < least:
            raise UserError(f"gradient.samples must be at least {least} with {self.name}, not {self.samples}")
        if self.sum_yaw and not ESTIMATORS[self.name].sums_yaw:
            raise UserError(f"{self.name} samples the yaw bin: it needs gradient.sum_yaw=false")
        if not self.baseline_learning_rate > 0:
            raise UserError(f"gradient.baseline_learning_rate must be above 0, not {self.baseline_learning_rate}")
        if not self.prior_odds > 0:
            raise UserError(f"gradient.prior_odds={self.prior_odds} must be above 0; 1 is the scene's prior")

    def needs(self, field: str) -> bool:
        """Whether the estimator needs that field of `ElboTerms`."""
        return ESTIMATORS[self.name].needs == field


def estimator(config: GradientConfig, hidden: int) -> Estimator:
    """The estimator of that name, for a network with so many hidden units."""
    return ESTIMATORS[config.name].build(hidden)

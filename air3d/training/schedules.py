"""How the wake-phase term, the learning rate and the count prior move, as training goes from 0 to 1 (the end)."""

from __future__ import annotations

from dataclasses import dataclass

from air3d.objectives.weights import Weights
from scenes.errors import UserError

RATE_FROM, RATE_END = 0.5, 0.1
"""The learning rate is constant for this share of the training, then falls linearly to that share of what it was: the
last millimetres need small steps, and no other half or tenth was found to be better."""

PRIOR_UNTIL = 0.5
"""Share of the training in which `gradient.prior_odds` falls geometrically to 1: the paper's way to have objects
believed in, for `gradient=nvil` alone."""

COARSE = 0.3
"""The least pixel noise by which the wake-phase term compares alternatives. Poses are drawn, and never quite right: a
finer one says how well each was drawn, not which identity it is, and saucepans became plates."""

SIGMA_FROM, SIGMA_UNTIL = 0.3, 0.8
"""Shares of the training between which sigma falls geometrically to `sigma_end`."""


@dataclass
class ScheduleConfig:
    """sigma: pixel noise of the likelihood; sigma_end: what it falls to, null for no fall. wake_phase: nats on how far
    counts, identities and yaw bins are from what the renderer says of them (objectives/wake_phase.py), at a sigma of
    `COARSE` or more, and so much more at a smaller one that it weighs the same in the loss; falls linearly to 0 at the
    end."""

    sigma: float = 0.3
    sigma_end: float | None = None
    wake_phase: float = 80.0

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise UserError(f"trainer.schedule.sigma={self.sigma} must be above 0")
        if self.sigma_end is not None and not 0 < self.sigma_end <= self.sigma:
            raise UserError(f"trainer.schedule.sigma_end={self.sigma_end} must be above 0 and at most sigma, or null")
        if self.wake_phase < 0:
            raise UserError(f"trainer.schedule.wake_phase={self.wake_phase} must be 0 or more; 0 leaves it out")

    def at(self, progress: float) -> Weights:
        """The weights at `progress` in [0, 1]."""
        sigma = self.sigma_at(progress)
        coarse = max(sigma, COARSE)
        wake_phase = self.wake_phase * (1 - progress) * (coarse / sigma) ** 2  # the loss is in units of sigma^2
        return Weights(sigma, coarse, wake_phase, 1 - ramp(progress, 0, PRIOR_UNTIL))

    @property
    def last_sigma(self) -> float:
        """That of the trained network."""
        return self.sigma if self.sigma_end is None else self.sigma_end

    def sigma_at(self, progress: float) -> float:
        share = ramp(progress, SIGMA_FROM, SIGMA_UNTIL)
        return self.sigma * (self.last_sigma / self.sigma) ** share if share else self.sigma

    def rate(self, progress: float) -> float:
        """Factor on the learning rate."""
        return 1 - (1 - RATE_END) * ramp(progress, RATE_FROM, 1)


def ramp(progress: float, start: float, end: float) -> float:
    """0 before `start`, 1 from `end` on, straight in between; a step where the two are one."""
    if progress >= end:
        return 1.0
    return 0.0 if progress <= start else (progress - start) / (end - start)

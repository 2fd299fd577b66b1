"""How sigma, pyramid, heat and warm phase move as training goes from 0 (nothing done) to 1 (all of it)."""

from __future__ import annotations

from dataclasses import dataclass

from air3d.air import Schedule
from scenes.errors import UserError


@dataclass
class ScheduleConfig:
    """Everything is laid over the training that was asked for: `*_until` are shares of it, between 0 and 1.

    sigma falls geometrically, the pyramid linearly to 0, and the warm phase (pose and identity see every count alike)
    gives way to the ELBO between `warm_until` and `blend_until`. The heats, in squared error of a picture, weigh the KL
    of count, identity and yaw bin until `*_until`: without them every object soon becomes the one that costs least on
    average, before the network has learned to tell them apart, and a saturated softmax never comes back.
    """

    sigma_start: float = 3.0
    sigma_end: float = 0.3
    sigma_until: float = 0.5
    pyramid_until: float = 0.4
    count_heat: float = 1000.0
    count_until: float = 0.25
    identity_heat: float = 500.0
    identity_until: float = 0.3
    yaw_heat: float = 30.0
    yaw_until: float = 0.35
    warm_until: float = 0.02
    blend_until: float = 0.15
    rate_end: float = 0.1

    def __post_init__(self) -> None:
        if not self.sigma_start >= self.sigma_end > 0:
            raise UserError(f"sigma must fall to a positive value, not from {self.sigma_start} to {self.sigma_end}")
        if self.blend_until < self.warm_until:
            raise UserError(f"blend_until={self.blend_until} lies before warm_until={self.warm_until}")

    def at(self, progress: float) -> Schedule:
        """The values at `progress` in [0, 1]."""
        sigma = self.sigma_start * (self.sigma_end / self.sigma_start) ** ramp(progress, 0, self.sigma_until)
        return Schedule(
            sigma=sigma,
            pyramid=1 - ramp(progress, 0, self.pyramid_until),
            count_heat=self.count_heat / (2 * sigma**2) * (1 - ramp(progress, 0, self.count_until)),
            identity_heat=self.identity_heat / (2 * sigma**2) * (1 - ramp(progress, 0, self.identity_until)),
            yaw_heat=self.yaw_heat / (2 * sigma**2) * (1 - ramp(progress, 0, self.yaw_until)),
            blend=ramp(progress, self.warm_until, self.blend_until),
        )

    def rate(self, progress: float) -> float:
        """Factor on the learning rate: constant until sigma has fallen, then linearly down to `rate_end`."""
        return 1 - (1 - self.rate_end) * ramp(progress, self.sigma_until, 1)

    def final(self) -> Schedule:
        """The plain ELBO at the final sigma, which validation and evaluation report."""
        return self.at(1.0)


def ramp(progress: float, start: float, end: float) -> float:
    """0 before `start`, 1 from `end` on, straight in between."""
    if progress >= end:
        return 1.0
    return max(0.0, (progress - start) / (end - start))

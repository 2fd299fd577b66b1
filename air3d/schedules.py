"""How sigma, pyramid, sharpness and warm phase move as training goes from 0 (nothing done) to 1 (all of it)."""

from __future__ import annotations

from dataclasses import dataclass

from air3d.air import Schedule
from scenes.errors import UserError


@dataclass
class ScheduleConfig:
    """Everything is laid over the training that was asked for: `*_until` are shares of it, between 0 and 1.

    sigma falls geometrically, the pyramid linearly to 0, and the warm phase (pose and identity see every count alike)
    gives way to the ELBO between `warm_until` and `blend_until`. Identities are drawn evenly until `identity_from` and
    from the network alone after `identity_until`; yaw bins likewise. Drawn from the network from the first step on,
    every object becomes the one that costs least where nothing is, and a saturated softmax never comes back.
    """

    sigma_start: float = 3.0
    sigma_end: float = 0.3
    sigma_until: float = 0.6
    pyramid_until: float = 0.6
    identity_from: float = 0.1
    identity_until: float = 0.4
    yaw_from: float = 0.2
    yaw_until: float = 0.5
    warm_until: float = 0.2
    blend_until: float = 0.5
    rate_end: float = 0.1

    def __post_init__(self) -> None:
        if not self.sigma_start >= self.sigma_end > 0:
            raise UserError(f"sigma must fall to a positive value, not from {self.sigma_start} to {self.sigma_end}")
        for start, end in (("warm", "blend"), ("identity", "identity"), ("yaw", "yaw")):
            first = f"{start}_until" if start == "warm" else f"{start}_from"
            if getattr(self, first) > getattr(self, f"{end}_until"):
                raise UserError(f"trainer.schedule.{first} must not lie after trainer.schedule.{end}_until")

    def at(self, progress: float) -> Schedule:
        """The values at `progress` in [0, 1]."""
        sigma = self.sigma_start * (self.sigma_end / self.sigma_start) ** ramp(progress, 0, self.sigma_until)
        return Schedule(
            sigma=sigma,
            pyramid=1 - ramp(progress, 0, self.pyramid_until),
            identity_sharpness=ramp(progress, self.identity_from, self.identity_until),
            yaw_sharpness=ramp(progress, self.yaw_from, self.yaw_until),
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

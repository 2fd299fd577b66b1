"""How sigma, pyramid, heat and warm phase move as training goes from 0 (nothing done) to 1 (all of it)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from air3d.air import Schedule
from renderers import RendererConfig
from scenes.errors import UserError


@dataclass
class ScheduleConfig:
    """Everything is laid over the training that was asked for: `*_until` are shares of it, between 0 and 1.

    sigma falls geometrically, the pyramid linearly to 0, and the warm phase (pose and identity see every count alike)
    gives way to the ELBO between `warm_until` and `blend_until`. The heats, in squared error of a picture, weigh the KL
    of count, identity and yaw bin until `*_until`: without them every object soon becomes the one that costs least on
    average, before the network has learned to tell them apart, and a saturated softmax never comes back. `prior_odds`
    makes each further object that many times likelier at first; it falls geometrically to 1 until `prior_until`.

    `yaw_pull` weighs, where the yaw is summed out, how far the bins are from what the renderer says of them; it falls
    linearly to 0 at the end (see `alternatives.turn`).

    The renderer's own sigma, gamma and blur may fall to their final values as well, geometrically until `render_until`,
    for the pictures that the model paints; those it learns from and is judged by stay as they are.
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
    yaw_until: float = 0.45
    yaw_pull: float = 80.0
    warm_until: float = 0.02
    blend_until: float = 0.5
    rate_end: float = 0.1
    prior_odds: float = 1.0
    prior_until: float = 0.25
    render_sigma_start: float | None = None
    render_gamma_start: float | None = None
    render_blur_start: float | None = None
    render_until: float = 0.5

    def __post_init__(self) -> None:
        if not self.sigma_start >= self.sigma_end > 0:
            raise UserError(f"sigma must fall to a positive value, not from {self.sigma_start} to {self.sigma_end}")
        for name in ("render_sigma_start", "render_gamma_start", "render_blur_start"):
            if (start := getattr(self, name)) is not None and not start > 0:
                raise UserError(f"trainer.schedule.{name}={start} must be above 0, or null for no schedule")
        if not self.prior_odds > 0:
            raise UserError(f"trainer.schedule.prior_odds={self.prior_odds} must be above 0; 1 is no schedule")
        if self.yaw_pull < 0:
            raise UserError(f"trainer.schedule.yaw_pull={self.yaw_pull} must be 0 or more; 0 is no pull")
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
            yaw_pull=self.yaw_pull * (1 - progress),
            blend=ramp(progress, self.warm_until, self.blend_until),
            prior_odds=self.prior_odds ** (1 - ramp(progress, 0, self.prior_until)),
        )

    def rate(self, progress: float) -> float:
        """Factor on the learning rate: constant until sigma has fallen, then linearly down to `rate_end`."""
        return 1 - (1 - self.rate_end) * ramp(progress, self.sigma_until, 1)

    def softness(self, progress: float, final: RendererConfig) -> RendererConfig:
        """How softly the model paints: geometrically from the starts that are set to the renderer's own settings.

        `blur_radius` follows sigma unless it is set itself.
        """
        share = ramp(progress, 0, self.render_until)

        def moved(start: float | None, end: float) -> float:
            return end if start is None else start * (end / start) ** share

        blur = final.blur_radius
        if self.render_blur_start is not None:
            blur = moved(self.render_blur_start, final.blur)
        sigma, gamma = moved(self.render_sigma_start, final.sigma), moved(self.render_gamma_start, final.gamma)
        return replace(final, sigma=sigma, gamma=gamma, blur_radius=blur)

    def final(self) -> Schedule:
        """The plain ELBO at the final sigma, which validation and evaluation report."""
        return self.at(1.0)


def ramp(progress: float, start: float, end: float) -> float:
    """0 before `start`, 1 from `end` on, straight in between; a step where the two are one."""
    if progress >= end:
        return 1.0
    return 0.0 if progress <= start else (progress - start) / (end - start)

"""How the pull, the learning rate and what else may move do so, as training goes from 0 to 1 (all of it done)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from air3d.air import Schedule
from renderers import RendererConfig
from scenes.errors import UserError


@dataclass
class ScheduleConfig:
    """Everything is laid over the training that was asked for: `*_from` and `*_until` are shares of it, from 0 to 1.

    `pull` weighs how far counts, identities and yaw bins are from what the renderer says of them, and falls linearly to
    0 at the end (`air3d.pull`). The learning rate is constant until `rate_from`, then falls linearly to `rate_end` of
    what it was.

    `prior_odds` makes each further object that many times likelier at first and falls geometrically to 1 at
    `prior_until`: the paper's way to have objects believed in. Off unless asked for are two that go from coarse to
    fine: with a `sigma_start`, sigma begins there and falls geometrically until `sigma_until`; the pyramid falls
    linearly to 0 at `pyramid_until`.

    The renderer's own sigma, gamma and blur may fall to their final values as well, geometrically until `render_until`,
    for the pictures that the model paints; those it learns from and is judged by stay as they are.
    """

    sigma: float = 0.3
    pull: float = 80.0
    rate_from: float = 0.5
    rate_end: float = 0.1
    prior_odds: float = 1.0
    prior_until: float = 0.5
    sigma_start: float | None = None
    sigma_until: float = 0.5
    pyramid_until: float = 0.0
    render_sigma_start: float | None = None
    render_gamma_start: float | None = None
    render_blur_start: float | None = None
    render_until: float = 0.5

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise UserError(f"trainer.schedule.sigma={self.sigma} must be above 0")
        for name in ("sigma_start", "render_sigma_start", "render_gamma_start", "render_blur_start"):
            if (start := getattr(self, name)) is not None and not start > 0:
                raise UserError(f"trainer.schedule.{name}={start} must be above 0, or null for no schedule")
        if not self.prior_odds > 0:
            raise UserError(f"trainer.schedule.prior_odds={self.prior_odds} must be above 0; 1 is no schedule")
        for name in ("rate_from", "rate_end", "prior_until", "sigma_until", "pyramid_until", "render_until"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise UserError(f"trainer.schedule.{name}={share} is a share: give 0 to 1")
        if self.pull < 0:
            raise UserError(f"trainer.schedule.pull={self.pull} must be 0 or more; 0 is no pull")

    def at(self, progress: float) -> Schedule:
        """The values at `progress` in [0, 1]."""
        return Schedule(
            sigma=moved(self.sigma_start, self.sigma, ramp(progress, 0, self.sigma_until)),
            pyramid=1 - ramp(progress, 0, self.pyramid_until),
            pull=self.pull * (1 - progress),
            prior_odds=self.prior_odds ** (1 - ramp(progress, 0, self.prior_until)),
        )

    def rate(self, progress: float) -> float:
        """Factor on the learning rate."""
        return 1 - (1 - self.rate_end) * ramp(progress, self.rate_from, 1)

    def softness(self, progress: float, final: RendererConfig) -> RendererConfig:
        """How softly the model paints: geometrically from the starts that are set to the renderer's own settings.

        `blur_radius` follows sigma unless it is set itself.
        """
        share = ramp(progress, 0, self.render_until)
        blur = final.blur_radius
        if self.render_blur_start is not None:
            blur = moved(self.render_blur_start, final.blur, share)
        sigma = moved(self.render_sigma_start, final.sigma, share)
        return replace(final, sigma=sigma, gamma=moved(self.render_gamma_start, final.gamma, share), blur_radius=blur)

    def final(self) -> Schedule:
        """The plain ELBO at the final sigma, which validation and evaluation report."""
        return self.at(1.0)


def moved(start: float | None, end: float, share: float) -> float:
    """Geometrically from `start` to `end`; there already without a start."""
    return end if start is None else start * (end / start) ** share


def ramp(progress: float, start: float, end: float) -> float:
    """0 before `start`, 1 from `end` on, straight in between; a step where the two are one."""
    if progress >= end:
        return 1.0
    return 0.0 if progress <= start else (progress - start) / (end - start)

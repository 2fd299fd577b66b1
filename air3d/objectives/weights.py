"""What the objective weighs how at one moment of the training; `training/schedules.py` moves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """The defaults are the end of the training, the plain ELBO.

    sigma: pixel noise of the likelihood; coarse: that by which the wake-phase term compares alternatives, None: sigma;
    wake_phase: nats on the cross-entropies of the wake-phase term;
    prior_tilt: the power of `gradient.prior_odds` by which each further object is likelier than the prior says.
    """

    sigma: float = 0.3
    coarse: float | None = None
    wake_phase: float = 0.0
    prior_tilt: float = 0.0

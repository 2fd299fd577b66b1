"""What earlier versions wrote: settings and weights under the names of today.

A setting that was taken away loads where it stood at what is done today anyway; otherwise the message says what is done
instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch

from scenes.errors import UserError

RENAMED = {
    "trainer.schedule.pull": "trainer.schedule.wake_phase",
    "model.looks": "model.refinement_steps",
    "renderer.light": "scene.light",
    "renderer.ambient": "scene.ambient",
    "renderer.diffuse": "scene.diffuse",
    "trainer.schedule.prior_odds": "gradient.prior_odds",  # which it took its value from, unless it was given
}

UNUSED = ("scene.steps", "supervised.query")
"""Say nothing about a run: trainer.steps and model.query took their values when it began."""

REMOVED: dict[str, tuple[tuple[Any, ...], str]] = {
    "trainer.schedule.rate_from": ((0.5,), "it is a constant now"),
    "trainer.schedule.rate_end": ((0.1,), "it is a constant now"),
    "trainer.schedule.prior_until": ((0.5,), "it is a constant now"),
    "trainer.schedule.sigma_start": ((None,), "sigma stays as it is"),
    "trainer.schedule.sigma_until": ((0.5,), "sigma stays as it is"),
    "trainer.schedule.pyramid_until": ((0.0,), "the likelihood is the plain one throughout"),
    "trainer.schedule.render_sigma_start": ((None,), "the renderer's softness stays as it is"),
    "trainer.schedule.render_gamma_start": ((None,), "the renderer's softness stays as it is"),
    "trainer.schedule.render_blur_start": ((None,), "the renderer's softness stays as it is"),
    "trainer.schedule.render_until": ((0.5,), "the renderer's softness stays as it is"),
}
"""Values under which a run does what it did, and what there is instead."""

WEIGHTS = {
    "posterior.glimpse.": "posterior.ring_features.",
    "posterior.yaw.": "posterior.latents.rotation.head.",
    "posterior.nudge.": "posterior.refinement.",
}


UNSAID, NOT_KEPT = {"model.fine_yaw": False}, {"posterior.steady": torch.tensor(1.0)}
"""Settings and weights of networks from before there were such."""


def renamed_settings(stored: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A run's settings by today's names. UserError for one that was taken away and mattered to the run."""
    settings: dict[str, Any] = deepcopy(dict(stored))
    for unused in UNUSED:
        taken(settings, unused)
    for old, new in RENAMED.items():
        value = taken(settings, old)
        if value is not MISSING:
            put(settings, new, value)
    for path, value in UNSAID.items():
        if taken(deepcopy(settings), path) is MISSING and "model" in settings:
            put(settings, path, value)
    for old, (harmless, instead) in REMOVED.items():
        value = taken(settings, old)
        if value is not MISSING and value not in harmless:
            raise UserError(f"{where} was trained with {old}={value}, which this version no longer has: {instead}")
    return settings


def renamed_weights(state: Mapping[str, Any]) -> dict[str, Any]:
    """A network's weights by today's names, with those that were not kept once."""

    def of_today(name: str) -> str:
        return next((new + name.removeprefix(old) for old, new in WEIGHTS.items() if name.startswith(old)), name)

    return {**NOT_KEPT, **{of_today(name): value for name, value in state.items()}}


MISSING = object()


def taken(settings: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, taken out; MISSING where there is none."""
    *parents, last = path.split(".")
    for parent in parents:
        settings = settings.get(parent, {})
        if not isinstance(settings, dict):
            return MISSING
    return settings.pop(last, MISSING)


def put(settings: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path."""
    *parents, last = path.split(".")
    for parent in parents:
        settings = settings.setdefault(parent, {})
    settings[last] = value

"""What decides what a training learns, to tell whether one that is there is the one that is wanted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from air3d.cli import compose, typed
from air3d.training.checkpoint import stored_settings
from air3d.training.config import Config
from air3d.training.earlier import renamed_settings
from air3d.training.provenance import LEARNING, code, recorded
from scenes.catalogue import catalogue
from scenes.errors import UserError

ELSEWHERE = ("run_dir", "resume", "logger")
"""Settings that change nothing of what is learned."""

LABELS_USE = ("sigma",)
"""What a training on labels uses of `trainer.schedule`: the sigma that its results are judged by. The rest shapes the
bound, which it does not maximise."""


@dataclass(frozen=True)
class Learned:
    """A fingerprint of the settings, of the meshes, and of the program; None: not known."""

    settings: str
    catalogue: str | None
    code: str | None

    def same(self, other: Learned, any_code: bool = False) -> bool:
        """Whether two trainings learn the same. any_code: whatever program they were trained with, or are to be."""
        if any_code and None in (self.catalogue, other.catalogue):  # from before it was kept
            return self.settings == other.settings
        alike = self.settings == other.settings and self.catalogue == other.catalogue
        return alike and (any_code or self.code == other.code)

    @property
    def mark(self) -> str:
        """Ten hexadecimal digits, for a folder's name."""
        return digest([self.settings, self.catalogue, self.code])


def configured(words: Sequence[str]) -> Config:
    """The configuration behind a command line of train.py."""
    return typed(compose("train", list(words)), Config)


def to_learn(config: Config) -> Learned:
    """What this program learns with that configuration."""
    return Learned(fingerprint(config.plain()), catalogue(config.scene.catalogue).fingerprint, code(LEARNING))


@cache
def to_learn_with(words: tuple[str, ...]) -> Learned:
    """The same of a command line: defaults may have changed since it was used."""
    return to_learn(configured(words))


def learned(folder: Path) -> Learned | None:
    """What the training in that folder learns. None where there is none, or it cannot be read.

    One from before a setting existed has the fingerprint of none of today's: nobody knows whether it did what today's
    default says. Nor is it known what a training is that several programs took turns at.
    """
    try:
        settings = fingerprint(renamed_settings(stored_settings(folder), str(folder)))
        entries = recorded(folder)
        meshes, programs = ({entry.get(name) for entry in entries} for name in ("catalogue", "code"))
    except (UserError, KeyError, TypeError, AttributeError):  # damaged
        return None
    return Learned(settings, *(values.pop() if len(values) == 1 else None for values in (meshes, programs)))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that two configurations (`Config.plain`) share if they learn the same."""
    labelled = settings["model"]["name"] != "air"
    unused = (*ELSEWHERE, "gradient" if labelled else "supervised")
    deciding = {name: value for name, value in settings.items() if name not in unused}
    if labelled:
        schedule = {name: x for name, x in settings["trainer"]["schedule"].items() if name in LABELS_USE}
        deciding["trainer"] = {**settings["trainer"], "schedule": schedule}
    return digest(deciding)


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]

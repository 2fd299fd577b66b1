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
from air3d.training.checkpoint import stored_settings, trained_weights
from air3d.training.config import Config
from air3d.training.earlier import renamed_settings
from air3d.training.provenance import LEARNING, code, recorded
from scenes.catalogues import catalogue_of
from scenes.errors import UserError
from scenes.manifest import sha256
from scenes.unlabelled import read_folder

ELSEWHERE = ("run_dir", "resume", "logger")
"""Settings that change nothing of what is learned."""

LABELS_USE = ("sigma", "sigma_end")
"""What a training on labels uses of `trainer.schedule`: the sigma that its results are judged by, and by which the
objects that it sees are coloured. The rest shapes the bound, which it does not maximise."""


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
    """What this program learns with that configuration. UserError where the network that it begins with, or the folder
    that it learns from, cannot be read."""
    scene, folder = config.scene, config.data.folder
    begun = None if config.init is None else sha256(trained_weights(Path(config.init))[1])
    shown = None if folder is None else pictures(folder, scene.height, scene.width, scene.background)
    settings = with_contents(config.plain(), begun, shown)
    return Learned(fingerprint(settings), catalogue_of(scene).fingerprint, code(LEARNING))


@cache
def pictures(folder: str, *of: Any) -> str:
    """The fingerprint of a folder's usable pictures, see `read_folder`."""
    return read_folder(folder, *of).fingerprint


def with_contents(settings: Mapping[str, Any], begun: str | None, shown: str | None) -> dict[str, Any]:
    """The settings with fingerprints in the place of paths: what is in a file decides, not where it lies."""
    scene = {**settings["scene"], "meshes": None}  # the fingerprint of the catalogue stands for them
    return {**settings, "scene": scene, "init": begun, "data": {**settings["data"], "folder": shown}}


def to_learn_with(words: Sequence[str]) -> Learned:
    """The same of a command line: defaults may have changed since it was used."""
    return to_learn(parsed(tuple(words)))


@cache
def parsed(words: tuple[str, ...]) -> Config:
    """`configured`, which takes a third of a second, once."""
    return configured(words)


def learned(folder: Path) -> Learned | None:
    """What the training in that folder learns. None where there is none, or it cannot be read.

    One from before a setting existed has the fingerprint of none of today's: nobody knows whether it did what today's
    default says. Nor is it known what a training is that several programs took turns at.
    """
    try:
        settings, entries = renamed_settings(stored_settings(folder), str(folder)), recorded(folder)
        begun = settings["init"] and entries[0]["init"]["sha256"]
        seen = {entry["data"]["fingerprint"] for entry in entries} if settings["data"]["folder"] else {None}
        settings = fingerprint(with_contents(settings, begun, *seen))
        meshes, programs = ({entry.get(name) for entry in entries} for name in ("catalogue", "code"))
    except (UserError, LookupError, TypeError, AttributeError):  # damaged
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

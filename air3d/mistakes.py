"""A mistake on the command line, said in one line with what would be right."""

from __future__ import annotations

import re
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from air3d.home import CONFIGS, called
from scenes.errors import nearest

MOVED = {"experiment": "ablation"}
"""Groups of settings that had another name; compare.py has experiments still."""


def explain(message: str, name: str, config: DictConfig, folder: str = "") -> str:
    """Hydra's complaint about the settings of a program in one line, with what would be right.

    Within `cli.composing`.
    """
    if match := re.search(r"Could not (?:override|find) '([\w./@]+)'", message):
        key = match[1]
        if "/" in key:  # an option of a group that does not exist
            group, option = key.rsplit("/", 1)
            options = (path.stem for path in (CONFIGS / folder / group).glob("[!_]*.yaml"))
            return f"there is no {group}={option}; {nearest(option, options)}"
        if key in MOVED:
            return f"{key}= of this program is {MOVED[key]}= now ({choices(MOVED[key])})"
        return f"there is no setting {key}; {elsewhere(name, key, folder) or nearest_key(key, config)}"
    if match := re.match(r"Error parsing override '([^=']*)'", message):
        return f"{match[1]} is no setting: every one is written name=value (see --help)"
    return " ".join(message.split())


def elsewhere(name: str, key: str, folder: str) -> str:
    """Which options of its group have that key, as scene=meshes has scene.meshes; "" where none has."""
    group, _, rest = key.partition(".")
    options = sorted(path.stem for path in (CONFIGS / folder / group).glob("[!_]*.yaml")) if rest else []
    having = [option for option in options if has(name, f"{group}={option}", key)]
    return f"it is one of {' and '.join(f'{group}={option}' for option in having)}" if having else ""


def has(name: str, choice: str, key: str) -> bool:
    """Whether a program has that key once that choice is made."""
    parent, _, last = key.rpartition(".")
    try:
        known = select(hydra.compose(name, [choice]), parent)
    except (HydraException, OmegaConfBaseException, ValueError):
        return False
    return isinstance(known, DictConfig) and last in known


def choices(*groups: str) -> str:
    """What the folders of configs/ offer, a line each, for --help (`${choices:scene,model}`)."""
    offered = {group: sorted(path.stem for path in (CONFIGS / group).glob("[!_]*.yaml")) for group in groups}
    return "\n".join(f"{group.rpartition('/')[2]}: {', '.join(names)}" for group, names in offered.items())


OmegaConf.register_new_resolver("choices", choices, replace=True)
OmegaConf.register_new_resolver("called", called, replace=True)


def nearest_key(key: str, config: DictConfig) -> str:
    """The existing keys most like `key`, looked for where it was looked for."""
    parent, _, last = key.rpartition(".")
    return nearest(last, map(str, known)) if isinstance(known := select(config, parent), DictConfig) else "see --help"


def select(config: DictConfig, path: str) -> Any:
    for part in filter(None, path.split(".")):
        config = config.get(part) if isinstance(config, DictConfig) else None  # type: ignore[assignment]
    return config

"""What the entry points share: Hydra's command line, with every mistake answered in one line and exit code 2."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from scenes.errors import UserError, nearest

MULTIRUN = ("-m", "--multirun")
MOVED = {"experiment": "ablation"}
"""Groups of settings that had another name; compare.py has experiments still."""
SHORT = {"train": {"data": "data.folder"}}
"""Settings with a shorter name on the command line, by program."""
FOLDERS = {
    "train": ("data.folder", "init", "scene.meshes"),
    "generate": ("scene.meshes",),
    "preview": ("scene.meshes",),
    "compare": ("data",),
}
"""Settings that name something there is, by program; any name is taken as it stands."""
INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells count."""
T = TypeVar("T")
CONFIGS = str(Path(__file__).resolve().parent.parent / "configs")


def run(name: str, main: Callable[[DictConfig], Any], folder: str = "") -> None:
    """Compose configs/FOLDER/NAME.yaml with the command line and call `main`; exit with 2 and one line on bad input."""
    words = written_out(name, sys.argv[1:])
    sys.argv[1:] = sorted(words, key=lambda word: word not in MULTIRUN)  # argparse wants it first
    overrides = [word for word in sys.argv[1:] if not word.startswith("-")]
    if len(overrides) == len(sys.argv) - 1:  # with a flag (--help, --multirun, ...) Hydra itself answers
        one_line(lambda: compose(name, overrides, folder))
    program = hydra.main(version_base="1.3", config_path=str(Path(CONFIGS, folder)), config_name=name)
    one_line(program(lambda config: one_line(lambda: main(config))))


def written_out(name: str, words: Sequence[str]) -> list[str]:
    """The command line of a program with the settings' whole names. A file or folder there is gets quoted, so that
    Hydra sees no grammar in `=`, a comma or a space in its name."""

    def word(given: str) -> str:
        key, equals, value = given.partition("=")
        key = SHORT.get(name, {}).get(key, key)
        literal = key in FOLDERS.get(name, ()) and value and os.path.exists(value)
        return f"{key}{equals}{quoted(value) if literal else value}"

    return [word(given) for given in words]


def quoted(value: str) -> str:
    """A string as Hydra's grammar reads it back."""
    inside = re.sub(r"(\\*)'", r"\1\1\\'", value)
    return "'" + re.sub(r"(\\+)$", r"\1\1", inside) + "'"


def compose(name: str, overrides: list[str], folder: str = "") -> DictConfig:
    """configs/FOLDER/NAME.yaml with overrides such as `scene=tabletop`. Raises UserError that names the nearest key."""
    overrides = written_out(name, overrides)
    with composing(str(Path(CONFIGS, folder))):
        try:
            return hydra.compose(name, overrides)
        except (HydraException, OmegaConfBaseException, ValueError) as error:  # ValueError: scene=3
            raise UserError(explain(str(error), chosen(name, overrides, folder), folder)) from error


def chosen(name: str, overrides: list[str], folder: str) -> DictConfig:
    """What can be set where the choices among `overrides` are made, such as scene=, if they can be."""
    choices = [word for word in overrides if Path(CONFIGS, folder, word.partition("=")[0]).is_dir()]
    try:
        return hydra.compose(name, choices)
    except (HydraException, OmegaConfBaseException, ValueError):
        return hydra.compose(name)


@contextmanager
def composing(folder: str) -> Iterator[None]:
    """Hydra with that folder of configurations; a program that Hydra runs already goes on with its own afterwards."""
    instance = GlobalHydra.instance()
    running, instance.hydra = instance.hydra, None
    try:
        with hydra.initialize_config_dir(folder, version_base="1.3"):
            yield
    finally:
        instance.hydra = running


def explain(message: str, config: DictConfig, folder: str = "") -> str:
    """Hydra's complaint in one line, with what would be right."""
    if match := re.search(r"Could not (?:override|find) '([\w./@]+)'", message):
        key = match[1]
        if "/" in key:  # an option of a group that does not exist
            group, option = key.rsplit("/", 1)
            options = (path.stem for path in Path(CONFIGS, folder, group).glob("[!_]*.yaml"))
            return f"there is no {group}={option}; {nearest(option, options)}"
        if key in MOVED:
            return f"{key}= of this program is {MOVED[key]}= now ({choices(MOVED[key])})"
        return f"there is no setting {key}; {nearest_key(key, config)}"
    return " ".join(message.split())


def choices(*groups: str) -> str:
    """What the folders of configs/ offer, a line each, for --help (`${choices:scene,model}`)."""
    offered = {group: sorted(path.stem for path in Path(CONFIGS, group).glob("[!_]*.yaml")) for group in groups}
    return "\n".join(f"{group.rpartition('/')[2]}: {', '.join(names)}" for group, names in offered.items())


OmegaConf.register_new_resolver("choices", choices, replace=True)


def nearest_key(key: str, config: DictConfig) -> str:
    """The existing keys most like `key`, looked for where it was looked for."""
    parent, _, last = key.rpartition(".")
    return nearest(last, map(str, known)) if isinstance(known := select(config, parent), DictConfig) else "see --help"


def select(config: DictConfig, path: str) -> Any:
    for part in filter(None, path.split(".")):
        config = config.get(part) if isinstance(config, DictConfig) else None  # type: ignore[assignment]
    return config


def somebody_reads() -> bool:
    """Whether what is printed still arrives."""
    try:
        return os.write(sys.stdout.fileno(), b"\n") > 0
    except BrokenPipeError:
        return False


def one_line(call: Callable[[], Any]) -> Any:
    """`call()`; a UserError becomes one line on standard error and exit code 2, as does Ctrl-C, with code 130. Whoever
    reads what is printed may stop reading (`| head`): that ends the program as quietly."""
    try:
        result = call()
        sys.stdout.flush()
        return result
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        if somebody_reads():
            raise  # it was another pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is there anything to flush at the end
        sys.exit(1)


def typed(settings: DictConfig | dict[str, Any], schema: type[T], missing: str = "") -> T:
    """The dataclass `schema` of a composed configuration.

    Unknown keys, wrong types and values that a dataclass refuses are UserErrors of one line; `missing` is what to say
    where a value that has no default was not given.
    """
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), settings))  # type: ignore[return-value]
    except MissingMandatoryValue as error:
        raise UserError(missing or f"give {error.full_key}=") from error
    except OmegaConfBaseException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]} (see --help)") from error

"""What the entry points share: Hydra's command line, with every mistake answered in one line and exit code 2."""

from __future__ import annotations

import math
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from types import FrameType
from typing import Any, TypeVar

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import CompactHydraException, HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from air3d.home import CONFIGS
from air3d.mistakes import explain
from scenes.errors import UserError

MULTIRUN, HELP = ("-m", "--multirun"), ("-h", "--help")
SHORT = {"train": {"data": "data.folder"}}
"""Settings with a shorter name on the command line, by program."""
THERE = {
    "train": ("data.folder", "init", "resume", "scene.meshes"),
    "evaluate": ("run", "data"),
    "infer": ("run", "pictures"),
    "generate": ("scene.meshes",),
    "preview": ("scene.meshes",),
    "compare": ("data",),
}
"""Settings that name something there is, by program; any name is taken as it stands."""
WRITTEN = ("out", "run_dir", "runs")
"""Settings that name something to be written: taken as they stand, too, where they are not swept over."""
INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells count."""
COMPOSING = RLock()
T = TypeVar("T")
BARE = {"preview": "scene=meshes scene.meshes"}
"""Settings that a folder without any stands for, by program: `preview.py FOLDER`."""


def run(name: str, main: Callable[[DictConfig], Any], folder: str = "") -> None:
    """Compose configs/FOLDER/NAME.yaml with the command line and call `main`; exit with 2 and one line on bad input."""
    words = written_out(name, sys.argv[1:])
    sys.argv[1:] = sorted(words, key=lambda word: word not in MULTIRUN)  # argparse wants it first
    overrides = [word for word in sys.argv[1:] if word not in HELP]
    if not any(word.startswith("-") for word in overrides):  # with other flags (--multirun, ...) Hydra itself answers
        one_line(lambda: compose(name, overrides, folder))
    program = hydra.main(version_base="1.3", config_path=str(CONFIGS / folder), config_name=name)
    job = of_a_sweep if any(word in MULTIRUN for word in sys.argv) else one_line
    politely()
    one_line(program(lambda config: job(lambda: main(config))))


def written_out(name: str, words: Sequence[str]) -> list[str]:
    """The command line of a program with the settings' whole names. Names of files and folders get quoted, so that
    Hydra sees no grammar in `=`, a comma or a bracket in them."""
    sweep = any(each in MULTIRUN for each in words)

    def word(given: str) -> str:
        key, equals, value = given.partition("=")
        key = SHORT.get(name, {}).get(key, key)
        there = key in THERE.get(name, ()) and value and os.path.exists(value)
        new = key in WRITTEN and value not in ("", "null") and not sweep and "${" not in value and value[0] not in "'\""
        return f"{key}{equals}{quoted(value) if there or new else value}"

    return [word(each) for given in words for each in in_full(name, given)]


def in_full(name: str, given: str) -> list[str]:
    """A word of the command line; what is no setting but a folder, as the settings that it stands for."""
    if name in BARE and "=" not in given and os.path.isdir(given):
        return f"{BARE[name]}={given}".split(" ", 1)
    return [given]


def quoted(value: str) -> str:
    """A string as Hydra's grammar reads it back."""
    inside = re.sub(r"(\\*)'", r"\1\1\\'", value)
    return "'" + re.sub(r"(\\+)$", r"\1\1", inside) + "'"


def compose(name: str, overrides: list[str], folder: str = "") -> DictConfig:
    """configs/FOLDER/NAME.yaml with overrides such as `scene=tabletop`. Raises UserError that names the nearest key."""
    overrides = written_out(name, overrides)
    with composing(str(CONFIGS / folder)):
        try:
            return hydra.compose(name, overrides)
        except (HydraException, OmegaConfBaseException, ValueError) as error:  # ValueError: scene=3
            raise UserError(explain(str(error), name, chosen(name, overrides, folder), folder)) from error


def chosen(name: str, overrides: list[str], folder: str) -> DictConfig:
    """What can be set where the choices among `overrides` are made, such as scene=, if they can be."""
    choices = [word for word in overrides if (CONFIGS / folder / word.partition("=")[0]).is_dir()]
    try:
        return hydra.compose(name, choices)
    except (HydraException, OmegaConfBaseException, ValueError):
        return hydra.compose(name)


@contextmanager
def composing(folder: str) -> Iterator[None]:
    """Hydra with that folder of configurations; a program that Hydra runs already goes on with its own afterwards.
    There is one Hydra for all threads, so one at a time composes."""
    with COMPOSING:
        instance = GlobalHydra.instance()
        running, instance.hydra = instance.hydra, None
        try:
            with hydra.initialize_config_dir(folder, version_base="1.3"):
                yield
        finally:
            GlobalHydra.instance().hydra = running  # Hydra puts another instance in place of that one


def somebody_reads() -> bool:
    """Whether what is printed still arrives."""
    try:
        return os.write(sys.stdout.fileno(), b"\n") > 0
    except BrokenPipeError:
        return False


class Failed(CompactHydraException):
    """A job of a sweep could not be done, and has said why. Hydra begins the next one, and raises this in the end."""

    def __init__(self) -> None:
        super().__init__("error: not all jobs of the sweep could be done; the lines above say why")


def of_a_sweep(call: Callable[[], Any]) -> Any:
    """`call()`; a mistake becomes one line, and the next job of the sweep begins."""
    try:
        return call()
    except (UserError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        print(f"error: {said(error)}", file=sys.stderr)
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves it to `one_line` to say so
        raise Failed from None


def politely() -> None:
    """A polite kill and a closed terminal end the program as Ctrl-C does: what is half done is cleared away."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(f"stopped by {signal.Signals(number).name}")

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, interrupted)


def said(error: UserError | OSError) -> str:
    """What is wrong, in one line."""
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def one_line(call: Callable[[], Any]) -> Any:
    """`call()`; a UserError and what the system refuses become one line on standard error and exit code 2; so does
    Ctrl-C, with code 130. Whoever reads what is printed may stop reading (`| head`): that ends the program quietly."""
    try:
        result = call()
        sys.stdout.flush()
        return result
    except UserError as error:
        print(f"error: {said(error)}", file=sys.stderr)
        sys.exit(2)
    except Failed as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        if somebody_reads():
            raise  # it was another pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is there anything to flush at the end
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written: no fault of the program
        print(f"error: {said(error)}", file=sys.stderr)
        sys.exit(2)


def typed(settings: DictConfig | dict[str, Any], schema: type[T], missing: str = "") -> T:
    """The dataclass `schema` of a composed configuration.

    Unknown keys, wrong types and values that a dataclass refuses are UserErrors of one line; `missing` is what to say
    where a value that has no default was not given.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), settings)
        check_finite(OmegaConf.to_container(merged))
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except MissingMandatoryValue as error:
        raise UserError(missing or f"give {error.full_key}=") from error
    except OmegaConfBaseException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]} (see --help)") from error


def check_finite(value: Any, name: str = "") -> None:
    """UserError for infinity and NaN among settings: comparisons with NaN are false, and it comes through checks."""
    if isinstance(value, dict):
        for key, each in value.items():
            check_finite(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for each in value:
            check_finite(each, name)
    elif isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{name}={value}: give a finite number")

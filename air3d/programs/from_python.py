"""The programs as functions: the same settings, the same files, no command line.

They may be called inside another Hydra program, and in threads; only the main thread hears Ctrl-C.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from air3d import cli
from air3d.programs import evaluate as evaluate_program
from air3d.programs import generate as generate_program
from air3d.programs import train as train_program

PLAIN = re.compile(r"[\w./-]+")
"""Strings that Hydra's grammar takes as they stand."""


def train(*words: str, **settings: Any) -> Path:
    """Trains, to its end or until Ctrl-C, and returns the run's folder.

    `train("scene=tabletop", "trainer.steps=600")` and `train(scene="tabletop", trainer={"steps": 600})` are
    `air3d train scene=tabletop trainer.steps=600`. UserError, one line, for what cannot be.
    """
    return train_program.run(composed("train", words, settings)).run_dir


def resume(run_dir: str | os.PathLike[str], *words: str, **settings: Any) -> Path:
    """Goes on with a training where its last checkpoint stands; what may be set is `trainer.steps`, `trainer.minutes`,
    `device`, `logger.` and `data`."""
    given = [*words, *as_words(settings)]
    whole = composed("train", [f"resume={os.fspath(run_dir)}", *given], {})
    return train_program.run(whole, cli.written_out("train", given)).run_dir


def evaluate(run: str | os.PathLike[str], *words: str, **settings: Any) -> dict[str, Any]:
    """Measures a trained run as `air3d evaluate` does, writes the same files, and returns what metrics.json holds."""
    return evaluate_program.main(composed("evaluate", [f"run={os.fspath(run)}", *words], settings))


def generate(out: str | os.PathLike[str], *words: str, **settings: Any) -> Path:
    """Writes a data set as `air3d generate` does, and returns its folder."""
    generate_program.main(composed("generate", [f"out={os.fspath(out)}", *words], settings))
    return Path(out)


def composed(program: str, words: Any, settings: Mapping[str, Any]) -> Any:
    return cli.compose(program, [*words, *as_words(settings)])


def as_words(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Nested settings as words of a command line: {"trainer": {"steps": 5}} is trainer.steps=5."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from as_words(value, f"{above}{name}.")
        else:
            yield f"{above}{name}={as_word(value)}"


def as_word(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, (str, os.PathLike)):
        text = os.fspath(value)
        return text if PLAIN.fullmatch(text) else cli.quoted(text)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(as_word, value))}]"
    return json.dumps(value.item() if hasattr(value, "item") else value)

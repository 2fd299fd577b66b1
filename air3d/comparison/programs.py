"""The entry points as programs that a comparison starts and waits for, whatever interrupts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from air3d.home import PACKAGE, called
from air3d.training.interrupts import handling


def call(program: str, words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs `air3d PROGRAM WORDS` to its end; its exit code.

    Raises KeyboardInterrupt after an interrupt, but not before the program has ended by itself: a training finishes its
    step and saves. A terminal sends Ctrl-C to all that it runs, so that the program has heard the first one. Another
    one is passed on, for the first may have been meant for this process alone, and a polite kill at once.
    """
    print(f"\n{called(program)} {' '.join(words)}", flush=True)
    heard: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def take(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        for child in started:
            if number != signal.SIGINT or heard.count(number) > 1:
                child.send_signal(number)

    with handling(take):
        child = subprocess.Popen([*command(program), *words], env=with_package(environment))
        started.append(child)
        for number in heard:  # before there was anybody to hear it
            child.send_signal(number)
        code = child.wait()
    if heard:
        raise KeyboardInterrupt(f"{program} and the comparison are stopped; the same command goes on from there")
    return code


def command(program: str) -> list[str]:
    return [sys.executable, "-m", "air3d", program]


def with_package(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which another Python finds this very package, which need not be installed."""
    before = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *([before] if before else [])])}

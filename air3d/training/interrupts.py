"""What Ctrl-C and a polite kill do to a training, and to a program that waits for one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handling(take: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """`take(number, frame)` is called for Ctrl-C, for a polite kill, and where a terminal is closed (unless nohup said
    that this does not matter); afterwards things are as before. Only the main thread hears signals: in another one
    nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, take) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interrupts:
    """The first one calls `ask`: the step in hand is finished, then training stops. A second Ctrl-C raises
    KeyboardInterrupt wherever the program is. There is no third: by then what was learned is being saved."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.ask, self.asked, self.deaf = ask, False, False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            self.ask()
        elif number == signal.SIGINT and not self.deaf:
            self.deaf = True
            raise KeyboardInterrupt

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """A second Ctrl-C during the block does nothing."""
        before, self.deaf = self.deaf, True
        try:
            yield
        finally:
            self.deaf = before

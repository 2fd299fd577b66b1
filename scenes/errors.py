"""The one exception whose message is meant for the person at the keyboard."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, and what would be right.

    The entry points print it and leave with exit code 2. Any other exception is a fault of the program.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))  # what is foreign in it may have several


class NotFinite(UserError):
    """A pose that is no number was to be painted: training has diverged."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of an error message about an unknown `name`: the choice most like it, and all of them."""
    known = sorted(choices)
    close = get_close_matches(name, known, 1)
    return (f"did you mean {close[0]}? " if close else "") + f"known: {', '.join(known)}"

"""evaluate.py in the tests' own process, with few calibration scenes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from air3d import cli
from air3d.programs import evaluate as evaluate_py

CALIBRATION_SCENES = 50


@contextmanager
def calibrated_quickly() -> Iterator[None]:
    """Within, evaluate.py scales regions by fewer scenes than a thousand, of which most of its time goes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(evaluate_py, "calibrate", partial(evaluate_py.calibrate, scenes=CALIBRATION_SCENES))
        yield


def evaluate(*words: str) -> None:
    """Its mistakes arrive as UserError."""
    with calibrated_quickly():
        evaluate_py.main(cli.compose("evaluate", list(words)))

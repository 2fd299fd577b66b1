"""Shapes in signatures are checked while tests run (conftest.py), in every room, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from air3d.evaluation.metrics import over
from air3d.gradients.enumerate_counts import leave_one_out
from air3d.inference.counting import count_posterior
from air3d.model.likelihood import log_likelihood
from air3d.training.diagnostics import spread
from renderers.convert import channels_first

WRONG: dict[str, Callable[[], object]] = {
    "model": lambda: log_likelihood(torch.zeros(2, 4, 4), torch.zeros(2, 4, 4), 0.3),
    "gradients": lambda: leave_one_out(torch.zeros(2, 3)),
    "inference": lambda: count_posterior(torch.zeros(3), 0),
    "evaluation": lambda: over(np.mean, [1.0]),  # pyright: ignore[reportArgumentType]
    "training": lambda: spread(torch.zeros(3)),
    "renderers": lambda: channels_first(torch.zeros(2, 4, 4, 5)),
}


@pytest.mark.skipif("JAXTYPING_DISABLE" in os.environ, reason="the checks were switched off")
@pytest.mark.parametrize("room", WRONG)
def test_a_wrong_shape_is_told_where_it_goes_in(room: str) -> None:
    with pytest.raises(TypeCheckError):
        WRONG[room]()


def test_nothing_is_checked_outside_of_tests() -> None:
    program = "import sys; import air3d.model.air; sys.exit('beartype' in sys.modules)"
    root = Path(__file__).resolve().parents[1]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0

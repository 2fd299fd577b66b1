"""Shapes in signatures are checked in every test and free in production. JAXTYPING_DISABLE=1 skips the checks.

Every test draws the same random numbers each time, whichever ran before it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Begun in the background of a shell, tests are deaf to Ctrl-C, and so would be the programs whose Ctrl-C is tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "PYTEST_XDIST_WORKER" in os.environ:  # read when torch is loaded, and by the programs that tests call
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# Every module that says shapes, where tensors go in and out; numba's kernels say none.
ROOT = Path(__file__).resolve().parents[1]
CHECKED = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for room in ("air3d", "renderers", "scenes")
    for path in (ROOT / room).rglob("*.py")
    if "from jaxtyping import" in path.read_text(encoding="utf-8")
)

install_import_hook(CHECKED, "beartype.beartype")

settings.register_profile("untimed", deadline=None)  # other work on the machine is no failure
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    np.random.seed(0)

"""Shapes in signatures are checked in every test and free in production. JAXTYPING_DISABLE=1 skips the checks.

Every test draws the same random numbers each time, whichever ran before it.
"""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # read when torch is loaded, and by the programs that tests call
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

# Where tensors go in and out. Not here: configurations (filled from lists, annotated as tuples) and numba's kernels.
CHECKED = [
    "air3d.air",
    "air3d.alternatives",
    "air3d.answers",
    "air3d.calibration",
    "air3d.distributions",
    "air3d.draws",
    "air3d.elbo",
    "air3d.encoder",
    "air3d.gradients.enumerate_counts",
    "air3d.gradients.leave_one_out",
    "air3d.gradients.local_expectation",
    "air3d.gradients.nvil",
    "air3d.gradients.sampled",
    "air3d.infer",
    "air3d.levels",
    "air3d.likelihood",
    "air3d.posterior",
    "air3d.pull",
    "air3d.regions",
    "renderers.canvas",
    "renderers.convert",
    "renderers.projection",
    "renderers.reference",
    "renderers.shading",
    "renderers.streaming.backend",
]

install_import_hook(CHECKED, "beartype.beartype")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    np.random.seed(0)

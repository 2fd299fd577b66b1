"""Every backend against what the real PyTorch3D 0.7.9 painted: picture, alpha and four kinds of gradient.

Tolerances: 99.9 % of the pixels within 1e-4; gradients within 1e-3 of their norm. Left out are pixels in which some
triangle lies within 0.1 % of the blur cut-off, where rounding decides whether it counts; they are stored and counted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from differences import differences
from golden import FOLDER, GRADIENTS, load, paint

FILES = sorted(FOLDER.glob("*.npz"))
NAMES = {"occlusion", "border", "thin", "both_sides", "soft", "wide"}


def test_the_golden_files_are_all_there_and_small() -> None:
    assert {path.stem for path in FILES} == NAMES
    assert sum(path.stat().st_size for path in FILES) < 600_000
    for path in FILES:
        with np.load(path, allow_pickle=False) as file:
            assert file["about.pytorch3d"] == "0.7.9"
            assert file["excluded"].mean() < 0.01


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["streaming", "reference"])
def test_pictures_and_gradients_are_those_of_pytorch3d(name: str, path: Path) -> None:
    assert (load(path)[3].alpha > 0.5).double().mean() > 0.1, "something is seen"
    found = differences(path, name)
    assert found["image"] >= 0.999 and found["alpha"] >= 0.999
    for what in GRADIENTS:
        assert found[what] < 1e-3, what


def test_a_picture_that_is_slightly_wrong_would_be_noticed() -> None:
    """The comparison can fail: half a millimetre, or half a degree, is too much."""
    case, weights, _, truth = load(FOLDER / "occlusion.npz")
    case.objects.position = case.objects.position + np.float32(5e-4)
    moved = paint(case, case.renderer("streaming"), weights)
    assert ((moved.image - truth.image).abs().amax(-1) > 1e-4).double().mean() > 0.01
    case.objects.rotation = case.objects.rotation + np.float32(np.radians(0.5))
    turned = paint(case, case.renderer("streaming"), weights)
    assert torch.linalg.vector_norm(turned.gradients["rotation"] - truth.gradients["rotation"]) > 1e-2

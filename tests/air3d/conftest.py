"""What all tests of air3d share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def few_draws() -> Iterator[None]:
    """Trainings measure the noise of their gradient by two draws instead of four: it is most of a validation's time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("air3d.training.diagnostics.DRAWS", 2)
        yield

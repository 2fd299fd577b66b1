"""Which data-set seed each split draws its scenes from: held-out scenes never come from a training stream."""

from __future__ import annotations

from scenes.errors import UserError

SEEDS = 1_000_000
"""Seeds are below: the splits of two seeds never meet."""

VALIDATION_OFFSET = 1_000_003
EVALUATION_OFFSET = 2_000_003
DATASET_OFFSET = 3_000_003
CALIBRATION_OFFSET = 4_000_003


def check_seed(seed: int) -> None:
    """Raises UserError for a seed whose scenes might be those of another split."""
    if not 0 <= seed < SEEDS:
        raise UserError(f"seed={seed}: give 0 or more, and less than {SEEDS:,}")


def train_seed(seed: int) -> int:
    """Data-set seed of the endless training stream of a run with this seed."""
    return seed


def validation_seed(seed: int) -> int:
    """Data-set seed of the scenes that are looked at while training, never trained on."""
    return VALIDATION_OFFSET + seed


def evaluation_seed(seed: int) -> int:
    """Data-set seed of the scenes that only evaluate.py draws."""
    return EVALUATION_OFFSET + seed


def dataset_seed(seed: int) -> int:
    """Data-set seed of the frozen scenes that generate.py writes, so that they can serve as test scenes."""
    return DATASET_OFFSET + seed


def calibration_seed(seed: int) -> int:
    """Data-set seed of the scenes by which a trained network's credible regions are scaled."""
    return CALIBRATION_OFFSET + seed

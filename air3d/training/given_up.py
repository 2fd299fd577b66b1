"""Has a network that learns from unlabelled pictures given an identity up? Told from its own predictions, then and now.

What a folder shows nobody knows, so nothing can be compared with what should be there, as `collapse.py` does on painted
scenes; an identity is compared with what earlier checkpoints predicted of the same held-out pictures. What it had above
an equal share it may lose: a network that sees foreign pictures for the first time calls much by one name.
"""

from __future__ import annotations

from collections.abc import Sequence

FEW = 20  # predictions from which nothing is concluded
LOST = 0.5  # of the share that an identity had
UNLIKELY = 3.0  # standard deviations of a difference between two shares that is no accident
SILENT = 0.1  # of the objects that there were

Counts = Sequence[int]
"""How many of the predictions are of each identity."""
Shares = Sequence[tuple[int, int]]
"""For each identity: so many of so many predictions."""


def given_up(now: Counts, highest: Shares, names: Sequence[str]) -> str | None:
    """In words what was predicted by an earlier checkpoint and is hardly predicted any more; None where nothing is.

    highest: see `highest_shares`, of the checkpoints before.
    """
    total, before = sum(now), max((of for _, of in highest), default=0)
    if before >= FEW and total <= SILENT * before:
        return f"hardly any object is detected any more ({total} objects, {before} before)"
    lost = [k for k, (given, of) in enumerate(highest) if is_lost(now[k], total, given, of, 1 / len(names))]
    if not lost:
        return None
    worst = min(lost, key=lambda k: now[k] / total / (highest[k][0] / highest[k][1]))
    given, of = highest[worst]
    return f"{names[worst]} is given up ({now[worst]} of {total} predicted objects, {given} of {of} before)"


def is_lost(given: int, of: int, given_before: int, of_before: int, equal: float) -> bool:
    """Whether a share fell below half of what it was, or of an equal share where it was more, by no accident."""
    if min(of, of_before) < FEW:
        return False
    now, before = given / of, min(given_before / of_before, equal)
    pooled = (given + before * of_before) / (of + of_before)
    spread = (pooled * (1 - pooled) * (1 / of + 1 / of_before)) ** 0.5
    return now < LOST * before and before - now > UNLIKELY * spread


def highest_shares(now: Counts, highest: Shares) -> list[tuple[int, int]]:
    """Each identity's highest share of the predictions so far, `now` among them; `highest` is empty to begin with.
    Too few predictions say nothing."""
    total = sum(now)
    if total < FEW:
        return list(highest)
    parts = [(given, total) for given in now]
    return [max(pair, key=lambda part: part[0] / part[1]) for pair in zip(highest or parts, parts, strict=True)]

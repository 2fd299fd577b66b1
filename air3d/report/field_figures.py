"""The field's figures and every interval in words, for the lines under the table of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def field_lines(metrics: dict[str, Any]) -> list[str]:
    """BOP's average precision and ADD(-S) with their intervals, and those of our own figures."""
    lines = []
    if own := metrics.get("intervals"):
        parts = [("counts", "count_accuracy", percent), ("identities", "identity_accuracy", percent),
                 ("median position", "position_error_median_m", centimetres)]  # fmt: skip
        said = ", ".join(f"{name} {between(own[key], form)}" for name, key, form in parts)
        lines.append(f"{own['level']:.0%} intervals over the pictures: {said}")
    if bop := metrics.get("bop"):
        each = f"MSSD {figure(bop, 'ap_mssd')}, MSPD {figure(bop, 'ap_mspd')}"
        lines.append(f"AP as in BOP's detection task: {figure(bop, 'ap')}; {each}")
        median = "-" if bop["mssd_median_mm"] is None else f"{bop['mssd_median_mm']:.1f} mm"
        lines.append(f"AP of MSSD below 2 to 20 mm: {figure(bop, 'ap_mssd_mm')}; MSSD, median: {median}")
        plain = f"ADD {figure(bop, 'recall_add')}, ADD-S {figure(bop, 'recall_add_s')}"
        lines.append(f"found with ADD(-S) below 10% of the diameter: {figure(bop, 'recall_add_or_s')}; {plain}")
    return lines


def figure(bop: dict[str, Any], name: str) -> str:
    """`93.2% (91.8-94.5)`."""
    value, limits = bop[name], bop["intervals"][name]
    if value is None:
        return "-"
    return percent(value) + ("" if limits is None else f" ({between(limits, percent)})")


def between(limits: list[float] | None, form: Callable[[float], str]) -> str:
    return "-" if limits is None else f"{form(limits[0]).rstrip('% cm')}-{form(limits[1])}"


def percent(share: float) -> str:
    return f"{share:.1%}"


def centimetres(metres: float) -> str:
    return f"{100 * metres:.2f} cm"

"""The report of a comparison: one page that opens from disk, and the same as PNG and CSV beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from air3d.comparison.gather import Answer
from air3d.comparison.plan import CompareConfig
from air3d.report.page import Part, render
from air3d.report.parts import training, under_test
from air3d.report.summary import write_tables


def write_report(out: Path, answers: Sequence[Answer], config: CompareConfig) -> Path:
    """Writes OUT/report: index.html, self-contained, with its figures and tables as PNG and CSV. Returns the page."""
    folder = out / "report"
    parts: list[Part] = [
        under_test(folder, test, [answer for answer in answers if answer.test == test]) for test in config.tests
    ]
    parts.append(training(folder, answers))
    write_tables(folder, answers)
    return render(folder / "index.html", config, parts)

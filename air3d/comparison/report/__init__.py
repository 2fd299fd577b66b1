"""The report of a comparison: one page that opens from disk, and the same as PNG and CSV beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from air3d.comparison.collect import Result
from air3d.comparison.plan import CompareConfig
from air3d.comparison.report.page import Part, render
from air3d.comparison.report.parts import all_tests, training, under_test
from air3d.comparison.report.summary import write_tables


def write_report(out: Path, results: Sequence[Result], config: CompareConfig) -> Path:
    """Writes OUT/report: index.html, self-contained, with its figures and tables as PNG and CSV. Returns the page."""
    folder = out / "report"
    parts: list[Part] = [
        under_test(folder, test, [result for result in results if result.test == test]) for test in config.tests
    ]
    if len(config.tests) > 1:
        parts.insert(0, all_tests(results))
    parts.append(training(folder, results))
    write_tables(folder, results)
    return render(folder / "index.html", config, parts)

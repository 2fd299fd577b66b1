"""The page itself: self-contained HTML, everything in it but this project's own words escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from air3d.comparison.plan import CompareConfig
from air3d.files import atomic


@dataclass(frozen=True)
class Table:
    """Rows of text, the first of them the header."""

    rows: list[list[str]]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG file and what there is to see in it."""

    path: Path
    caption: str

    @property
    def source(self) -> str:
        """The whole file as an address, so that the page needs nothing beside it."""
        return "data:image/png;base64," + base64.b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True)
class Part:
    """A heading and what stands under it; `paintings` are folded away until they are asked for."""

    title: str
    text: str
    tables: Sequence[Table] = field(default_factory=list)
    pictures: Sequence[Picture] = field(default_factory=list)
    paintings: Sequence[Picture] = field(default_factory=list)


def render(path: Path, config: CompareConfig, parts: Sequence[Part]) -> Path:
    """Writes the page, atomically."""
    environment = Environment(
        loader=PackageLoader("air3d.comparison.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page = environment.get_template("page.html").render(config=config, parts=parts)
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path

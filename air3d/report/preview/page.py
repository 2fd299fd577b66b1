"""The page: self-contained HTML, with every name escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from air3d.files import atomic
from air3d.report.preview.cards import Card
from air3d.report.preview.pictures import PICTURES


def write_page(
    path: Path,
    scene: str,
    table: Image.Image | None,
    shown: Sequence[Card],
    lines: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> None:
    """Writes the page, atomically. lines: what the reader says of each mesh, in the order of `shown`'s kinds, or
    nothing; warnings: of what could not be used or painted."""
    environment = Environment(
        loader=PackageLoader("air3d.report.preview", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["source"] = source
    kinds = [(name, list(group)) for name, group in groupby(shown, lambda card: card.kind)]
    page = environment.get_template("page.html").render(
        scene=scene, table=table, kinds=kinds, lines=list(lines), warnings=warnings, captions=PICTURES, shown=shown
    )
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def source(picture: Image.Image) -> str:
    """A whole PNG file as an address, so that the page needs nothing beside it."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

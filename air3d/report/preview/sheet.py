"""The same as one picture: a row of pictures for every entry, and what is said of it beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from air3d.files import atomic
from air3d.report.preview.cards import Card

GAP, WORDS, LINE = 6, 330, 15  # pixels: between pictures, for what is said, a line of it
LETTERS = 56  # in a line
PAPER, INK, QUIET = (255, 255, 255), (30, 30, 30), (90, 90, 90)


def write_sheet(path: Path, table: Image.Image | None, shown: Sequence[Card]) -> None:
    """Writes the contact sheet (PNG), atomically."""
    side = shown[0].pictures[0].height
    row = side + GAP
    space = table.height + GAP if table else 0
    width = max(table.width if table else 0, len(shown[0].pictures) * row + WORDS) + 2 * GAP
    sheet = Image.new("RGB", (width, space + GAP + len(shown) * row), PAPER)
    if table:
        sheet.paste(table, (GAP, GAP))
    for number, card in enumerate(shown):
        top = space + GAP + number * row
        for column, picture in enumerate(card.pictures):
            sheet.paste(picture, (GAP + column * row, top))
        _say(sheet, card, GAP + len(card.pictures) * row, top, side // LINE)
    with atomic(path) as temporary:
        sheet.save(temporary, optimize=True)


def _say(sheet: Image.Image, card: Card, left: int, top: int, lines: int) -> None:
    pen = ImageDraw.Draw(sheet)
    pen.text((left, top), card.kind[:LETTERS], INK, ImageFont.load_default(14))
    said = [line for word, text in card.facts for line in wrap(f"{word}: {text}", LETTERS)]
    for number, line in enumerate(said[: lines - 1]):
        pen.text((left, top + LINE * (number + 1) + 4), line, QUIET, ImageFont.load_default(11))

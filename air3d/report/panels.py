"""What was understood: one scene a row, from the picture through every painted object to what is left over.

picture | after object 1 | after object 2 | ... | difference
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from air3d.files import atomic
from air3d.inference.greedy import Inference
from renderers.convert import to_numpy
from scenes.objects import Objects

SCALE = 3  # screen pixels per picture pixel
GAP = 6  # between cells
HEADER = 22
CAPTION = 48  # three lines under every cell
LETTER = 6  # width of one in a caption, generously
PAPER, EMPTY, INK, WRONG = (255, 255, 255), (240, 240, 240), (40, 40, 40), (190, 30, 30)


def save_panel(
    path: Path | str,
    images: Float[Tensor, "batch height width 3"],
    inference: Inference,
    truth: Objects | None,
    names: Sequence[str],
    rows: int = 8,
) -> None:
    """Draws the first `rows` scenes of an `Inference` and writes them to `path` (PNG), atomically.

    `names` are the catalogue's, by identity. Without `truth` only what was inferred is captioned.
    """
    panel = draw_panel(images, inference, truth, names, rows)
    with atomic(path) as temporary:
        panel.save(temporary)


def draw_panel(
    images: Float[Tensor, "batch height width 3"],
    inference: Inference,
    truth: Objects | None,
    names: Sequence[str],
    rows: int = 8,
) -> Image.Image:
    """The panel as a PIL picture; see `save_panel` for the arguments and `cell_corner` for where the cells are."""
    pictures = images[:rows].detach().cpu().numpy()
    canvases = [canvas[:rows].detach().cpu().numpy() for canvas in inference.images]
    counts = _counts(inference.objects)[:rows]
    steps = max(int(counts.max(initial=0)), 1)
    height, width = pictures.shape[1:3]
    corner = cell_corner(len(pictures), steps + 2, height, width)  # one past the last cell: the size of the panel
    panel = Image.new("RGB", corner, PAPER)
    pen = ImageDraw.Draw(panel)
    for column, title in enumerate(["picture", *(f"after object {t + 1}" for t in range(steps)), "difference"]):
        pen.text((cell_corner(0, column, height, width)[0], 4), title, INK, ImageFont.load_default(13))
    for row, picture in enumerate(pictures):
        count = int(counts[row])
        left_over = np.abs(picture - canvases[-1][row])
        cells = [picture, *(canvases[t + 1][row] if t < count else None for t in range(steps)), left_over]
        captions = _captions(inference, truth, names, row, count, steps, float(np.square(left_over).mean()))
        right = truth is None or _counts(truth)[row] == count
        for column, (cell, caption) in enumerate(zip(cells, captions, strict=True)):
            x, y = cell_corner(row, column, height, width)
            panel.paste(_enlarged(cell, height, width), (x, y))
            ink = INK if right or column <= steps else WRONG
            lines = [part for line in caption.splitlines() for part in wrap(line, width * SCALE // LETTER)]
            pen.text((x, y + height * SCALE + 2), "\n".join(lines[:3]), ink, ImageFont.load_default(11), spacing=2)
    return panel


def cell_corner(row: int, column: int, height: int, width: int) -> tuple[int, int]:
    """Upper left screen pixel (x, y) of a cell of a panel of height x width pictures."""
    return GAP + column * (width * SCALE + GAP), HEADER + row * (height * SCALE + CAPTION)


def _captions(
    inference: Inference, truth: Objects | None, names: Sequence[str], row: int, count: int, steps: int, error: float
) -> list[str]:
    """One caption a cell."""
    rho, identity = inference.rho[row].tolist(), inference.objects.identity[row].tolist()
    seen = f"true {_listed(truth, names, row)}" if truth is not None else ""
    painted = [f"{names[identity[t]]}\nhere with {rho[t]:.0%}" if t < count else "" for t in range(steps)]
    return [seen, *painted, f"inferred {_listed(inference.objects, names, row)}\nmean square {error:.1e}"]


def _listed(objects: Objects, names: Sequence[str], row: int) -> str:
    """`3: bowl, 2 mug` for three objects."""
    scene = to_numpy(objects[row])
    present = scene.presence[0] > 0.5
    kinds = Counter(str(names[k]) for k in scene.identity[0][present])
    listed = ", ".join(f"{n} {name}" if n > 1 else name for name, n in sorted(kinds.items()))
    return f"{int(present.sum())}: {listed}" if listed else "0"


def _counts(objects: Objects) -> np.ndarray:
    return (to_numpy(objects).presence > 0.5).sum(1)


def _enlarged(cell: np.ndarray | None, height: int, width: int) -> Image.Image:
    if cell is None:
        return Image.new("RGB", (width * SCALE, height * SCALE), EMPTY)
    pixels = (np.nan_to_num(cell).clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels.repeat(SCALE, 0).repeat(SCALE, 1))

"""What was found, drawn on the picture: the outline of every object that is seen, and its label."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from renderers.base import Renderer
from renderers.convert import to_torch
from renderers.visibility import owned_pixels
from scenes.framing import whole
from scenes.objects import Objects
from scenes.photographs import Photograph
from scenes.view import View

SMALLEST, LARGEST = 320, 1600
"""Pixels along the longer side; what is smaller is enlarged, pixel by pixel, and what is larger averaged down."""

LINE, LETTERS = 200, 32
"""The longer side is so many times as long as a line is wide, or a letter high."""

GREEN, TURN = 0.33, 0.618
"""Shares of the circle of hues: of the first object, and from one to the next, so that none is near another."""


def overlay(
    photograph: Photograph, objects: Objects, view: View, renderer: Renderer, labels: Sequence[str]
) -> Image.Image:
    """The picture at its own size (between `SMALLEST` and `LARGEST`) with the objects (numpy, one picture) on it.

    view: of what the network sees of the picture; labels: of the objects, slot by slot."""
    shown = photograph.whole(LARGEST)
    times = -(-SMALLEST // max(shown.size))
    shown = shown.resize((times * shown.width, times * shown.height), Image.Resampling.NEAREST)
    seen = resized(whole(view, photograph.frame), shown.height, shown.width)
    return draw_overlay(shown, objects, seen, renderer, labels)


def draw_overlay(
    picture: Image.Image, objects: Objects, view: View, renderer: Renderer, labels: Sequence[str]
) -> Image.Image:
    """The picture (of the view's size) with the objects on it; those of which nothing is seen are not drawn."""
    picture, side = picture.copy(), max(picture.size)
    line, height = max(1, side // LINE), max(9, side // LETTERS)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(height)
    device = next(renderer.buffers()).device
    owned = owned_pixels(renderer, to_torch(objects.masked(), device), to_torch(view, device))[0].cpu().numpy()
    seen = [slot for slot in range(objects.slots) if objects.presence[0, slot] > 0.5 and owned[slot].any()]
    for slot in seen:
        ink = tuple(round(255 * x) for x in colorsys.hsv_to_rgb((GREEN + TURN * slot) % 1, 0.9, 1.0))
        picture.paste(ink, mask=outline(owned[slot], line))
    for slot in seen:  # over all outlines
        (top, *_), columns = owned[slot].any(1).nonzero()[0], owned[slot].any(0).nonzero()[0]
        at = (columns[0] + columns[-1]) / 2, top - height / 2
        pen.text(at, labels[slot], "white", font, anchor="ms", stroke_width=line, stroke_fill="black")
    return picture


def outline(mask: np.ndarray, width: int) -> Image.Image:
    """The border of a mask [height, width], so many pixels wide to either side."""
    solid = Image.fromarray(mask.astype(np.uint8) * 255)
    outer, inner = (
        solid.filter(ImageFilter.MaxFilter(2 * width + 1)),
        solid.filter(ImageFilter.MinFilter(2 * width + 1)),
    )
    return Image.fromarray(np.asarray(outer) - np.asarray(inner))


def resized(view: View, height: int, width: int) -> View:
    """The same cameras with pictures of another size."""
    across, down = width / view.width, height / view.height
    scale, half = np.array([across, down, across, down]), np.array([0.0, 0.0, 0.5, 0.5])
    lens = ((np.asarray(view.intrinsics) + half) * scale - half).astype(np.asarray(view.intrinsics).dtype)
    return replace(view, intrinsics=lens, height=height, width=width)

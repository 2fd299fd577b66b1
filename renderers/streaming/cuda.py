"""The loops of ``streaming`` on CUDA, one thread a pixel forward and one thread a triangle backward.

The formulas are those of the CPU (formulas), compiled by numba-cuda when first used. Pictures come out the
same bits every time. Corners shared by triangles collect their gradients by atomic additions, whose order varies, and
with it the last bits of a gradient.
"""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any

import numba.cuda
import numpy as np

from renderers.streaming import elementwise as pixelwise
from renderers.streaming import formulas as sources
from renderers.streaming.compiler import compiled
from renderers.streaming.formulas import ZERO

# The driver's own log reaches the screen wherever a program logs at INFO, as ours do; and one picture is a small grid.
logging.getLogger("numba.cuda").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", ".*Grid size .* low occupancy")
cuda: Any = numba.cuda  # its annotations describe what the decorator hides
TILE = 8  # pixels to a side that a block paints
CHUNK = TILE * TILE  # triangles that it looks at together
THREADS = 64  # of a block elsewhere
formulas = compiled(sources, cuda.jit(device=True))
triangle, tint_of, seen, box, centre = (getattr(formulas, x) for x in ("triangle", "tint_of", "seen", "box", "centre"))
fragment, merge_fragment = formulas.fragment, formulas.merge_fragment
fragment_backward, plus_nine = formulas.fragment_backward, formulas.plus_nine
elementwise = compiled(pixelwise, cuda.jit(device=True))
merge_pixel_backward, compose_pixel = elementwise.merge_pixel_backward, elementwise.compose_pixel
compose_pixel_backward, background_of_pixel = elementwise.compose_pixel_backward, elementwise.background_of_pixel


@cuda.jit(device=True)
def in_tile(t, cull, reach, row, col, height, width):
    """Whether a triangle is drawn and its box meets the tile whose first pixel is (row, col)."""
    if not seen(t, cull):
        return False
    row0, row1, col0, col1 = box(t, reach, height, width)
    return row0 < row + TILE and row1 > row and col0 < col + TILE and col1 > col


@cuda.jit
def _paint_forward(
    out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull
):  # fmt: skip
    """A block is a tile of a picture. Its threads sort out the triangles of a chunk together, then each paints its
    pixel with those that remain, in their order."""
    b, height, width, reach = cuda.blockIdx.z, out.shape[1], out.shape[2], math.sqrt(blur)
    row0, col0 = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    row, col, lane = row0 + cuda.threadIdx.y, col0 + cuda.threadIdx.x, cuda.threadIdx.y * TILE + cuda.threadIdx.x
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    wanted = cuda.shared.array(CHUNK, np.int32)
    pixel = cuda.local.array(6, np.float32)
    exists = row < height and col < width
    px, py = centre(row, col, height, width)
    for layer in range(6):
        pixel[layer] = out[b, row, col, layer] if exists else ZERO
    for n in range(identity.shape[1]):
        mesh = identity[b, n]
        count = face_count[mesh] if painted[b, n] else 0
        for first in range(0, count, CHUNK):
            f = first + lane
            wanted[lane] = f < count and in_tile(
                triangle(vertices[b, n], faces[mesh, f if f < count else 0]), cull, reach, row0, col0, height, width
            )
            cuda.syncthreads()
            for other in range(min(CHUNK, count - first) if exists else 0):
                if wanted[other]:
                    face = faces[mesh, first + other]
                    touches, p, log_clear, z, red, green, blue = fragment(
                        px, py, triangle(vertices[b, n], face), tint_of(colours[b, n], face), sigma, blur
                    )
                    if touches:
                        merge_fragment(pixel, p, log_clear, z, red, green, blue, gamma, zfar, per_depth)
            cuda.syncthreads()
    for layer in range(6 if exists else 0):
        out[b, row, col, layer] = pixel[layer]


@cuda.jit(device=True)
def add_to_corner(total, b, n, corner, x, y, z):
    """Add three numbers to one corner: total [B,N,V,3]."""
    cuda.atomic.add(total, (b, n, corner, 0), x)
    cuda.atomic.add(total, (b, n, corner, 1), y)
    cuda.atomic.add(total, (b, n, corner, 2), z)


@cuda.jit(device=True)
def add_to_corners(total, b, n, face, values):
    """Add nine numbers to the corners of a triangle."""
    add_to_corner(total, b, n, face[0], values[0], values[1], values[2])
    add_to_corner(total, b, n, face[1], values[3], values[4], values[5])
    add_to_corner(total, b, n, face[2], values[6], values[7], values[8])


@cuda.jit
def _paint_backward(
    out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull,
    g_out, g_vertices, g_colours,
):  # fmt: skip
    """A thread is a triangle: it meets its pixels again and adds what they say to its corners."""
    b, n, f = cuda.blockIdx.z, cuda.blockIdx.y, cuda.grid(1)
    mesh = identity[b, n]
    if f >= face_count[mesh] or not painted[b, n]:
        return
    height, width, face = out.shape[1], out.shape[2], faces[mesh, f]
    t, tint = triangle(vertices[b, n], face), tint_of(colours[b, n], face)
    if not seen(t, cull):
        return
    row0, row1, col0, col1 = box(t, math.sqrt(blur), height, width)
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    corners = colour = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
    for row in range(row0, row1):
        for col in range(col0, col1):
            px, py = centre(row, col, height, width)
            above = g_out[b, row, col]
            touches, g_corners, g_tint = fragment_backward(
                (above[1], above[2], above[3], above[4], above[5]), out[b, row, col, 0], px, py, t, tint,
                sigma, gamma, blur, zfar, per_depth,
            )  # fmt: skip
            if touches:
                corners, colour = plus_nine(corners, g_corners), plus_nine(colour, g_tint)
    add_to_corners(g_vertices, b, n, face, corners)
    add_to_corners(g_colours, b, n, face, colour)


@cuda.jit
def _merge_backward(canvas, out, gamma, g_out, g_canvas):
    b, row, col = cuda.blockIdx.z, cuda.blockIdx.y, cuda.grid(1)
    if col < canvas.shape[2]:
        before, after = canvas[b, row, col, 0], out[b, row, col, 0]
        merge_pixel_backward(g_out[b, row, col], before, after, gamma, g_canvas[b, row, col])


@cuda.jit(device=True)
def behind(index, length):
    """Where a number of a background [1 or B, 1 or H, 1 or W, 3] lies that stands for one of a picture. A function on a
    device may return no part of an array."""
    return index if length > 1 else 0


@cuda.jit
def _compose_forward(canvas, background, gamma, image):
    b, row, col = cuda.blockIdx.z, cuda.blockIdx.y, cuda.grid(1)
    if col < canvas.shape[2]:
        batch, tall, wide = background.shape[:3]
        table = background[behind(b, batch), behind(row, tall), behind(col, wide)]
        compose_pixel(canvas[b, row, col], table, gamma, image[b, row, col])


@cuda.jit
def _compose_backward(canvas, background, gamma, g_image, g_canvas):
    b, row, col = cuda.blockIdx.z, cuda.blockIdx.y, cuda.grid(1)
    if col < canvas.shape[2]:
        batch, tall, wide = background.shape[:3]
        table = background[behind(b, batch), behind(row, tall), behind(col, wide)]
        compose_pixel_backward(canvas[b, row, col], table, gamma, g_image[b, row, col], g_canvas[b, row, col])


@cuda.jit
def _background_backward(canvas, gamma, g_image, g_background):
    b, row, col = cuda.blockIdx.z, cuda.blockIdx.y, cuda.grid(1)
    if col < canvas.shape[2]:
        background_of_pixel(canvas[b, row, col], gamma, g_image[b, row, col], g_background[b, row, col])


PIXEL_BY_PIXEL = {
    "merge_backward": _merge_backward,
    "compose_forward": _compose_forward,
    "compose_backward": _compose_backward,
    "background_backward": _background_backward,
}


def launch(name: str, arguments: Any, stream: Any = 0) -> None:
    """Run the kernel ``name`` (those of ``kernels``, for whole batches) on tensors that lie on the current device.

    ``stream``: the address of a CUDA stream, 0 for the default one.
    """
    batch, height, width = arguments[0].shape[:3]
    if not batch:
        return
    queue = cuda.external_stream(stream) if stream else 0
    if name == "paint_forward":
        _paint_forward[(-(-width // TILE), -(-height // TILE), batch), (TILE, TILE), queue](*arguments)
    elif name == "paint_backward":
        faces, identity = arguments[3], arguments[5]
        blocks = (-(-faces.shape[1] // THREADS), identity.shape[1], batch)
        _paint_backward[blocks, THREADS, queue](*arguments)
    else:
        PIXEL_BY_PIXEL[name][(-(-width // THREADS), height, batch), THREADS, queue](*arguments)

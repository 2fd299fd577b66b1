"""The loops of ``streaming`` on a CPU: triangles into pictures, and gradients back. One thread handles a picture.

A kernel takes pictures ``start .. stop`` of a batch. Nothing is stored between forward and backward: the backward
meets the same fragments again. What happens to one pixel stands in streaming_formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from renderers import streaming_formulas
from renderers.streaming_formulas import ZERO

FAST = {"contract", "arcp", "nsz", "reassoc"}  # no nnan or ninf: comparisons with NaN must stay false
formulas = streaming_formulas.compiled(njit(inline="always", fastmath=FAST))
triangle, seen, box, centre = formulas.triangle, formulas.seen, formulas.box, formulas.centre
inverse_squares, paint_pixel, pull_pixel = formulas.inverse_squares, formulas.paint_pixel, formulas.pull_pixel
pose_corner, pull_corner = formulas.pose_corner, formulas.pull_corner
merge_pixel, develop_pixel, undevelop_pixel = formulas.merge_pixel, formulas.develop_pixel, formulas.undevelop_pixel


def kernel(function: Callable) -> Any:
    """Compile once for all processes, and again when this file or the formulas change.

    numba's own stamp knows only the file a function stands in, and would go on with old formulas.
    """
    dispatcher: Any = njit(nogil=True, cache=True, fastmath=FAST)(function)
    cache, source = dispatcher._cache._cache_file, Path(streaming_formulas.__file__).stat()
    cache._source_stamp = (cache._source_stamp, source.st_mtime, source.st_size)
    return dispatcher


@kernel
def pose_forward(
    start, stop, turn, shift, towards, mesh, corners, normals, albedo, count, scale, ambient, diffuse, vertices, colours
):
    """Objects start .. stop of M to vertices, colours [M,V,3]; turn [M,3,3], shift, towards [M,3], corners [K,V,3]."""
    for m in range(start, stop):
        k = mesh[m]
        for v in range(count[k]):
            pose_corner(
                corners[k, v], normals[k, v], albedo[k, v], turn[m], shift[m], towards[m],
                scale, ambient, diffuse, vertices[m, v], colours[m, v],
            )  # fmt: skip
        vertices[m, count[k] :] = vertices[m, 0]  # padding; no triangle uses it


@kernel
def pose_backward(
    start, stop, towards, mesh, corners, normals, albedo, count, scale, diffuse, vertices,
    g_vertices, g_colours, g_turn, g_shift, g_towards,
):  # fmt: skip
    """Gradients of ``pose_forward``'s results, added to g_turn [M,3,3], g_shift and g_towards [M,3]."""
    for m in range(start, stop):
        k = mesh[m]
        for v in range(count[k]):
            pull_corner(
                corners[k, v], normals[k, v], albedo[k, v], towards[m], scale, diffuse, vertices[m, v],
                g_vertices[m, v], g_colours[m, v], g_turn[m], g_shift[m], g_towards[m],
            )  # fmt: skip


@kernel
def paint_forward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull
):  # fmt: skip
    """Merge N meshes each into the canvases out [B,H,W,6], in place. Vertices (x_ndc, y_ndc, z_view) [B,N,V,3]."""
    height, width, reach = out.shape[1], out.shape[2], math.sqrt(blur)
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    for b in range(start, stop):
        for n in range(identity.shape[1]):
            mesh, tint = identity[b, n], colours[b, n]
            for f in range(face_count[mesh] if painted[b, n] else 0):
                face = faces[mesh, f]
                t = triangle(vertices[b, n], face)
                sign = seen(t, cull)
                if sign == ZERO:
                    continue
                row0, row1, col0, col1 = box(t, reach, height, width)
                inverses = inverse_squares(t)
                for row in range(row0, row1):
                    for col in range(col0, col1):
                        px, py = centre(row, col, height, width)
                        paint_pixel(
                            out[b, row, col], px, py, t, inverses, sign, face, tint, sigma, gamma, blur, zfar, per_depth
                        )


@kernel
def paint_backward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull,
    g_out, g_vertices, g_colours,
):  # fmt: skip
    """Gradients g_out [B,H,W,6] with respect to ``paint_forward``'s result, added to g_vertices and g_colours."""
    height, width, reach = out.shape[1], out.shape[2], math.sqrt(blur)
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    g = np.zeros((6, 3), np.float32)  # of this triangle: rows are its corners' positions, then their colours
    for b in range(start, stop):
        for n in range(identity.shape[1]):
            mesh, tint = identity[b, n], colours[b, n]
            for f in range(face_count[mesh] if painted[b, n] else 0):
                face = faces[mesh, f]
                t = triangle(vertices[b, n], face)
                sign = seen(t, cull)
                if sign == ZERO:
                    continue
                row0, row1, col0, col1 = box(t, reach, height, width)
                inverses, touched = inverse_squares(t), False
                for row in range(row0, row1):
                    for col in range(col0, col1):
                        px, py = centre(row, col, height, width)
                        touched |= pull_pixel(
                            g, g_out[b, row, col], out[b, row, col, 0], px, py, t, inverses, sign, face, tint,
                            sigma, gamma, blur, zfar, per_depth,
                        )  # fmt: skip
                if touched:
                    for corner in range(3):
                        for c in range(3):
                            g_vertices[b, n, face[corner], c] += g[corner, c]
                            g_colours[b, n, face[corner], c] += g[3 + corner, c]
                    g[:] = ZERO


@kernel
def merge_backward(start, stop, canvas, out, gamma, g_out, g_canvas):
    """Gradients g_out [B,H,W,6] with respect to the new canvas -> g_canvas, with respect to the one before."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                before, after = canvas[b, row, col, 0], out[b, row, col, 0]
                merge_pixel(g_out[b, row, col], before, after, gamma, g_canvas[b, row, col])


@kernel
def develop_forward(start, stop, canvas, background, gamma, image):
    """Canvas [B,H,W,6] -> image [B,H,W,3]."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                develop_pixel(canvas[b, row, col], background, gamma, image[b, row, col])


@kernel
def develop_backward(start, stop, canvas, background, gamma, g_image, g_canvas):
    """Gradients g_image [B,H,W,3] -> g_canvas [B,H,W,6]."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                pixel, g_pixel = canvas[b, row, col], g_canvas[b, row, col]
                undevelop_pixel(pixel, background, gamma, g_image[b, row, col], g_pixel)

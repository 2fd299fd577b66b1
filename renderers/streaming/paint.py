"""The loops of ``streaming`` that paint, on a CPU: triangles into pictures, and gradients back.

Nothing is stored between forward and backward: the backward meets the same fragments again. What happens to one pixel
stands in formulas, how pixels and triangles meet in pairs. Then comes a loop over pairs that do not
depend on one another, many at a time, and a loop over those that touch, one at a time.

The two kernels repeat the walk over pictures, objects and fillings of the queue. A generator would share it, but
numba's keep a reference to every array that they were given: trainings ran out of memory.
"""

from __future__ import annotations

import numpy as np

from renderers.streaming.compiler import helper, kernel
from renderers.streaming.formulas import ONE, ZERO
from renderers.streaming.pairs import (
    COL,
    CORNERS,
    FACE,
    QUEUE,
    RESULTS,
    ROW,
    STRIDE,
    TINT,
    expand,
    fill,
    formulas,
    nine,
    put_nine,
)

centre, fragment, merge_fragment = formulas.centre, formulas.fragment, formulas.merge_fragment
fragment_backward, plus_nine = formulas.fragment_backward, formulas.plus_nine

TOUCHES, P, LOG_CLEAR, Z, RED, GREEN, BLUE, FORWARD = (RESULTS + row * STRIDE for row in range(8))
_, M, G_S, G_RED, G_GREEN, G_BLUE, G_L, G_CORNERS = (RESULTS + row * STRIDE for row in range(8))
G_TINT = G_CORNERS + 9 * STRIDE
BACKWARD = G_TINT + 9 * STRIDE


@helper
def prepare(size, znear, zfar):
    """What a kernel works with: 1 / (zfar - znear), the queue and its cursor, the touching pairs, and all pairs."""
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    queue, cursor, touched = np.empty((QUEUE, 6), np.int32), np.empty(2, np.int64), np.empty(STRIDE, np.int32)
    return per_depth, queue, cursor, touched, np.zeros(size, np.float32)


@helper
def whole_vectors(count):
    """``count`` rounded up to whole vectors of 16 floats, so that no loop ends on single pairs."""
    return (count + 15) // 16 * 16


@helper
def weigh(pairs, count, sigma, blur, height, width):
    """What each pair's triangle is to its pixel: TOUCHES, P, LOG_CLEAR, Z and colour."""
    for at in range(whole_vectors(count)):
        px, py = centre(pairs[ROW + at], pairs[COL + at], height, width)
        touches, p, log_clear, z, red, green, blue = fragment(
            px, py, nine(pairs, CORNERS, at), nine(pairs, TINT, at), sigma, blur
        )
        pairs[TOUCHES + at] = ONE if touches else ZERO
        pairs[P + at], pairs[LOG_CLEAR + at], pairs[Z + at] = p, log_clear, z
        pairs[RED + at], pairs[GREEN + at], pairs[BLUE + at] = red, green, blue


@helper
def touching_ones(pairs, count, touched):
    """Write the numbers of those that touch to ``touched``; without a branch, because it could not be foreseen."""
    hits = 0
    for at in range(count):
        touched[hits] = at
        hits += pairs[TOUCHES + at] > ZERO
    return hits


@helper
def merge(out, pairs, touched, hits, gamma, zfar, per_depth):
    """Add fragments to the canvas out [H,W,6], in their order."""
    for hit in range(hits):
        at = touched[hit]
        merge_fragment(
            out[int(pairs[ROW + at]), int(pairs[COL + at])], pairs[P + at], pairs[LOG_CLEAR + at], pairs[Z + at],
            pairs[RED + at], pairs[GREEN + at], pairs[BLUE + at], gamma, zfar, per_depth,
        )  # fmt: skip


@kernel
def paint_forward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull
):  # fmt: skip
    """Merge N meshes each into the canvases out [B,H,W,6], in place. Vertices (x_ndc, y_ndc, z_view) [B,N,V,3]."""
    height, width, patch_size = out.shape[1], out.shape[2], out.shape[3] + 2  # see ``expand``
    per_depth, queue, cursor, touched, pairs = prepare(FORWARD, znear, zfar)
    for b in range(start, stop):
        for n in range(identity.shape[1]):
            mesh, count = faces[identity[b, n]], face_count[identity[b, n]] if painted[b, n] else 0
            cursor[:] = 0
            while cursor[0] < count:
                used = fill(queue, cursor, vertices[b, n], mesh, count, blur, cull, height, width)
                met = expand(pairs, queue, used, vertices[b, n], mesh, colours[b, n], patch_size)
                weigh(pairs, met, sigma, blur, height, width)
                merge(out[b], pairs, touched, touching_ones(pairs, met, touched), gamma, zfar, per_depth)


@helper
def gather(pairs, count, out, g_out):
    """Bring each pair its pixel's depth M, and the gradients of the pixel's other numbers."""
    for at in range(count):
        row, col = int(pairs[ROW + at]), int(pairs[COL + at])
        pairs[M + at], pairs[G_S + at], pairs[G_L + at] = out[row, col, 0], g_out[row, col, 1], g_out[row, col, 5]
        pairs[G_RED + at], pairs[G_GREEN + at] = g_out[row, col, 2], g_out[row, col, 3]
        pairs[G_BLUE + at] = g_out[row, col, 4]


@helper
def fragments_backward(pairs, count, sigma, gamma, blur, zfar, per_depth, height, width):
    """What each pair's pixel says about its triangle: TOUCHES, G_CORNERS and G_TINT."""
    for at in range(whole_vectors(count)):
        px, py = centre(pairs[ROW + at], pairs[COL + at], height, width)
        g_pixel = pairs[G_S + at], pairs[G_RED + at], pairs[G_GREEN + at], pairs[G_BLUE + at], pairs[G_L + at]
        touches, g_corners, g_tint = fragment_backward(
            g_pixel, pairs[M + at], px, py, nine(pairs, CORNERS, at), nine(pairs, TINT, at),
            sigma, gamma, blur, zfar, per_depth,
        )  # fmt: skip
        pairs[TOUCHES + at] = ONE if touches else ZERO
        put_nine(pairs, G_CORNERS, at, g_corners)
        put_nine(pairs, G_TINT, at, g_tint)


@helper
def add_to_corners(total, face, values):
    """Add nine numbers to the three corners of a triangle: total [V,3]."""
    for c in range(3):
        total[face[0], c] += values[c]
        total[face[1], c] += values[3 + c]
        total[face[2], c] += values[6 + c]


@helper
def scatter(pairs, touched, hits, faces, g_vertices, g_colours):
    """Add the pairs' gradients to their corners; those of one triangle follow one another and are summed first."""
    hit = 0
    while hit < hits:
        face = pairs[FACE + touched[hit]]
        corners, tint = nine(pairs, G_CORNERS, touched[hit]), nine(pairs, G_TINT, touched[hit])
        hit += 1
        while hit < hits and pairs[FACE + touched[hit]] == face:
            corners = plus_nine(corners, nine(pairs, G_CORNERS, touched[hit]))
            tint = plus_nine(tint, nine(pairs, G_TINT, touched[hit]))
            hit += 1
        add_to_corners(g_vertices, faces[int(face)], corners)
        add_to_corners(g_colours, faces[int(face)], tint)


@kernel
def paint_backward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull,
    g_out, g_vertices, g_colours,
):  # fmt: skip
    """Gradients g_out [B,H,W,6] with respect to ``paint_forward``'s result, added to g_vertices and g_colours."""
    height, width, patch_size = out.shape[1], out.shape[2], out.shape[3] + 2  # see ``expand``
    per_depth, queue, cursor, touched, pairs = prepare(BACKWARD, znear, zfar)
    for b in range(start, stop):
        for n in range(identity.shape[1]):
            mesh, count = faces[identity[b, n]], face_count[identity[b, n]] if painted[b, n] else 0
            cursor[:] = 0
            while cursor[0] < count:
                used = fill(queue, cursor, vertices[b, n], mesh, count, blur, cull, height, width)
                met = expand(pairs, queue, used, vertices[b, n], mesh, colours[b, n], patch_size)
                gather(pairs, met, out[b], g_out[b])
                fragments_backward(pairs, met, sigma, gamma, blur, zfar, per_depth, height, width)
                hits = touching_ones(pairs, met, touched)
                scatter(pairs, touched, hits, mesh, g_vertices[b, n], g_colours[b, n])

"""The formulas of ``streaming``, each once, for whichever compiler: numba's for CPUs, or its one for CUDA.

``paint_pixel`` merges one triangle into one pixel; ``pull_pixel`` is its gradient. Names follow ``canvas``: m depth,
S weight, C colour, L log_clear; ``g_x`` is dLoss/dx. A triangle is nine numbers ``t``: x_ndc, y_ndc, z_view of its
corners. Constants are np.float32 on purpose: a bare 1.0 would turn float32 arithmetic into float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

ZERO, ONE, TWO, HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
EPS = np.float32(1e-10)
TINY = np.float32(1e-8)  # PyTorch3D's kEpsilon: smallest area, squared edge length, depth
FAR = np.float32(-30)  # exp of this is nothing beside the S >= 1e-4 of a pixel's nearest fragment
SURE = np.float32(17)  # exp(-17) is less than half the distance from 1 to the next float32


def triangle(vertices, face):
    """The nine numbers of a triangle of a mesh: vertices [V,3], face [3]."""
    v0, v1, v2 = vertices[face[0]], vertices[face[1]], vertices[face[2]]
    return v0[0], v0[1], v0[2], v1[0], v1[1], v1[2], v2[0], v2[1], v2[2]


def seen(t, cull):
    """+1 or -1 for a triangle that faces the camera or turns its back, 0 for one that is not drawn."""
    x0, y0, z0, x1, y1, z1, x2, y2, z2 = t
    area = (x0 - x1) * (y2 - y1) - (y0 - y1) * (x2 - x1)
    if not (min(z0, z1, z2) > TINY and abs(area) > TINY):
        return ZERO
    if area < ZERO:
        return ZERO if cull else -ONE
    return ONE


def span(low, high, edge, per_step, count):
    """First and past the last of ``count`` pixel centres ``edge - (i + 1/2) / per_step`` in [low, high]."""
    first = math.ceil(max((edge - high) * per_step - HALF, ZERO))
    last = math.floor(min((edge - low) * per_step - HALF, np.float32(count - 1)))
    return int(first), int(last) + 1


def box(t, reach, height, width):
    """Rows and columns (first, past the last) of the pixels that a triangle may touch."""
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    per_step = np.float32(min(height, width)) / TWO
    left, top = np.float32(width) / (TWO * per_step), np.float32(height) / (TWO * per_step)
    row0, row1 = span(min(y0, y1, y2) - reach, max(y0, y1, y2) + reach, top, per_step, height)
    col0, col1 = span(min(x0, x1, x2) - reach, max(x0, x1, x2) + reach, left, per_step, width)
    return row0, row1, col0, col1


def centre(row, col, height, width):
    """(x, y) in NDC of a pixel's centre: +x left, +y up."""
    step = TWO / np.float32(min(height, width))
    x = step * (np.float32(width) / TWO - np.float32(col) - HALF)
    return x, step * (np.float32(height) / TWO - np.float32(row) - HALF)


def inverse_square(ax, ay, bx, by):
    """1 / |ab|^2; 0 for an edge without length, which its neighbours stand in for: they hold both its ends."""
    length = (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    return ONE / length if length > TINY else ZERO


def inverse_squares(t):
    """Of the edges 01, 02, 12."""
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    return inverse_square(x0, y0, x1, y1), inverse_square(x0, y0, x2, y2), inverse_square(x1, y1, x2, y2)


def along(px, py, ax, ay, bx, by, inverse):
    """Where on the segment ab, from 0 to 1, the point nearest to p lies."""
    return min(max(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) * inverse, ZERO), ONE)


def to_segment(px, py, ax, ay, bx, by, inverse):
    """Squared distance of p to the segment ab."""
    s = along(px, py, ax, ay, bx, by, inverse)
    rx, ry = ax + s * (bx - ax) - px, ay + s * (by - ay) - py
    return rx * rx + ry * ry


def hit(px, py, t, inverses, sign, blur):
    """Whether a triangle touches a pixel: (touches, d, edge, e0, e1, e2).

    ``d``: squared distance to the outline, negative inside; ``edge``: 0, 1, 2 for the nearest of 01, 02, 12; ``e``:
    twice the signed areas that the pixel spans with 12, 20, 01, positive inside.
    """
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    i01, i02, i12 = inverses
    e0 = sign * ((px - x1) * (y2 - y1) - (py - y1) * (x2 - x1))
    e1 = sign * ((px - x2) * (y0 - y2) - (py - y2) * (x0 - x2))
    e2 = sign * ((px - x0) * (y1 - y0) - (py - y0) * (x1 - x0))
    d01, d02, d12 = e2 * e2 * i01, e1 * e1 * i02, e0 * e0 * i12  # to the three lines
    inside = e0 > ZERO and e1 > ZERO and e2 > ZERO
    if inside:  # the nearest line is the nearest edge
        d01, d02, d12 = d01 if i01 > ZERO else ONE, d02 if i02 > ZERO else ONE, d12 if i12 > ZERO else ONE
    else:
        if (e2 < ZERO and d01 >= blur) or (e1 < ZERO and d02 >= blur) or (e0 < ZERO and d12 >= blur):
            return False, blur, 0, e0, e1, e2  # beyond a line is beyond the triangle
        d01 = to_segment(px, py, x0, y0, x1, y1, i01)
        d02 = to_segment(px, py, x0, y0, x2, y2, i02)
        d12 = to_segment(px, py, x1, y1, x2, y2, i12)
    d, edge = d01, 0
    if d02 < d:
        d, edge = d02, 1
    if d12 < d:
        d, edge = d12, 2
    touches = inside or (d < blur and max(e0, e1, e2) > ZERO)
    return touches, -d if inside else d, edge, e0, e1, e2


def weights(e0, e1, e2, z0, z1, z2):
    """Clipped perspective-correct barycentrics (w0, w1, w2, scale).

    From w_i ~ e_i z_j z_k follows w_i ~ u_i = max(e_i, 0) / z_i: clipping commutes with a positive factor.
    """
    u0, u1, u2 = max(e0, ZERO) / z0, max(e1, ZERO) / z1, max(e2, ZERO) / z2
    scale = ONE / (u0 + u1 + u2)
    return u0 * scale, u1 * scale, u2 * scale, scale


def coverage(d, sigma):
    """p = sigmoid(-d / sigma), 1 - p without cancellation, and log(1 - p)."""
    x = abs(d) / sigma
    if x > SURE:
        return (ONE, ZERO, -x) if d < ZERO else (ZERO, ONE, ZERO)
    e = math.exp(-x)
    small, large = e / (ONE + e), ONE / (ONE + e)
    if d < ZERO:
        return large, small, -x - math.log(ONE + e)
    return small, large, -math.log(ONE + e)


def paint_pixel(pixel, px, py, t, inverses, sign, face, tint, sigma, gamma, blur, zfar, per_depth):
    """Merge a triangle into a pixel [6] at (px, py), if it touches it. face [3] chooses its colours from tint [V,3]."""
    touches, d, _, e0, e1, e2 = hit(px, py, t, inverses, sign, blur)
    if not touches:
        return
    w0, w1, w2, _ = weights(e0, e1, e2, t[2], t[5], t[8])
    p, _, log_clear = coverage(d, sigma)
    pixel[5] += log_clear
    # float64 here alone: gamma magnifies the rounding of zinv ten thousand times
    zinv = (zfar - np.float64(w0 * t[2] + w1 * t[5] + w2 * t[8])) * per_depth
    lag = np.float32(zinv - pixel[0]) / gamma
    if lag < FAR:
        return
    if lag > ZERO:  # as in a streaming softmax: a nearer fragment rescales what is there
        nearer = np.float32(zinv)
        fade = math.exp((pixel[0] - nearer) / gamma)
        pixel[0] = nearer
        for layer in range(1, 5):
            pixel[layer] *= fade
        lag = np.float32(zinv - nearer) / gamma
    q = p * math.exp(lag)
    pixel[1] += q
    for c in range(3):
        pixel[2 + c] += q * (w0 * tint[face[0], c] + w1 * tint[face[1], c] + w2 * tint[face[2], c])


def pull_pixel(g, g_pixel, m, px, py, t, inverses, sign, face, tint, sigma, gamma, blur, zfar, per_depth):
    """What one pixel's gradient g_pixel [6] says about a triangle, added to g [6,3]: three corners, three colours.

    ``m`` is the finished pixel's depth. Returns whether the triangle touches the pixel.
    """
    touches, d, edge, e0, e1, e2 = hit(px, py, t, inverses, sign, blur)
    if not touches:
        return False
    w0, w1, w2, scale = weights(e0, e1, e2, t[2], t[5], t[8])
    p, clear, _ = coverage(d, sigma)
    zinv = (zfar - np.float64(w0 * t[2] + w1 * t[5] + w2 * t[8])) * per_depth
    lag, g_p = np.float32(zinv - m) / gamma, ZERO
    if lag >= FAR:
        near = math.exp(lag)
        g_p = near * pull_colour(g, g_pixel, px, py, t, sign, face, tint, p * near, gamma, per_depth,
                                 e0, e1, e2, w0, w1, w2, scale)  # fmt: skip
    # L += log(1 - p), dp / d(-d/sigma) = p (1 - p), dlog(1 - p) / d(-d/sigma) = -p
    g_d = p * (g_pixel[5] - g_p * clear) / sigma
    pull_distance(g, px, py, t, inverses, edge, -g_d if d < ZERO else g_d)
    return True


def pull_colour(
    g, g_pixel, px, py, t, sign, face, tint, q, gamma, per_depth, e0, e1, e2, w0, w1, w2, scale
):  # fmt: skip
    """Through S += q, C += q colour to colours, depths and barycentrics; returns g_q.

    q = p exp((zinv - m) / gamma), zinv = (zfar - z) / range, z = sum w_i z_i, colour = sum w_i colour_i.
    """
    x0, y0, z0, x1, y1, z1, x2, y2, z2 = t
    g_q, g_w0, g_w1, g_w2 = g_pixel[1], ZERO, ZERO, ZERO
    for c in range(3):
        c0, c1, c2 = tint[face[0], c], tint[face[1], c], tint[face[2], c]
        g_q += g_pixel[2 + c] * (w0 * c0 + w1 * c1 + w2 * c2)
        g_colour = g_pixel[2 + c] * q
        g[3, c] += w0 * g_colour
        g[4, c] += w1 * g_colour
        g[5, c] += w2 * g_colour
        g_w0, g_w1, g_w2 = g_w0 + g_colour * c0, g_w1 + g_colour * c1, g_w2 + g_colour * c2
    g_z = -g_q * q * np.float32(per_depth) / gamma
    g_w0, g_w1, g_w2 = g_w0 + g_z * z0, g_w1 + g_z * z1, g_w2 + g_z * z2
    # w_i = u_i / sum u, u_i = max(e_i, 0) / z_i
    mean = g_w0 * w0 + g_w1 * w1 + g_w2 * w2
    g_u0, g_u1, g_u2 = (g_w0 - mean) / z0, (g_w1 - mean) / z1, (g_w2 - mean) / z2
    g[0, 2] += w0 * g_z - g_u0 * w0
    g[1, 2] += w1 * g_z - g_u1 * w1
    g[2, 2] += w2 * g_z - g_u2 * w2
    g_e0 = sign * scale * g_u0 if e0 > ZERO else ZERO
    g_e1 = sign * scale * g_u1 if e1 > ZERO else ZERO
    g_e2 = sign * scale * g_u2 if e2 > ZERO else ZERO
    # e0 = (px - x1) (y2 - y1) - (py - y1) (x2 - x1), and round
    g[0, 0] += g_e1 * (y2 - py) + g_e2 * (py - y1)
    g[0, 1] += g_e1 * (px - x2) + g_e2 * (x1 - px)
    g[1, 0] += g_e2 * (y0 - py) + g_e0 * (py - y2)
    g[1, 1] += g_e2 * (px - x0) + g_e0 * (x2 - px)
    g[2, 0] += g_e0 * (y1 - py) + g_e1 * (py - y0)
    g[2, 1] += g_e0 * (px - x1) + g_e1 * (x0 - px)
    return g_q


def pull_distance(g, px, py, t, inverses, edge, g_square):
    """Through d = |a + s (b - a) - p|^2 to the ends a, b of the nearest edge; s, at its optimum, has no gradient."""
    a, b = 0 if edge < 2 else 1, 1 if edge < 1 else 2
    ax, ay, bx, by = t[3 * a], t[3 * a + 1], t[3 * b], t[3 * b + 1]
    s = along(px, py, ax, ay, bx, by, inverses[edge])
    g_x = TWO * g_square * (ax + s * (bx - ax) - px)
    g_y = TWO * g_square * (ay + s * (by - ay) - py)
    g[a, 0] += (ONE - s) * g_x
    g[a, 1] += (ONE - s) * g_y
    g[b, 0] += s * g_x
    g[b, 1] += s * g_y


def merge_pixel(g_pixel, before, after, gamma, g_before):
    """Through S' = S exp((m - m') / gamma), C' likewise, L' = L; none to m (see ``canvas.develop``)."""
    fade = ONE if before == after else math.exp((before - after) / gamma)
    g_before[0] = ZERO
    for layer in range(1, 5):
        g_before[layer] = fade * g_pixel[layer]
    g_before[5] = g_pixel[5]


def develop_pixel(pixel, background, gamma, image):
    """Canvas [6] -> colour [3]: ``alpha rgb + (1 - alpha) background``."""
    alpha = -math.expm1(pixel[5]) if pixel[5] != ZERO else ZERO
    delta = max(math.exp((EPS - pixel[0]) / gamma), EPS) if alpha != ZERO else ONE
    scale = alpha / (pixel[1] + delta)
    for c in range(3):
        # alpha (rgb - background), with rgb = (C + delta background) / (S + delta)
        image[c] = background[c] + scale * (pixel[2 + c] - pixel[1] * background[c])


def undevelop_pixel(pixel, background, gamma, g_image, g_pixel):
    """Gradients g_image [3] -> g_pixel [6]; none to m (see ``canvas.develop``)."""
    for layer in range(6):
        g_pixel[layer] = ZERO
    if pixel[5] == ZERO:
        return  # nothing painted here: alpha = 0 and rgb = background
    alpha = -math.expm1(pixel[5])
    scale = ONE / (pixel[1] + max(math.exp((EPS - pixel[0]) / gamma), EPS))
    for c in range(3):
        over = scale * (pixel[2 + c] - pixel[1] * background[c])  # rgb - background
        g_pixel[2 + c] = alpha * scale * g_image[c]
        g_pixel[1] -= alpha * scale * g_image[c] * (over + background[c])
        g_pixel[5] += g_image[c] * over * (alpha - ONE)  # dalpha / dL = -exp(L)


def pose_corner(corner, normal, albedo, turn, shift, towards, scale, ambient, diffuse, vertex, colour):
    """One corner [3] of a mesh to (x_ndc, y_ndc, z_view) and its shaded colour: ``projection`` and ``shading`` as one.

    ``turn`` [3,3] and ``shift`` [3] lead to view axes, ``towards`` [3] to the light in the object's own.
    """
    for axis in range(3):
        vertex[axis] = corner[0] * turn[0, axis] + corner[1] * turn[1, axis] + corner[2] * turn[2, axis] + shift[axis]
    vertex[0] *= scale / vertex[2]
    vertex[1] *= scale / vertex[2]
    lambert = max(normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2], ZERO)
    for c in range(3):
        colour[c] = albedo[c] * (ambient + diffuse * lambert)


def pull_corner(
    corner, normal, albedo, towards, scale, diffuse, vertex, g_vertex, g_colour, g_turn, g_shift, g_towards
):  # fmt: skip
    """Gradients of one posed corner and its colour, added to those of its object's turn, shift and light."""
    per_depth = ONE / vertex[2]
    g_x, g_y = g_vertex[0] * scale * per_depth, g_vertex[1] * scale * per_depth
    g_z = g_vertex[2] - (g_vertex[0] * vertex[0] + g_vertex[1] * vertex[1]) * per_depth
    for axis in range(3):
        g_turn[axis, 0] += corner[axis] * g_x
        g_turn[axis, 1] += corner[axis] * g_y
        g_turn[axis, 2] += corner[axis] * g_z
    g_shift[0] += g_x
    g_shift[1] += g_y
    g_shift[2] += g_z
    if normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2] > ZERO:
        g_lambert = diffuse * (albedo[0] * g_colour[0] + albedo[1] * g_colour[1] + albedo[2] * g_colour[2])
        for axis in range(3):
            g_towards[axis] += normal[axis] * g_lambert


FORMULAS = (
    pose_corner, pull_corner, triangle, seen, span, box, centre, inverse_square, inverse_squares, along, to_segment,
    hit, weights, coverage, paint_pixel, pull_distance, pull_colour, pull_pixel,
    merge_pixel, develop_pixel, undevelop_pixel,
)  # fmt: skip


def compiled(compiler: Callable[[Callable], Any]) -> SimpleNamespace:
    """Every formula, compiled; each calls the compiled ones, which therefore come first in the list above."""
    scope = dict(globals())
    for formula in FORMULAS:
        scope[formula.__name__] = compiler(FunctionType(formula.__code__, scope, formula.__name__))
    return SimpleNamespace(**{formula.__name__: scope[formula.__name__] for formula in FORMULAS})

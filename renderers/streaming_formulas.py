"""The formulas of ``streaming``, each once: compiled for the CPU by streaming_kernels, for CUDA by streaming_cuda.

Every function here stands alone (numbers in, numbers out, no call of another one), so that either compiler can take it.
Names follow ``canvas``: m depth, S weight, C colour, L log_clear; ``g_x`` is dLoss/dx. Constants are np.float32 on
purpose: a bare 1.0 would turn float32 arithmetic into float64.
"""

from __future__ import annotations

import math

import numpy as np

ZERO, ONE, TWO, HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
EPS = np.float32(1e-10)
TINY = np.float32(1e-8)  # PyTorch3D's kEpsilon: smallest area, squared edge length, depth
FAR = np.float32(-30)  # exp of this is nothing beside the S >= 1e-4 of a pixel's nearest fragment
SURE = np.float32(17)  # exp(-17) is less than half the distance from 1 to the next float32


def seen(x0, y0, z0, x1, y1, z1, x2, y2, z2, cull):
    """+1 or -1 for a triangle that faces the camera or turns its back, 0 for one that is not drawn."""
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


def inverse_square(ax, ay, bx, by):
    """1 / |ab|^2; 0 for an edge without length, which its neighbours stand in for: they hold both its ends."""
    length = (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    return ONE / length if length > TINY else ZERO


def hit(px, py, x0, y0, x1, y1, x2, y2, i01, i02, i12, sign, blur):
    """Whether a triangle touches a pixel: (touches, d, edge, e0, e1, e2).

    ``d``: squared distance to the outline, negative inside; ``edge``: 0, 1, 2 for the nearest of 01, 02, 12; ``e``:
    twice the signed areas that the pixel spans with 12, 20, 01, positive inside; ``i``: 1 / length^2 of the edges.
    """
    e0 = sign * ((px - x1) * (y2 - y1) - (py - y1) * (x2 - x1))
    e1 = sign * ((px - x2) * (y0 - y2) - (py - y2) * (x0 - x2))
    e2 = sign * ((px - x0) * (y1 - y0) - (py - y0) * (x1 - x0))
    # squared distances to the three lines; inside, the nearest line is the nearest edge
    d01, d02, d12 = e2 * e2 * i01, e1 * e1 * i02, e0 * e0 * i12
    inside = e0 > ZERO and e1 > ZERO and e2 > ZERO
    if inside:
        d01, d02, d12 = d01 if i01 > ZERO else ONE, d02 if i02 > ZERO else ONE, d12 if i12 > ZERO else ONE
    else:
        if (e2 < ZERO and d01 >= blur) or (e1 < ZERO and d02 >= blur) or (e0 < ZERO and d12 >= blur):
            return False, blur, 0, e0, e1, e2  # beyond a line is beyond the triangle
        t = min(max(((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) * i01, ZERO), ONE)
        rx, ry = x0 + t * (x1 - x0) - px, y0 + t * (y1 - y0) - py
        d01 = rx * rx + ry * ry
        t = min(max(((px - x0) * (x2 - x0) + (py - y0) * (y2 - y0)) * i02, ZERO), ONE)
        rx, ry = x0 + t * (x2 - x0) - px, y0 + t * (y2 - y0) - py
        d02 = rx * rx + ry * ry
        t = min(max(((px - x1) * (x2 - x1) + (py - y1) * (y2 - y1)) * i12, ZERO), ONE)
        rx, ry = x1 + t * (x2 - x1) - px, y1 + t * (y2 - y1) - py
        d12 = rx * rx + ry * ry
    d, edge = d01, 0
    if d02 < d:
        d, edge = d02, 1
    if d12 < d:
        d, edge = d12, 2
    touches = inside or (d < blur and max(e0, e1, e2) > ZERO)
    return touches, -d if inside else d, edge, e0, e1, e2


def weights(e0, e1, e2, n0, n1, n2):
    """Clipped perspective-correct barycentrics (w0, w1, w2, scale), with n = 1/z.

    From w_i ~ e_i z_j z_k follows w_i ~ u_i = max(e_i, 0) / z_i: clipping commutes with a positive factor.
    """
    u0, u1, u2 = max(e0, ZERO) * n0, max(e1, ZERO) * n1, max(e2, ZERO) * n2
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


def pull_distance(px, py, ax, ay, bx, by, inverse, g_square):
    """d = |a + t (b - a) - p|^2 -> gradients (g_ax, g_ay, g_bx, g_by). t is at its optimum: none goes through it."""
    t = min(max(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) * inverse, ZERO), ONE)
    g_x = TWO * g_square * (ax + t * (bx - ax) - px)
    g_y = TWO * g_square * (ay + t * (by - ay) - py)
    return (ONE - t) * g_x, (ONE - t) * g_y, t * g_x, t * g_y


def pull_weight(e, n, w, scale, sign, g_w, mean):
    """w = u scale, u = max(e, 0) / z -> (g_e, g_z); ``mean`` is sum_i g_w_i w_i."""
    g_u = (g_w - mean) * scale
    return sign * g_u * n if e > ZERO else ZERO, -g_u * w / scale * n

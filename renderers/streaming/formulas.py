"""The formulas of ``streaming``, each once, for whichever compiler: numba's for CPUs, or its one for CUDA.

``fragment`` is what one triangle is to one pixel, ``merge_fragment`` adds it to the pixel, ``fragment_backward`` is the
gradient of both (a vector-Jacobian product, as all that ends in ``_backward``). Names follow ``canvas``: m depth,
S weight, C colour, L log_clear; ``g_x`` is dLoss/dx. A triangle is nine numbers ``t``: x_ndc, y_ndc and 1 / z_view of
its corners. Constants are np.float32 on purpose: a bare 1.0 would turn float32 arithmetic into float64.

What is done for every pixel of a triangle's box has no branches, only choices between two numbers: that is what a
compiler can do for eight pixels at once. Numbers of pixels that are not touched may come out as NaN; who asks must look
at ``touches``.
"""

from __future__ import annotations

import math

import numpy as np

ZERO, ONE, TWO, HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
EPS = np.float32(1e-10)
TINY = np.float32(1e-8)  # PyTorch3D's kEpsilon: smallest area, squared edge length, depth
FAR = np.float32(-30)  # exp of this is nothing beside the S >= 1e-4 of a pixel's nearest fragment
exp, log1p = math.exp, math.log1p  # the compiler may bring others


def triangle(vertices, face):
    """The nine numbers of a triangle of a mesh: vertices [V,3], face [3]."""
    v0, v1, v2 = vertices[face[0]], vertices[face[1]], vertices[face[2]]
    return v0[0], v0[1], ONE / v0[2], v1[0], v1[1], ONE / v1[2], v2[0], v2[1], ONE / v2[2]


def tint_of(colours, face):
    """The nine numbers of the colours [V,3] of a triangle's corners."""
    a, b, c = colours[face[0]], colours[face[1]], colours[face[2]]
    return a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2]


def area(t):
    """Twice the signed area, positive when the triangle faces the camera."""
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    return (x0 - x1) * (y2 - y1) - (y0 - y1) * (x2 - x1)


def facing(t):
    """+1 for a triangle that faces the camera, -1 for one that turns its back."""
    return ONE if area(t) > ZERO else -ONE


def seen(t, cull):
    """Whether a triangle is drawn: in front of the camera, with an area, and not turning its back if that counts."""
    nearest, furthest, size = max(t[2], t[5], t[8]), min(t[2], t[5], t[8]), area(t)
    return nearest < ONE / TINY and furthest > ZERO and abs(size) > TINY and (size > ZERO or not cull)


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


def on_segment(px, py, ax, ay, bx, by):
    """The point of the segment ab that is nearest to p: how far along it lies, its offset from p, that squared.

    An edge without length counts as its first end; its neighbours stand in for it, as they hold both ends.
    """
    length = (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    inverse = ONE / length if length > TINY else ZERO
    s = min(max(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) * inverse, ZERO), ONE)
    rx, ry = ax + s * (bx - ax) - px, ay + s * (by - ay) - py
    return s, rx, ry, rx * rx + ry * ry


def areas(px, py, t, sign):
    """Twice the signed areas that the pixel spans with the edges 12, 20, 01, positive inside."""
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    e0 = sign * ((px - x1) * (y2 - y1) - (py - y1) * (x2 - x1))
    e1 = sign * ((px - x2) * (y0 - y2) - (py - y2) * (x0 - x2))
    e2 = sign * ((px - x0) * (y1 - y0) - (py - y0) * (x1 - x0))
    return e0, e1, e2


def outline(px, py, t):
    """The point of the outline that is nearest to p: its weights of the corners, its offset from p, that squared."""
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    s, rx, ry, d = on_segment(px, py, x0, y0, x1, y1)
    n0, n1, n2 = ONE - s, s, ZERO
    s, x, y, other = on_segment(px, py, x0, y0, x2, y2)
    closer = other < d
    n0, n1, n2 = ONE - s if closer else n0, ZERO if closer else n1, s if closer else n2
    rx, ry, d = x if closer else rx, y if closer else ry, other if closer else d
    s, x, y, other = on_segment(px, py, x1, y1, x2, y2)
    closer = other < d
    n0, n1, n2 = ZERO if closer else n0, ONE - s if closer else n1, s if closer else n2
    rx, ry, d = x if closer else rx, y if closer else ry, other if closer else d
    return n0, n1, n2, rx, ry, d


def touching(e0, e1, e2, d, blur):
    """Whether the pixel lies inside the triangle, and whether the triangle touches it."""
    inside = min(e0, e1, e2) > ZERO
    return inside, inside or (d < blur and max(e0, e1, e2) > ZERO)


def weights(e0, e1, e2, t):
    """Clipped perspective-correct barycentrics (w0, w1, w2), the depth, and what they were scaled by.

    From w_i ~ e_i z_j z_k follows w_i ~ u_i = max(e_i, 0) / z_i: clipping commutes with a positive factor.
    """
    e0, e1, e2 = max(e0, ZERO), max(e1, ZERO), max(e2, ZERO)
    u0, u1, u2 = e0 * t[2], e1 * t[5], e2 * t[8]
    scale = ONE / (u0 + u1 + u2)
    return u0 * scale, u1 * scale, u2 * scale, (e0 + e1 + e2) * scale, scale


def coverage(d, inside, sigma):
    """p = sigmoid(d / sigma) inside, of -d / sigma outside; 1 - p without cancellation, and log(1 - p)."""
    x = d / sigma
    e = exp(-x)
    large = ONE / (ONE + e)
    small = e * large
    return large if inside else small, small if inside else large, -log1p(e) - (x if inside else ZERO)


def fragment(px, py, t, tint, sigma, blur):
    """What a triangle is to the pixel at (px, py): (touches, p, log_clear, z, its colour there).

    ``tint``: the nine numbers of the corners' colours.
    """
    e0, e1, e2 = areas(px, py, t, facing(t))
    d = outline(px, py, t)[5]
    inside, touches = touching(e0, e1, e2, d, blur)
    p, _, log_clear = coverage(d, inside, sigma)
    w0, w1, w2, z, _ = weights(e0, e1, e2, t)
    red = w0 * tint[0] + w1 * tint[3] + w2 * tint[6]
    green = w0 * tint[1] + w1 * tint[4] + w2 * tint[7]
    return touches, p, log_clear, z, red, green, w0 * tint[2] + w1 * tint[5] + w2 * tint[8]


def merge_fragment(pixel, p, log_clear, z, red, green, blue, gamma, zfar, per_depth):
    """Merge a fragment into a pixel [6]."""
    pixel[5] += log_clear
    # float64 here alone: gamma magnifies the rounding of zinv ten thousand times
    zinv = (zfar - np.float64(z)) * per_depth
    nearer = max(pixel[0], np.float32(zinv))
    # as in a streaming softmax: a nearer fragment rescales what is there
    fade = exp((pixel[0] - nearer) / gamma)
    lag = np.float32(zinv - nearer) / gamma
    q = p * exp(lag) if lag > FAR else ZERO
    pixel[0] = nearer
    pixel[1] = pixel[1] * fade + q
    pixel[2] = pixel[2] * fade + q * red
    pixel[3] = pixel[3] * fade + q * green
    pixel[4] = pixel[4] * fade + q * blue


def fragment_backward(g_pixel, m, px, py, t, tint, sigma, gamma, blur, zfar, per_depth):
    """What one pixel says about a triangle: (touches, gradients of corners, gradients of tint).

    ``g_pixel``: of S, C and L, five numbers; ``m``: the finished pixel's depth; ``tint``: the nine numbers of the
    corners' colours. The gradients are nine numbers each, the corners' those of x_ndc, y_ndc and z_view.

    L += log(1 - p), S += q, C += q colour, with q = p exp((zinv - m) / gamma), zinv = (zfar - z) / range,
    z = sum w_i z_i, colour = sum w_i colour_i.
    """
    sign = facing(t)
    e0, e1, e2 = areas(px, py, t, sign)
    n0, n1, n2, rx, ry, d = outline(px, py, t)
    inside, touches = touching(e0, e1, e2, d, blur)
    p, clear, _ = coverage(d, inside, sigma)
    w0, w1, w2, z, scale = weights(e0, e1, e2, t)
    lag = np.float32((zfar - np.float64(z)) * per_depth - m) / gamma
    near = exp(min(lag, ONE)) if lag > FAR else ZERO  # above 0 by rounding alone, where it touches
    q = p * near
    # to the colours; c_i is the gradient of w_i through them
    g_s, g_red, g_green, g_blue, g_l = g_pixel
    red, green, blue = q * g_red, q * g_green, q * g_blue
    c0 = red * tint[0] + green * tint[1] + blue * tint[2]
    c1 = red * tint[3] + green * tint[4] + blue * tint[5]
    c2 = red * tint[6] + green * tint[7] + blue * tint[8]
    mean = w0 * c0 + w1 * c1 + w2 * c2
    g_q = g_s * q + mean  # times q
    g_z = -g_q * np.float32(per_depth) / gamma
    # dp / d(-d/sigma) = p (1 - p), dlog(1 - p) / d(-d/sigma) = -p; d is |r|^2, and counts as negative inside
    g_d = TWO * (p * g_l - g_q * clear) / sigma
    g_d = -g_d if inside else g_d
    gx, gy = g_d * rx, g_d * ry  # r = sum n_i corner_i - p; the n_i, at their optimum, have no gradient
    # w_i = u_i / sum u, u_i = max(e_i, 0) / z_i
    c0, c1, c2, scale = (c0 - mean) * t[2], (c1 - mean) * t[5], (c2 - mean) * t[8], sign * scale
    g_e0 = (c0 + g_z * (ONE - z * t[2])) * scale if e0 > ZERO else ZERO
    g_e1 = (c1 + g_z * (ONE - z * t[5])) * scale if e1 > ZERO else ZERO
    g_e2 = (c2 + g_z * (ONE - z * t[8])) * scale if e2 > ZERO else ZERO
    x0, y0, _, x1, y1, _, x2, y2, _ = t
    g_corners = (
        # e0 = (px - x1) (y2 - y1) - (py - y1) (x2 - x1), and round
        g_e1 * (y2 - py) + g_e2 * (py - y1) + n0 * gx,
        g_e1 * (px - x2) + g_e2 * (x1 - px) + n0 * gy,
        w0 * (g_z * z * t[2] - c0),
        g_e2 * (y0 - py) + g_e0 * (py - y2) + n1 * gx,
        g_e2 * (px - x0) + g_e0 * (x2 - px) + n1 * gy,
        w1 * (g_z * z * t[5] - c1),
        g_e0 * (y1 - py) + g_e1 * (py - y0) + n2 * gx,
        g_e0 * (px - x1) + g_e1 * (x0 - px) + n2 * gy,
        w2 * (g_z * z * t[8] - c2),
    )
    g_tint = w0 * red, w0 * green, w0 * blue, w1 * red, w1 * green, w1 * blue, w2 * red, w2 * green, w2 * blue
    return touches, g_corners, g_tint


def plus_nine(a, b):
    """The sum of two tuples."""
    return (
        a[0] + b[0],
        a[1] + b[1],
        a[2] + b[2],
        a[3] + b[3],
        a[4] + b[4],
        a[5] + b[5],
        a[6] + b[6],
        a[7] + b[7],
        a[8] + b[8],
    )


FORMULAS = (
    triangle, tint_of, area, facing, seen, span, box, centre, on_segment, areas, outline, touching, weights, coverage,
    fragment, merge_fragment, fragment_backward, plus_nine,
)  # fmt: skip

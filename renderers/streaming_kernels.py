"""The loops of ``streaming``: triangles into pictures, and gradients back. Every picture is handled by one thread.

A kernel takes pictures ``start .. stop`` of a batch. Nothing is stored between forward and backward: the backward
meets the same fragments again and pulls the layers' gradients through the formulas in reverse. ``hit`` holds the
geometry both share. Names follow ``canvas``: m depth, S weight, C colour, L log_clear; ``g_x`` is dLoss/dx.

Constants are np.float32 on purpose: a bare 1.0 would turn float32 arithmetic into float64.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

ZERO, ONE, TWO, HALF = np.float32(0), np.float32(1), np.float32(2), np.float32(0.5)
EPS = np.float32(1e-10)
TINY = np.float32(1e-8)  # PyTorch3D's kEpsilon: smallest area, squared edge length, depth
FAST = {"contract", "arcp", "nsz", "reassoc"}  # no nnan or ninf: comparisons with NaN must stay false


@njit(inline="always")
def nearest_on_edge(px, py, ax, ay, bx, by):
    """Squared distance of a point to the segment ab, and where on it (0 at a, 1 at b) the nearest point lies."""
    ex, ey = bx - ax, by - ay
    length = ex * ex + ey * ey
    t = ONE
    if length > TINY:
        t = min(max(((px - ax) * ex + (py - ay) * ey) / length, ZERO), ONE)
    rx, ry = ax + t * ex - px, ay + t * ey - py
    return rx * rx + ry * ry, t


@njit(fastmath=FAST)
def hit(px, py, x0, y0, z0, x1, y1, z1, x2, y2, z2, sign, blur):
    """Whether a triangle touches a pixel, and how.

    Returns (touches, d, edge, t, u0, u1, u2): ``d`` the squared distance to the outline, negative inside; ``edge`` 0,
    1, 2 for 01, 02, 12 and ``t`` the nearest point on it; ``u`` the clipped perspective-correct barycentrics before
    normalisation. From w_i ~ e_i z_j z_k follows w_i ~ e_i / z_i, and clipping commutes with a positive factor.
    """
    e0 = sign * ((px - x1) * (y2 - y1) - (py - y1) * (x2 - x1))
    e1 = sign * ((px - x2) * (y0 - y2) - (py - y2) * (x0 - x2))
    e2 = sign * ((px - x0) * (y1 - y0) - (py - y0) * (x1 - x0))
    inside = e0 > ZERO and e1 > ZERO and e2 > ZERO
    d, t = nearest_on_edge(px, py, x0, y0, x1, y1)
    edge = 0
    d02, t02 = nearest_on_edge(px, py, x0, y0, x2, y2)
    if d02 < d:
        d, t, edge = d02, t02, 1
    d12, t12 = nearest_on_edge(px, py, x1, y1, x2, y2)
    if d12 < d:
        d, t, edge = d12, t12, 2
    u0, u1, u2 = max(e0, ZERO) / z0, max(e1, ZERO) / z1, max(e2, ZERO) / z2
    touches = (inside or d < blur) and u0 + u1 + u2 > ZERO
    return touches, -d if inside else d, edge, t, u0, u1, u2


@njit(inline="always")
def span(low, high, reach, edge, step, count):
    """First and past the last of ``count`` pixel centres ``edge - step (i + 1/2)`` in [low - reach, high + reach]."""
    first = math.ceil(max((edge - high - reach) / step - HALF, ZERO))
    last = math.floor(min((edge - low + reach) / step - HALF, np.float32(count - 1)))
    return int(first), int(last) + 1


@njit(inline="always")
def seen(x0, y0, z0, x1, y1, z1, x2, y2, z2, cull):
    """+1 or -1 for a triangle that faces the camera or turns its back, 0 for one that is not drawn."""
    area = (x0 - x1) * (y2 - y1) - (y0 - y1) * (x2 - x1)
    if not (min(z0, z1, z2) > TINY and abs(area) > TINY):
        return ZERO
    if area < ZERO:
        return ZERO if cull else -ONE
    return ONE


@njit(nogil=True, cache=True, fastmath=FAST)
def paint_forward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull
):  # fmt: skip
    """Merge N meshes each into the canvases out [B,H,W,6], in place. Vertices (x_ndc, y_ndc, z_view) [B,N,V,3]."""
    height, width = out.shape[1], out.shape[2]
    step = TWO / np.float32(min(height, width))
    left, top = step * np.float32(width) / TWO, step * np.float32(height) / TWO
    reach, depth_range = math.sqrt(blur), np.float64(zfar) - np.float64(znear)
    for b in range(start, stop):
        for n in range(identity.shape[1]):
            if not painted[b, n]:
                continue
            mesh = identity[b, n]
            for f in range(face_count[mesh]):
                i, j, k = faces[mesh, f, 0], faces[mesh, f, 1], faces[mesh, f, 2]
                x0, y0, z0 = vertices[b, n, i, 0], vertices[b, n, i, 1], vertices[b, n, i, 2]
                x1, y1, z1 = vertices[b, n, j, 0], vertices[b, n, j, 1], vertices[b, n, j, 2]
                x2, y2, z2 = vertices[b, n, k, 0], vertices[b, n, k, 1], vertices[b, n, k, 2]
                sign = seen(x0, y0, z0, x1, y1, z1, x2, y2, z2, cull)
                if sign == ZERO:
                    continue
                row0, row1 = span(min(y0, y1, y2), max(y0, y1, y2), reach, top, step, height)
                col0, col1 = span(min(x0, x1, x2), max(x0, x1, x2), reach, left, step, width)
                for row in range(row0, row1):
                    py = top - step * (np.float32(row) + HALF)
                    for col in range(col0, col1):
                        px = left - step * (np.float32(col) + HALF)
                        touches, d, _, _, u0, u1, u2 = hit(px, py, x0, y0, z0, x1, y1, z1, x2, y2, z2, sign, blur)
                        if not touches:
                            continue
                        scale = ONE / (u0 + u1 + u2)
                        w0, w1, w2 = u0 * scale, u1 * scale, u2 * scale
                        # float64 here alone: gamma magnifies the rounding of zinv ten thousand times
                        zinv = (zfar - np.float64(w0 * z0 + w1 * z1 + w2 * z2)) / depth_range
                        pixel = out[b, row, col]
                        if zinv > pixel[0]:  # as in a streaming softmax: a nearer fragment rescales what is there
                            nearer = np.float32(zinv)
                            fade = math.exp((pixel[0] - nearer) / gamma)
                            pixel[0] = nearer
                            for layer in range(1, 5):
                                pixel[layer] *= fade
                        e = math.exp(-abs(d) / sigma)
                        p = (ONE if d < ZERO else e) / (ONE + e)  # sigmoid(-d / sigma)
                        q = p * math.exp(np.float32(zinv - pixel[0]) / gamma)
                        pixel[1] += q
                        for c in range(3):
                            pixel[2 + c] += q * (
                                w0 * colours[b, n, i, c] + w1 * colours[b, n, j, c] + w2 * colours[b, n, k, c]
                            )
                        pixel[5] += min(d / sigma, ZERO) - math.log1p(e)  # log(1 - p)


@njit(nogil=True, cache=True, fastmath=FAST)
def paint_backward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull,
    g_out, g_vertices, g_colours,
):  # fmt: skip
    """Gradients g_out [B,H,W,6] with respect to ``paint_forward``'s result -> g_vertices, g_colours [B,N,V,3]."""
    height, width = out.shape[1], out.shape[2]
    step = TWO / np.float32(min(height, width))
    left, top = step * np.float32(width) / TWO, step * np.float32(height) / TWO
    reach, depth_range = math.sqrt(blur), np.float64(zfar) - np.float64(znear)
    g = np.zeros((6, 3), np.float32)  # of this triangle: rows are its corners' positions, then their colours
    for b in range(start, stop):
        g_vertices[b] = ZERO
        g_colours[b] = ZERO
        for n in range(identity.shape[1]):
            if not painted[b, n]:
                continue
            mesh = identity[b, n]
            for f in range(face_count[mesh]):
                i, j, k = faces[mesh, f, 0], faces[mesh, f, 1], faces[mesh, f, 2]
                x0, y0, z0 = vertices[b, n, i, 0], vertices[b, n, i, 1], vertices[b, n, i, 2]
                x1, y1, z1 = vertices[b, n, j, 0], vertices[b, n, j, 1], vertices[b, n, j, 2]
                x2, y2, z2 = vertices[b, n, k, 0], vertices[b, n, k, 1], vertices[b, n, k, 2]
                sign = seen(x0, y0, z0, x1, y1, z1, x2, y2, z2, cull)
                if sign == ZERO:
                    continue
                row0, row1 = span(min(y0, y1, y2), max(y0, y1, y2), reach, top, step, height)
                col0, col1 = span(min(x0, x1, x2), max(x0, x1, x2), reach, left, step, width)
                g[:] = ZERO
                for row in range(row0, row1):
                    py = top - step * (np.float32(row) + HALF)
                    for col in range(col0, col1):
                        px = left - step * (np.float32(col) + HALF)
                        touches, d, edge, t, u0, u1, u2 = hit(px, py, x0, y0, z0, x1, y1, z1, x2, y2, z2, sign, blur)
                        if not touches:
                            continue
                        g_pixel = g_out[b, row, col]
                        scale = ONE / (u0 + u1 + u2)
                        w0, w1, w2 = u0 * scale, u1 * scale, u2 * scale
                        zinv = (zfar - np.float64(w0 * z0 + w1 * z1 + w2 * z2)) / depth_range
                        e = math.exp(-abs(d) / sigma)
                        p = (ONE if d < ZERO else e) / (ONE + e)
                        near = math.exp(np.float32(zinv - out[b, row, col, 0]) / gamma)

                        # S += q, C += q colour, with q = p near and colour = sum w_i colour_i
                        g_q, g_w0, g_w1, g_w2 = g_pixel[1], ZERO, ZERO, ZERO
                        for c in range(3):
                            c0, c1, c2 = colours[b, n, i, c], colours[b, n, j, c], colours[b, n, k, c]
                            g_q += g_pixel[2 + c] * (w0 * c0 + w1 * c1 + w2 * c2)
                            g_colour = g_pixel[2 + c] * p * near
                            g[3, c] += w0 * g_colour
                            g[4, c] += w1 * g_colour
                            g[5, c] += w2 * g_colour
                            g_w0, g_w1, g_w2 = g_w0 + g_colour * c0, g_w1 + g_colour * c1, g_w2 + g_colour * c2

                        # L += log(1 - p), dp / d(-d/sigma) = p (1 - p), dlog(1 - p) / d(-d/sigma) = -p
                        other = (e if d < ZERO else ONE) / (ONE + e)  # 1 - p without cancellation
                        g_d = p * (g_pixel[5] - g_q * near * other) / sigma
                        g_square = -g_d if d < ZERO else g_d
                        ax, ay, bx, by, a, o = x0, y0, x1, y1, 0, 1
                        if edge == 1:
                            bx, by, o = x2, y2, 2
                        elif edge == 2:
                            ax, ay, bx, by, a, o = x1, y1, x2, y2, 1, 2
                        g_x = TWO * g_square * (ax + t * (bx - ax) - px)  # t is at its optimum: no gradient through it
                        g_y = TWO * g_square * (ay + t * (by - ay) - py)
                        g[a, 0] += (ONE - t) * g_x
                        g[a, 1] += (ONE - t) * g_y
                        g[o, 0] += t * g_x
                        g[o, 1] += t * g_y

                        # near = exp((zinv - m) / gamma), zinv = (zfar - z) / range, z = sum w_i z_i
                        g_z = np.float32(-g_q * p * near / (gamma * np.float32(depth_range)))
                        g_w0, g_w1, g_w2 = g_w0 + g_z * z0, g_w1 + g_z * z1, g_w2 + g_z * z2
                        # w_i = u_i / sum u, u_i = max(e_i, 0) / z_i
                        mean = g_w0 * w0 + g_w1 * w1 + g_w2 * w2
                        g_u0, g_u1, g_u2 = (g_w0 - mean) * scale, (g_w1 - mean) * scale, (g_w2 - mean) * scale
                        g[0, 2] += w0 * g_z - g_u0 * u0 / z0
                        g[1, 2] += w1 * g_z - g_u1 * u1 / z1
                        g[2, 2] += w2 * g_z - g_u2 * u2 / z2
                        g_e0 = sign * g_u0 / z0 if u0 > ZERO else ZERO
                        g_e1 = sign * g_u1 / z1 if u1 > ZERO else ZERO
                        g_e2 = sign * g_u2 / z2 if u2 > ZERO else ZERO
                        # e0 = (px - x1) (y2 - y1) - (py - y1) (x2 - x1), and round
                        g[0, 0] += g_e1 * (y2 - py) + g_e2 * (py - y1)
                        g[0, 1] += g_e1 * (px - x2) + g_e2 * (x1 - px)
                        g[1, 0] += g_e2 * (y0 - py) + g_e0 * (py - y2)
                        g[1, 1] += g_e2 * (px - x0) + g_e0 * (x2 - px)
                        g[2, 0] += g_e0 * (y1 - py) + g_e1 * (py - y0)
                        g[2, 1] += g_e0 * (px - x1) + g_e1 * (x0 - px)
                for c in range(3):
                    g_vertices[b, n, i, c] += g[0, c]
                    g_vertices[b, n, j, c] += g[1, c]
                    g_vertices[b, n, k, c] += g[2, c]
                    g_colours[b, n, i, c] += g[3, c]
                    g_colours[b, n, j, c] += g[4, c]
                    g_colours[b, n, k, c] += g[5, c]


@njit(nogil=True, cache=True, fastmath=FAST)
def merge_backward(start, stop, canvas, out, gamma, g_out, g_canvas):
    """Through S' = S exp((m - m') / gamma), C' likewise, L' = L; none to m (see ``canvas.develop``)."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                before, after = canvas[b, row, col, 0], out[b, row, col, 0]
                fade = ONE if before == after else math.exp((before - after) / gamma)
                g_canvas[b, row, col, 0] = ZERO
                for layer in range(1, 5):
                    g_canvas[b, row, col, layer] = fade * g_out[b, row, col, layer]
                g_canvas[b, row, col, 5] = g_out[b, row, col, 5]


@njit(nogil=True, cache=True, fastmath=FAST)
def develop_forward(start, stop, canvas, background, gamma, image):
    """Canvas [B,H,W,6] -> image [B,H,W,3]: ``alpha rgb + (1 - alpha) background``."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                pixel = canvas[b, row, col]
                alpha = -math.expm1(pixel[5]) if pixel[5] != ZERO else ZERO
                delta = max(math.exp((EPS - pixel[0]) / gamma), EPS) if alpha != ZERO else ONE
                scale = alpha / (pixel[1] + delta)
                for c in range(3):
                    # alpha (rgb - background), with rgb = (C + delta background) / (S + delta)
                    image[b, row, col, c] = background[c] + scale * (pixel[2 + c] - pixel[1] * background[c])


@njit(nogil=True, cache=True, fastmath=FAST)
def develop_backward(start, stop, canvas, background, gamma, g_image, g_canvas):
    """Gradients g_image [B,H,W,3] -> g_canvas [B,H,W,6]; none to m (see ``canvas.develop``)."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                pixel, g_pixel, g = canvas[b, row, col], g_canvas[b, row, col], g_image[b, row, col]
                for layer in range(6):
                    g_pixel[layer] = ZERO
                if pixel[5] == ZERO:
                    continue  # nothing painted here: alpha = 0 and rgb = background
                alpha = -math.expm1(pixel[5])
                scale = ONE / (pixel[1] + max(math.exp((EPS - pixel[0]) / gamma), EPS))
                for c in range(3):
                    over = scale * (pixel[2 + c] - pixel[1] * background[c])  # rgb - background
                    g_pixel[2 + c] = alpha * scale * g[c]
                    g_pixel[1] -= alpha * scale * g[c] * (over + background[c])
                    g_pixel[5] += g[c] * over * (alpha - ONE)  # dalpha / dL = -exp(L)

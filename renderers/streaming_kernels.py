"""The loops of ``streaming`` on a CPU: triangles into pictures, and gradients back. One thread handles a picture.

A kernel takes pictures ``start .. stop`` of a batch. Nothing is stored between forward and backward: the backward
meets the same fragments again and pulls the layers' gradients through the formulas (streaming_formulas) in reverse.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from renderers import streaming_formulas as formulas
from renderers.streaming_formulas import EPS, FAR, HALF, ONE, TWO, ZERO

FAST = {"contract", "arcp", "nsz", "reassoc"}  # no nnan or ninf: comparisons with NaN must stay false
inlined = njit(inline="always", fastmath=FAST)
called = njit(fastmath=FAST)
seen, span, inverse_square = inlined(formulas.seen), inlined(formulas.span), inlined(formulas.inverse_square)
hit, weights, coverage = called(formulas.hit), called(formulas.weights), called(formulas.coverage)
pull_distance, pull_weight = called(formulas.pull_distance), called(formulas.pull_weight)


@njit(inline="always")
def triangle(vertices, b, n, i, j, k):
    """Corners of one triangle as nine numbers."""
    v0, v1, v2 = vertices[b, n, i], vertices[b, n, j], vertices[b, n, k]
    return v0[0], v0[1], v0[2], v1[0], v1[1], v1[2], v2[0], v2[1], v2[2]


@njit(inline="always")
def inverse_squares(x0, y0, x1, y1, x2, y2):
    """1 / length^2 of the edges 01, 02, 12."""
    return inverse_square(x0, y0, x1, y1), inverse_square(x0, y0, x2, y2), inverse_square(x1, y1, x2, y2)


@njit(inline="always")
def box(x0, y0, x1, y1, x2, y2, reach, left, top, per_step, height, width):
    """Rows and columns (first, past the last) of the pixels that a triangle may touch."""
    row0, row1 = span(min(y0, y1, y2) - reach, max(y0, y1, y2) + reach, top, per_step, height)
    col0, col1 = span(min(x0, x1, x2) - reach, max(x0, x1, x2) + reach, left, per_step, width)
    return row0, row1, col0, col1


@njit(nogil=True, cache=True, fastmath=FAST)
def paint_forward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull
):  # fmt: skip
    """Merge N meshes each into the canvases out [B,H,W,6], in place. Vertices (x_ndc, y_ndc, z_view) [B,N,V,3]."""
    height, width = out.shape[1], out.shape[2]
    step, per_step = TWO / np.float32(min(height, width)), np.float32(min(height, width)) / TWO
    left, top, reach = step * np.float32(width) / TWO, step * np.float32(height) / TWO, math.sqrt(blur)
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    for b, n in np.ndindex(stop - start, identity.shape[1]):
        b += start
        if not painted[b, n]:
            continue
        mesh, tint = identity[b, n], colours[b, n]
        for f in range(face_count[mesh]):
            i, j, k = faces[mesh, f, 0], faces[mesh, f, 1], faces[mesh, f, 2]
            x0, y0, z0, x1, y1, z1, x2, y2, z2 = triangle(vertices, b, n, i, j, k)
            sign = seen(x0, y0, z0, x1, y1, z1, x2, y2, z2, cull)
            if sign == ZERO:
                continue
            row0, row1, col0, col1 = box(x0, y0, x1, y1, x2, y2, reach, left, top, per_step, height, width)
            i01, i02, i12 = (
                inverse_square(x0, y0, x1, y1),
                inverse_square(x0, y0, x2, y2),
                inverse_square(x1, y1, x2, y2),
            )
            n0, n1, n2 = ONE / z0, ONE / z1, ONE / z2
            for row in range(row0, row1):
                py = top - step * (np.float32(row) + HALF)
                for col in range(col0, col1):
                    px = left - step * (np.float32(col) + HALF)
                    touches, d, _, e0, e1, e2 = hit(px, py, x0, y0, x1, y1, x2, y2, i01, i02, i12, sign, blur)
                    if not touches:
                        continue
                    w0, w1, w2, _ = weights(e0, e1, e2, n0, n1, n2)
                    p, _, log_clear = coverage(d, sigma)
                    pixel = out[b, row, col]
                    pixel[5] += log_clear
                    # float64 here alone: gamma magnifies the rounding of zinv ten thousand times
                    zinv = (zfar - np.float64(w0 * z0 + w1 * z1 + w2 * z2)) * per_depth
                    lag = np.float32(zinv - pixel[0]) / gamma
                    if lag < FAR:
                        continue
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
                        pixel[2 + c] += q * (w0 * tint[i, c] + w1 * tint[j, c] + w2 * tint[k, c])


@njit(nogil=True, cache=True, fastmath=FAST)
def paint_backward(
    start, stop, out, vertices, colours, faces, face_count, identity, painted, sigma, gamma, blur, znear, zfar, cull,
    g_out, g_vertices, g_colours,
):  # fmt: skip
    """Gradients g_out [B,H,W,6] with respect to ``paint_forward``'s result -> g_vertices, g_colours [B,N,V,3]."""
    height, width = out.shape[1], out.shape[2]
    step, per_step = TWO / np.float32(min(height, width)), np.float32(min(height, width)) / TWO
    left, top, reach = step * np.float32(width) / TWO, step * np.float32(height) / TWO, math.sqrt(blur)
    per_depth = np.float64(1) / (np.float64(zfar) - np.float64(znear))
    per_gamma = np.float32(per_depth) / gamma
    g = np.zeros((6, 3), np.float32)  # of this triangle: rows are its corners' positions, then their colours
    for b, n in np.ndindex(stop - start, identity.shape[1]):
        b += start
        g_vertices[b, n] = ZERO
        g_colours[b, n] = ZERO
        if not painted[b, n]:
            continue
        mesh, tint = identity[b, n], colours[b, n]
        for f in range(face_count[mesh]):
            i, j, k = faces[mesh, f, 0], faces[mesh, f, 1], faces[mesh, f, 2]
            x0, y0, z0, x1, y1, z1, x2, y2, z2 = triangle(vertices, b, n, i, j, k)
            sign = seen(x0, y0, z0, x1, y1, z1, x2, y2, z2, cull)
            if sign == ZERO:
                continue
            row0, row1, col0, col1 = box(x0, y0, x1, y1, x2, y2, reach, left, top, per_step, height, width)
            i01, i02, i12 = (
                inverse_square(x0, y0, x1, y1),
                inverse_square(x0, y0, x2, y2),
                inverse_square(x1, y1, x2, y2),
            )
            n0, n1, n2 = ONE / z0, ONE / z1, ONE / z2
            any_hit = False
            for row in range(row0, row1):
                py = top - step * (np.float32(row) + HALF)
                for col in range(col0, col1):
                    px = left - step * (np.float32(col) + HALF)
                    touches, d, edge, e0, e1, e2 = hit(px, py, x0, y0, x1, y1, x2, y2, i01, i02, i12, sign, blur)
                    if not touches:
                        continue
                    if not any_hit:
                        any_hit = True
                        g[:] = ZERO
                    g_pixel = g_out[b, row, col]
                    w0, w1, w2, scale = weights(e0, e1, e2, n0, n1, n2)
                    p, clear, _ = coverage(d, sigma)
                    zinv = (zfar - np.float64(w0 * z0 + w1 * z1 + w2 * z2)) * per_depth
                    lag = np.float32(zinv - out[b, row, col, 0]) / gamma
                    g_p = ZERO
                    if lag >= FAR:
                        near = math.exp(lag)
                        # S += q, C += q colour; q = p near, near = exp((zinv - m) / gamma), colour = sum w_i colour_i
                        g_q, g_w0, g_w1, g_w2 = g_pixel[1], ZERO, ZERO, ZERO
                        for c in range(3):
                            c0, c1, c2 = tint[i, c], tint[j, c], tint[k, c]
                            g_q += g_pixel[2 + c] * (w0 * c0 + w1 * c1 + w2 * c2)
                            g_colour = g_pixel[2 + c] * p * near
                            g[3, c] += w0 * g_colour
                            g[4, c] += w1 * g_colour
                            g[5, c] += w2 * g_colour
                            g_w0, g_w1, g_w2 = g_w0 + g_colour * c0, g_w1 + g_colour * c1, g_w2 + g_colour * c2
                        g_p = g_q * near
                        # zinv = (zfar - z) / range, z = sum w_i z_i
                        g_z = -g_p * p * per_gamma
                        g_w0, g_w1, g_w2 = g_w0 + g_z * z0, g_w1 + g_z * z1, g_w2 + g_z * z2
                        mean = g_w0 * w0 + g_w1 * w1 + g_w2 * w2
                        g_e0, g_z0 = pull_weight(e0, n0, w0, scale, sign, g_w0, mean)
                        g_e1, g_z1 = pull_weight(e1, n1, w1, scale, sign, g_w1, mean)
                        g_e2, g_z2 = pull_weight(e2, n2, w2, scale, sign, g_w2, mean)
                        g[0, 2] += w0 * g_z + g_z0
                        g[1, 2] += w1 * g_z + g_z1
                        g[2, 2] += w2 * g_z + g_z2
                        # e0 = (px - x1) (y2 - y1) - (py - y1) (x2 - x1), and round
                        g[0, 0] += g_e1 * (y2 - py) + g_e2 * (py - y1)
                        g[0, 1] += g_e1 * (px - x2) + g_e2 * (x1 - px)
                        g[1, 0] += g_e2 * (y0 - py) + g_e0 * (py - y2)
                        g[1, 1] += g_e2 * (px - x0) + g_e0 * (x2 - px)
                        g[2, 0] += g_e0 * (y1 - py) + g_e1 * (py - y0)
                        g[2, 1] += g_e0 * (px - x1) + g_e1 * (x0 - px)

                    # L += log(1 - p), dp / d(-d/sigma) = p (1 - p), dlog(1 - p) / d(-d/sigma) = -p
                    g_d = p * (g_pixel[5] - g_p * clear) / sigma
                    g_square = -g_d if d < ZERO else g_d
                    if edge == 0:
                        g_ax, g_ay, g_bx, g_by = pull_distance(px, py, x0, y0, x1, y1, i01, g_square)
                        a, o = 0, 1
                    elif edge == 1:
                        g_ax, g_ay, g_bx, g_by = pull_distance(px, py, x0, y0, x2, y2, i02, g_square)
                        a, o = 0, 2
                    else:
                        g_ax, g_ay, g_bx, g_by = pull_distance(px, py, x1, y1, x2, y2, i12, g_square)
                        a, o = 1, 2
                    g[a, 0] += g_ax
                    g[a, 1] += g_ay
                    g[o, 0] += g_bx
                    g[o, 1] += g_by
            if any_hit:
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

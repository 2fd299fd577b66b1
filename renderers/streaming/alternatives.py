"""The loop of ``streaming`` that compares alternatives, on a CPU: each is painted on a scratch pad, and what it changes
is written out."""

from __future__ import annotations

import math

import numpy as np

from renderers.streaming import elementwise
from renderers.streaming.compiler import for_cpu, helper, kernel
from renderers.streaming.formulas import ONE, ZERO
from renderers.streaming.paint import FORWARD, merge, prepare, touching_ones, weigh
from renderers.streaming.pairs import box, expand, fill

formulas = for_cpu(elementwise)
compose_pixel, share_of_last = formulas.compose_pixel, formulas.share_of_last


@helper
def extent(vertices, reach, height, width):
    """Rows and columns (first, past the last) of the pixels that a mesh [V,3] may touch."""
    left, right, low, high = vertices[0, 0], vertices[0, 0], vertices[0, 1], vertices[0, 1]
    for v in range(1, vertices.shape[0]):
        left, right = min(left, vertices[v, 0]), max(right, vertices[v, 0])
        low, high = min(low, vertices[v, 1]), max(high, vertices[v, 1])
    return box((left, low, ONE, right, high, ONE, left, low, ONE), reach, height, width)


@helper
def copied(pad, canvas, row0, row1, col0, col1):
    """A part of a canvas [H,W,6] onto the scratch pad."""
    for row in range(row0, row1):
        for col in range(col0, col1):
            for layer in range(6):
                pad[row, col, layer] = canvas[row, col, layer]


@helper
def table_of_row(background, b, row):
    """A row of the background [1 or B, 1 or H, 1 or W, 3] behind a picture."""
    return background[b if background.shape[0] > 1 else 0, row if background.shape[1] > 1 else 0]


@helper
def compared(canvas, pad, bare, gamma, picture, image, old, lacking, front):
    """One touched pixel: lacking and front [3] of the object, and the squared error without it."""
    share_of_last(canvas, pad, bare, gamma, image, front)
    compose_pixel(canvas, bare, gamma, old)
    error = ZERO
    for c in range(3):
        lacking[c] = picture[c] - image[c]
        error += (picture[c] - old[c]) * (picture[c] - old[c])
    return error


@kernel
def alternatives_forward(
    begin, stop, picture, canvas, background, pictures, vertices, colours, faces, face_count, identity,
    sigma, gamma, blur, znear, zfar, cull, start, before, lacking, front,
):  # fmt: skip
    """Each of N meshes alone on the canvas [B,H,W,6] of its picture [N] -> of each pixel that it touches, from its
    start [N] on, before [P], lacking and front [P,3]."""
    height, width, patch_size = canvas.shape[1], canvas.shape[2], canvas.shape[3] + 2  # see ``expand``
    per_depth, queue, cursor, touched, pairs = prepare(FORWARD, znear, zfar)
    pad, image, old = np.empty(canvas.shape[1:], np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    for n in range(begin, stop):
        b, mesh, count, at = picture[n], faces[identity[n]], face_count[identity[n]], start[n]
        row0, row1, col0, col1 = extent(vertices[n], math.sqrt(blur), height, width)
        copied(pad, canvas[b], row0, row1, col0, col1)
        cursor[:] = 0
        while cursor[0] < count:
            used = fill(queue, cursor, vertices[n], mesh, count, blur, cull, height, width)
            met = expand(pairs, queue, used, vertices[n], mesh, colours[n], patch_size)
            weigh(pairs, met, sigma, blur, height, width)
            merge(pad, pairs, touched, touching_ones(pairs, met, touched), gamma, zfar, per_depth)
        for row in range(row0, row1):
            table = table_of_row(background, b, row)
            for col in range(col0, col1):
                if pad[row, col, 5] != canvas[b, row, col, 5]:
                    before[at] = compared(
                        canvas[b, row, col], pad[row, col], table[col if background.shape[2] > 1 else 0], gamma,
                        pictures[b, row, col], image, old, lacking[at], front[at],
                    )  # fmt: skip
                    at += 1

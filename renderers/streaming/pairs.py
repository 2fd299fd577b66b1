"""Pairs of a pixel and a triangle that may touch it, a column each: what the CPU loops of ``streaming`` work on.

A triangle touches about five pixels, so a loop over one triangle's pixels is over before a processor gets into its
stride. The boxes of a mesh's triangles are therefore cut into patches of eight pixels, and those written out as pairs,
some hundred at a time; what has to be done for each of them is then one long loop, which the compiler turns into
instructions for eight or sixteen pairs at once.
"""

from __future__ import annotations

import math

import numpy as np

from renderers.streaming import formulas as sources
from renderers.streaming.compiler import for_cpu, helper
from renderers.streaming.formulas import HALF, ONE

formulas = for_cpu(sources)
triangle, tint_of, seen, box = formulas.triangle, formulas.tint_of, formulas.seen, formulas.box

PATCH, QUEUE = 8, 64  # pixels; patches that are written out together, as many as the caches hold
# Rows, all in one array with a constant distance, so that the compiler knows that they do not overlap. The 16 more are
# for what a vector reaches beyond the last pair; a distance of 2 KiB sharp would make rows fight over cache lines.
STRIDE = PATCH * QUEUE + 16
ROW, COL, FACE, CORNERS, TINT, RESULTS = (row * STRIDE for row in (0, 1, 2, 3, 12, 21))


@helper
def nine(pairs, row, at):
    """Nine consecutive rows of a pair, such as the numbers of its triangle."""
    return (
        pairs[row + at], pairs[row + STRIDE + at], pairs[row + 2 * STRIDE + at],
        pairs[row + 3 * STRIDE + at], pairs[row + 4 * STRIDE + at], pairs[row + 5 * STRIDE + at],
        pairs[row + 6 * STRIDE + at], pairs[row + 7 * STRIDE + at], pairs[row + 8 * STRIDE + at],
    )  # fmt: skip


@helper
def put_nine(pairs, row, at, values):
    """Write nine consecutive rows of a pair."""
    first = np.uint64(row + at)  # a signed number might count from the end, which no vector can
    pairs[first], pairs[first + np.uint64(STRIDE)], pairs[first + np.uint64(2 * STRIDE)] = values[:3]
    pairs[first + np.uint64(3 * STRIDE)], pairs[first + np.uint64(4 * STRIDE)] = values[3:5]
    pairs[first + np.uint64(5 * STRIDE)], pairs[first + np.uint64(6 * STRIDE)] = values[5:7]
    pairs[first + np.uint64(7 * STRIDE)], pairs[first + np.uint64(8 * STRIDE)] = values[7:]


@helper
def fill(queue, cursor, vertices, faces, count, blur, cull, height, width):
    """Fill the queue [QUEUE,6] with the next patches of a mesh, and return how many they are.

    A patch: face, first row, first column and columns of its box, the number of its first pixel there, their number.
    ``cursor`` [2] is the face and the pixel of its box to go on with; the mesh is done when the face is ``count``.
    """
    used, f, first, reach = 0, cursor[0], cursor[1], math.sqrt(blur)
    while f < count:
        t = triangle(vertices, faces[f])
        if seen(t, cull):
            row0, row1, col0, col1 = box(t, reach, height, width)
            total = (row1 - row0) * (col1 - col0) if col1 > col0 else 0
            while first < total and used < QUEUE:
                patch = queue[used]
                patch[0], patch[1], patch[2], patch[3], patch[4], patch[5] = f, row0, col0, col1 - col0, first, total
                used, first = used + 1, first + PATCH
            if first < total:
                break
        f, first = f + 1, 0
    cursor[0], cursor[1] = f, first
    return used


@helper
def expand(pairs, queue, used, vertices, faces, colours, patch_size):
    """Write out the pairs of the first patches in the queue: ROW, COL, FACE, CORNERS and TINT. Returns their number.

    Every patch is written as if it were full, and the next overwrites what was too much. ``patch_size`` is PATCH, but
    must be a number that the compiler cannot know: it would unroll the loop before it could make one store of eight.
    """
    count = 0
    for k in range(used):
        patch, face = queue[k], faces[queue[k, 0]]
        corners, tint = triangle(vertices, face), tint_of(colours, face)
        f, row0, col0 = np.float32(patch[0]), np.float32(patch[1] + patch[4] // patch[3]), np.float32(patch[2])
        first, cols, per_col = patch[4] % patch[3], np.float32(patch[3]), ONE / np.float32(patch[3])
        for lane in range(patch_size):
            at = np.uint64(count + lane)
            number = np.float32(first + lane)  # from the beginning of its first row: small, and so exact
            row = np.floor((number + HALF) * per_col)
            pairs[np.uint64(ROW) + at], pairs[np.uint64(COL) + at] = row0 + row, col0 + number - row * cols
            pairs[np.uint64(FACE) + at] = f
            put_nine(pairs, CORNERS, count + lane, corners)
            put_nine(pairs, TINT, count + lane, tint)
        count += min(PATCH, patch[5] - patch[4])
    return count

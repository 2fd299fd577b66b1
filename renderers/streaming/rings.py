"""The loop of ``streaming`` that reads pictures along circles on the table, on a CPU."""

from __future__ import annotations

import math

import numpy as np

from renderers.streaming.compiler import helper, kernel
from renderers.streaming.formulas import ONE, ZERO

NEAREST = np.float32(1e-3)
HALF, SOFT = np.float32(0.5), np.float32(0.05**2)


@helper
def row_of(rows, n):
    """The row of a place, or the only one."""
    return rows[n if rows.shape[0] > 1 else 0]


@helper
def within(place, side):
    """No further than the border; what is not a number lies on it."""
    place = place if place > ZERO else ZERO
    return place if place < np.float32(side - 1) else np.float32(side - 1)


@helper
def look(around, position, turn, move, factor, middle, height, width, corner, share):
    """Where places around [3,R] a base point are in a picture [H,W], no further than its border: corner [4,R] of the
    pixels about each, by number, and the share [4,R] of each in what is seen there."""
    for r in range(around.shape[1]):
        x, y, z = around[0, r] + position[0], around[1, r] + position[1], around[2, r] + position[2]
        depth = max(x * turn[0, 2] + y * turn[1, 2] + z * turn[2, 2] + move[2], NEAREST)
        right = (x * turn[0, 0] + y * turn[1, 0] + z * turn[2, 0] + move[0]) * factor[0] / depth + middle[0]
        down = (x * turn[0, 1] + y * turn[1, 1] + z * turn[2, 1] + move[1]) * factor[1] / depth + middle[1]
        right = within(((right + ONE) * np.float32(width) - ONE) * HALF, width)
        down = within(((down + ONE) * np.float32(height) - ONE) * HALF, height)
        col, row = np.int32(right), np.int32(down)
        u, v = right - np.float32(col), down - np.float32(row)
        here, across = row * np.int32(width) + col, np.int32(col + 1 < width)
        below = np.int32(width) if row + 1 < height else np.int32(0)
        corner[0, r], corner[1, r] = here, here + across
        corner[2, r], corner[3, r] = here + below, here + below + across
        share[0, r], share[1, r], share[2, r], share[3, r] = (ONE - u) * (ONE - v), u * (ONE - v), (ONE - u) * v, u * v


@helper
def sample(image, corner, share, read):
    """One channel [pixel] of a picture in R places."""
    for r in range(corner.shape[1]):
        read[r] = (
            image[corner[0, r]] * share[0, r] + image[corner[1, r]] * share[1, r]
            + image[corner[2, r]] * share[2, r] + image[corner[3, r]] * share[3, r]
        )  # fmt: skip


@helper
def contrasted(read, mean):
    """Of what was read [angle, feature] what changes with the angle, at one scale for all of it."""
    angles, features = read.shape
    mean[:] = ZERO
    for a in range(angles):
        for f in range(features):
            mean[f] += read[a, f]
    for f in range(features):
        mean[f] /= np.float32(angles)
    square = ZERO
    for a in range(angles):
        for f in range(features):
            read[a, f] -= mean[f]
            square += read[a, f] * read[a, f]
    scale = ONE / np.float32(math.sqrt(square / np.float32(angles * features) + SOFT))
    for a in range(angles):
        for f in range(features):
            read[a, f] *= scale


@kernel
def rings_forward(begin, stop, identity, position, images, around, rotation, translation, scale, shift, code, read):
    """Each of N places: the rings around [E,A,3,R] of its identity, through the camera of its row or the only one, in
    its picture, images [P,C,H,W] -> read [N, A, C R + 2]: their contrast, and code [2, A] of the angle."""
    (pictures, channels, height, width), angles, rings = images.shape, around.shape[1], around.shape[3]
    each, features = identity.shape[0] // pictures, channels * rings
    seen, mean = np.empty((angles, features), np.float32), np.empty(features, np.float32)
    flat = images.reshape((pictures, channels, height * width))
    corner, share = np.empty((4, rings), np.int32), np.empty((4, rings), np.float32)
    for n in range(begin, stop):
        turn, move = row_of(rotation, n), row_of(translation, n)
        factor, middle = row_of(scale, n)[0, 0], row_of(shift, n)[0, 0]
        for a in range(angles):
            mesh = around[identity[n], a]
            look(mesh, position[n], turn, move, factor, middle, height, width, corner, share)
            for c in range(channels):
                sample(flat[n // each, c], corner, share, seen[a, c * rings : (c + 1) * rings])
        contrasted(seen, mean)
        for a in range(angles):
            read[n, a, :features] = seen[a]
            read[n, a, features], read[n, a, features + 1] = code[0, a], code[1, a]

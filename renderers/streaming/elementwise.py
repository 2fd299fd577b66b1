"""The formulas of ``streaming`` for one corner or one pixel alone; see ``formulas``, whose names they follow.

``pose_corner`` is ``projection`` and ``shading`` as one, ``compose_pixel`` what ``canvas`` does to one pixel; next to
each stands its gradient.
"""

from __future__ import annotations

import math

from renderers.streaming.formulas import EPS, ONE, ZERO, exp


def pose_corner(
    corner, normal, albedo, turn, shift, towards, scale, aspect, ox, oy, factor, ambient, diffuse, vertex, colour
):  # fmt: skip
    """One corner [3] of a mesh to (x_ndc, y_ndc, z_view) and its shaded colour: ``projection`` and ``shading`` as one.

    ``turn`` [3,3] and ``shift`` [3] lead to view axes, ``towards`` [3] to the light in the object's own.
    """
    for axis in range(3):
        vertex[axis] = corner[0] * turn[0, axis] + corner[1] * turn[1, axis] + corner[2] * turn[2, axis] + shift[axis]
    across = scale / vertex[2]
    vertex[0] = vertex[0] * across + ox
    vertex[1] = vertex[1] * across * aspect + oy
    lambert = max(normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2], ZERO)
    for c in range(3):
        colour[c] = albedo[c] * factor[c] * (ambient + diffuse * lambert)


def corner_backward(
    corner, normal, albedo, towards, scale, ox, oy, factor, diffuse, vertex, g_vertex, g_colour,
    g_turn, g_shift, g_towards,
):  # fmt: skip
    """Gradients of one posed corner and its colour, added to those of its object's turn, shift and light.

    Those of y_view have still to be multiplied by the lens's aspect.
    """
    per_depth = ONE / vertex[2]
    g_x, g_y = g_vertex[0] * scale * per_depth, g_vertex[1] * scale * per_depth
    g_z = g_vertex[2] - (g_vertex[0] * (vertex[0] - ox) + g_vertex[1] * (vertex[1] - oy)) * per_depth
    for axis in range(3):
        g_turn[axis, 0] += corner[axis] * g_x
        g_turn[axis, 1] += corner[axis] * g_y
        g_turn[axis, 2] += corner[axis] * g_z
    g_shift[0] += g_x
    g_shift[1] += g_y
    g_shift[2] += g_z
    if normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2] > ZERO:
        g_red, g_green, g_blue = factor[0] * g_colour[0], factor[1] * g_colour[1], factor[2] * g_colour[2]
        g_lambert = diffuse * (albedo[0] * g_red + albedo[1] * g_green + albedo[2] * g_blue)
        for axis in range(3):
            g_towards[axis] += normal[axis] * g_lambert


def view_of_corner(normal, albedo, towards, lens, surface, vertex, g_vertex, g_colour, g_lens, g_surface):
    """Gradients of one posed corner and its colour, added to those of f_x, f_y, o_x, o_y and of its object's surface.

    ``lens``: f_x, f_y / f_x, o_x, o_y.
    """
    g_lens[0] += g_vertex[0] * (vertex[0] - lens[2]) / lens[0]
    g_lens[1] += g_vertex[1] * (vertex[1] - lens[3]) / (lens[0] * lens[1])
    g_lens[2] += g_vertex[0]
    g_lens[3] += g_vertex[1]
    lambert = max(normal[0] * towards[0] + normal[1] * towards[1] + normal[2] * towards[2], ZERO)
    bright = surface[3] + surface[4] * lambert
    for c in range(3):
        g_factor = albedo[c] * g_colour[c]
        g_surface[c] += g_factor * bright
        g_surface[3] += g_factor * surface[c]
        g_surface[4] += g_factor * surface[c] * lambert


def merge_pixel_backward(g_pixel, before, after, gamma, g_before):
    """Through S' = S exp((m - m') / gamma), C' likewise, L' = L; none to m (see ``canvas.compose``)."""
    fade = ONE if before == after else exp((before - after) / gamma)
    g_before[0] = ZERO
    for layer in range(1, 5):
        g_before[layer] = fade * g_pixel[layer]
    g_before[5] = g_pixel[5]


def compose_pixel(pixel, background, gamma, image):
    """Canvas [6] -> colour [3]: ``alpha rgb + (1 - alpha) background``."""
    alpha = -math.expm1(pixel[5]) if pixel[5] != ZERO else ZERO
    delta = max(exp((EPS - pixel[0]) / gamma), EPS) if alpha != ZERO else ONE
    scale = alpha / (pixel[1] + delta)
    for c in range(3):
        # alpha (rgb - background), with rgb = (C + delta background) / (S + delta)
        image[c] = background[c] + scale * (pixel[2 + c] - pixel[1] * background[c])


def share_of_last(before, after, background, gamma, image, front):
    """Of one pixel the composed colour [3], and how much of it is the object that ``before`` lacks."""
    compose_pixel(after, background, gamma, image)
    for c in range(3):
        front[c] = ZERO
    if after[5] == before[5]:
        return  # nothing of the object here
    fade = ONE if before[0] == after[0] else exp((before[0] - after[0]) / gamma)
    scale = -math.expm1(after[5]) / (after[1] + EPS)
    for c in range(3):
        front[c] = scale * (after[2 + c] - fade * before[2 + c])


def recolour_pixel(before, after, gamma, excess, out):
    """The canvas with the last object's colour times 1 + excess [3]."""
    for layer in range(6):
        out[layer] = after[layer]
    if after[5] == before[5]:
        return
    fade = ONE if before[0] == after[0] else exp((before[0] - after[0]) / gamma)
    for c in range(3):
        out[2 + c] += excess[c] * (after[2 + c] - fade * before[2 + c])


def recolour_pixel_backward(before, after, gamma, excess, g_out, g_before, g_after):
    """Gradients g_out [6] -> g_before, g_after [6]; none to m (see ``canvas.compose``)."""
    for layer in range(6):
        g_before[layer] = ZERO
        g_after[layer] = g_out[layer]
    if after[5] == before[5]:
        return
    fade = ONE if before[0] == after[0] else exp((before[0] - after[0]) / gamma)
    for c in range(3):
        g_after[2 + c] += excess[c] * g_out[2 + c]
        g_before[2 + c] = -excess[c] * fade * g_out[2 + c]


def compose_pixel_backward(pixel, background, gamma, g_image, g_pixel):
    """Gradients g_image [3] -> g_pixel [6]; none to m (see ``canvas.compose``)."""
    for layer in range(6):
        g_pixel[layer] = ZERO
    if pixel[5] == ZERO:
        return  # nothing painted here: alpha = 0 and rgb = background
    alpha = -math.expm1(pixel[5])
    scale = ONE / (pixel[1] + max(exp((EPS - pixel[0]) / gamma), EPS))
    for c in range(3):
        over = scale * (pixel[2 + c] - pixel[1] * background[c])  # rgb - background
        g_pixel[2 + c] = alpha * scale * g_image[c]
        g_pixel[1] -= alpha * scale * g_image[c] * (over + background[c])
        g_pixel[5] += g_image[c] * over * (alpha - ONE)  # dalpha / dL = -exp(L)


def background_of_pixel(pixel, gamma, g_image, g_background):
    """Gradients g_image [3] -> g_background [3]: what is seen of the background is 1 - alpha S / (S + delta)."""
    for c in range(3):
        g_background[c] = g_image[c]
    if pixel[5] == ZERO:
        return  # nothing painted here
    hidden = -math.expm1(pixel[5]) * pixel[1] / (pixel[1] + max(exp((EPS - pixel[0]) / gamma), EPS))
    for c in range(3):
        g_background[c] -= hidden * g_image[c]


FORMULAS = (
    pose_corner, corner_backward, view_of_corner, merge_pixel_backward, compose_pixel, compose_pixel_backward,
    background_of_pixel, share_of_last, recolour_pixel, recolour_pixel_backward,
)  # fmt: skip

"""The loops of ``streaming`` on a CPU. A kernel takes the pictures ``start .. stop`` of a batch; one thread runs it.

Those that paint are in ``paint``; here are the others, which pose corners and compose pixels one by one.
"""

from __future__ import annotations

from renderers.streaming import elementwise
from renderers.streaming.alternatives import alternatives_forward
from renderers.streaming.compiler import for_cpu, kernel
from renderers.streaming.paint import paint_backward, paint_forward
from renderers.streaming.rings import rings_forward

formulas = for_cpu(elementwise)
pose_corner, corner_backward, view_of_corner = formulas.pose_corner, formulas.corner_backward, formulas.view_of_corner
merge_pixel_backward, compose_pixel = formulas.merge_pixel_backward, formulas.compose_pixel
compose_pixel_backward, background_of_pixel = formulas.compose_pixel_backward, formulas.background_of_pixel
share_of_last, recolour_pixel = formulas.share_of_last, formulas.recolour_pixel
recolour_pixel_backward = formulas.recolour_pixel_backward


@kernel
def pose_forward(
    start, stop, turn, shift, towards, lens, surface, mesh, corners, normals, albedo, count, vertices, colours
):
    """Objects start .. stop of M to vertices, colours [M,V,3]; turn [M,3,3], shift, towards [M,3], lens [M,4],
    surface [M,5], corners [E,V,3]."""
    for m in range(start, stop):
        k = mesh[m]
        scale, aspect, ox, oy = lens[m, 0], lens[m, 1], lens[m, 2], lens[m, 3]
        factor, ambient, diffuse = (surface[m, 0], surface[m, 1], surface[m, 2]), surface[m, 3], surface[m, 4]
        for v in range(count[k]):
            pose_corner(
                corners[k, v], normals[k, v], albedo[k, v], turn[m], shift[m], towards[m],
                scale, aspect, ox, oy, factor, ambient, diffuse, vertices[m, v], colours[m, v],
            )  # fmt: skip
        vertices[m, count[k] :] = vertices[m, 0]  # padding; no triangle uses it


@kernel
def pose_backward(
    start, stop, towards, lens, surface, mesh, corners, normals, albedo, count, vertices,
    g_vertices, g_colours, g_turn, g_shift, g_towards,
):  # fmt: skip
    """Gradients of ``pose_forward``'s results, added to g_turn [M,3,3], g_shift and g_towards [M,3]."""
    for m in range(start, stop):
        k = mesh[m]
        scale, ox, oy = lens[m, 0], lens[m, 2], lens[m, 3]
        factor, diffuse = (surface[m, 0], surface[m, 1], surface[m, 2]), surface[m, 4]
        for v in range(count[k]):
            corner_backward(
                corners[k, v], normals[k, v], albedo[k, v], towards[m], scale, ox, oy, factor, diffuse, vertices[m, v],
                g_vertices[m, v], g_colours[m, v], g_turn[m], g_shift[m], g_towards[m],
            )  # fmt: skip
        g_turn[m, :, 1] *= lens[m, 1]
        g_shift[m, 1] *= lens[m, 1]


@kernel
def view_backward(
    start, stop, towards, lens, surface, mesh, corners, normals, albedo, count, vertices,
    g_vertices, g_colours, g_lens, g_surface,
):  # fmt: skip
    """Gradients of ``pose_forward``'s results, added to g_lens [M,4] and g_surface [M,5]."""
    for m in range(start, stop):
        k = mesh[m]
        for v in range(count[k]):
            view_of_corner(
                normals[k, v], albedo[k, v], towards[m], lens[m], surface[m], vertices[m, v],
                g_vertices[m, v], g_colours[m, v], g_lens[m], g_surface[m],
            )  # fmt: skip


@kernel
def merge_backward(start, stop, canvas, out, gamma, g_out, g_canvas):
    """Gradients g_out [B,H,W,6] with respect to the new canvas -> g_canvas, with respect to the one before."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                before, after = canvas[b, row, col, 0], out[b, row, col, 0]
                merge_pixel_backward(g_out[b, row, col], before, after, gamma, g_canvas[b, row, col])


@kernel
def compose_forward(start, stop, canvas, background, gamma, image):
    """Canvas [B,H,W,6] over a background [1 or B, 1 or H, 1 or W, 3] -> image [B,H,W,3]."""
    batch, height, width = background.shape[:3]
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            table = background[b if batch > 1 else 0, row if height > 1 else 0]
            for col in range(canvas.shape[2]):
                compose_pixel(canvas[b, row, col], table[col if width > 1 else 0], gamma, image[b, row, col])


@kernel
def compose_backward(start, stop, canvas, background, gamma, g_image, g_canvas):
    """Gradients g_image [B,H,W,3] -> g_canvas [B,H,W,6]."""
    batch, height, width = background.shape[:3]
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            table = background[b if batch > 1 else 0, row if height > 1 else 0]
            for col in range(canvas.shape[2]):
                pixel, g_pixel = canvas[b, row, col], g_canvas[b, row, col]
                compose_pixel_backward(pixel, table[col if width > 1 else 0], gamma, g_image[b, row, col], g_pixel)


@kernel
def background_backward(start, stop, canvas, gamma, g_image, g_background):
    """Gradients g_image [B,H,W,3] -> g_background [B,H,W,3]."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                background_of_pixel(canvas[b, row, col], gamma, g_image[b, row, col], g_background[b, row, col])


@kernel
def last_forward(start, stop, before, after, background, gamma, pictures, image, front, square, product):
    """Canvases [B,H,W,6] over a background as in ``compose_forward`` -> image, front [B,H,W,3]; and over all pixels
    sum front^2 and sum front (picture - image), both [B,3], from 0."""
    batch, height, width = background.shape[:3]
    for b in range(start, stop):
        for row in range(after.shape[1]):
            table = background[b if batch > 1 else 0, row if height > 1 else 0]
            for col in range(after.shape[2]):
                share_of_last(
                    before[b, row, col], after[b, row, col], table[col if width > 1 else 0], gamma,
                    image[b, row, col], front[b, row, col],
                )  # fmt: skip
                for c in range(3):
                    own = front[b, row, col, c]
                    square[b, c] += own * own
                    product[b, c] += own * (pictures[b, row, col, c] - image[b, row, col, c])


@kernel
def recolour_forward(start, stop, before, after, gamma, excess, out):
    """Canvases [B,H,W,6] and excess [B,3] -> out [B,H,W,6]."""
    for b in range(start, stop):
        for row in range(after.shape[1]):
            for col in range(after.shape[2]):
                recolour_pixel(before[b, row, col], after[b, row, col], gamma, excess[b], out[b, row, col])


@kernel
def recolour_backward(start, stop, before, after, gamma, excess, g_out, g_before, g_after):
    """Gradients g_out [B,H,W,6] -> g_before, g_after [B,H,W,6]."""
    for b in range(start, stop):
        for row in range(after.shape[1]):
            for col in range(after.shape[2]):
                recolour_pixel_backward(
                    before[b, row, col], after[b, row, col], gamma, excess[b],
                    g_out[b, row, col], g_before[b, row, col], g_after[b, row, col],
                )  # fmt: skip


__all__ = [
    "alternatives_forward",
    "background_backward",
    "compose_backward",
    "compose_forward",
    "last_forward",
    "merge_backward",
    "paint_backward",
    "paint_forward",
    "pose_backward",
    "pose_forward",
    "recolour_backward",
    "recolour_forward",
    "rings_forward",
    "view_backward",
]

"""The loops of ``streaming`` on a CPU. A kernel takes the pictures ``start .. stop`` of a batch; one thread runs it.

Those that paint are in streaming_paint; here are the others, which pose corners and develop pixels one by one.
"""

from __future__ import annotations

from renderers import streaming_elementwise
from renderers.streaming_compiler import for_cpu, kernel
from renderers.streaming_paint import paint_backward, paint_forward

formulas = for_cpu(streaming_elementwise)
pose_corner, pull_corner, merge_pixel = formulas.pose_corner, formulas.pull_corner, formulas.merge_pixel
develop_pixel, undevelop_pixel = formulas.develop_pixel, formulas.undevelop_pixel


@kernel
def pose_forward(
    start, stop, turn, shift, towards, mesh, corners, normals, albedo, count, scale, ambient, diffuse, vertices, colours
):
    """Objects start .. stop of M to vertices, colours [M,V,3]; turn [M,3,3], shift, towards [M,3], corners [K,V,3]."""
    for m in range(start, stop):
        k = mesh[m]
        for v in range(count[k]):
            pose_corner(
                corners[k, v], normals[k, v], albedo[k, v], turn[m], shift[m], towards[m],
                scale, ambient, diffuse, vertices[m, v], colours[m, v],
            )  # fmt: skip
        vertices[m, count[k] :] = vertices[m, 0]  # padding; no triangle uses it


@kernel
def pose_backward(
    start, stop, towards, mesh, corners, normals, albedo, count, scale, diffuse, vertices,
    g_vertices, g_colours, g_turn, g_shift, g_towards,
):  # fmt: skip
    """Gradients of ``pose_forward``'s results, added to g_turn [M,3,3], g_shift and g_towards [M,3]."""
    for m in range(start, stop):
        k = mesh[m]
        for v in range(count[k]):
            pull_corner(
                corners[k, v], normals[k, v], albedo[k, v], towards[m], scale, diffuse, vertices[m, v],
                g_vertices[m, v], g_colours[m, v], g_turn[m], g_shift[m], g_towards[m],
            )  # fmt: skip


@kernel
def merge_backward(start, stop, canvas, out, gamma, g_out, g_canvas):
    """Gradients g_out [B,H,W,6] with respect to the new canvas -> g_canvas, with respect to the one before."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                before, after = canvas[b, row, col, 0], out[b, row, col, 0]
                merge_pixel(g_out[b, row, col], before, after, gamma, g_canvas[b, row, col])


@kernel
def develop_forward(start, stop, canvas, background, gamma, image):
    """Canvas [B,H,W,6] -> image [B,H,W,3]."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                develop_pixel(canvas[b, row, col], background, gamma, image[b, row, col])


@kernel
def develop_backward(start, stop, canvas, background, gamma, g_image, g_canvas):
    """Gradients g_image [B,H,W,3] -> g_canvas [B,H,W,6]."""
    for b in range(start, stop):
        for row in range(canvas.shape[1]):
            for col in range(canvas.shape[2]):
                pixel, g_pixel = canvas[b, row, col], g_canvas[b, row, col]
                undevelop_pixel(pixel, background, gamma, g_image[b, row, col], g_pixel)


__all__ = [
    "develop_backward",
    "develop_forward",
    "merge_backward",
    "paint_backward",
    "paint_forward",
    "pose_backward",
    "pose_forward",
]

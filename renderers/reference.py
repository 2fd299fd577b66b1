"""The specification: PyTorch3D's fragments and blend in plain torch, every pixel against every triangle.

Slow, in any float dtype, differentiated by autograd alone. Every faster backend is compared with this one.
The rules are those of PyTorch3D 0.7.9 (``rasterize_meshes`` and ``softmax_rgb_blend``), the formulas are written anew.
"""

from __future__ import annotations

import torch
from torch import Tensor

from renderers import canvas as canvases
from renderers.base import FAR, NEAR, Renderer
from renderers.projection import pixel_centres

TINY = 1e-8  # PyTorch3D's kEpsilon


class Reference(Renderer):
    """Dense in pixels and triangles: memory grows as batch x height x width x faces."""

    def splat(self, canvas: Tensor, corners: Tensor, colours: Tensor, entry: Tensor, painted: Tensor) -> Tensor:
        """See ``Renderer.splat``."""
        triangles, colours, drawn = self._triangles(corners, colours, entry, painted)
        hit, d, z, w = fragments(
            triangles, pixel_centres(canvas.shape[1], canvas.shape[2], corners), self.settings.blur
        )
        hit = hit & drawn[:, None, None]
        colours = torch.einsum("bhwfk,bfkc->bhwfc", w, colours)
        settings = self.settings
        return canvases.merge(canvas, hit, d, z, colours, settings.soft, settings.gamma, NEAR, FAR)

    def _triangles(
        self, vertices: Tensor, colours: Tensor, entry: Tensor, painted: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Corners [B,F,3,3], their colours [B,F,3,3], and which triangles are drawn at all [B,F]; F of all objects."""
        faces = self.faces[entry].long()
        batch, slot = (torch.arange(size, device=faces.device) for size in entry.shape)
        chosen = batch[:, None, None, None], slot[:, None, None], faces
        exists = torch.arange(faces.shape[2], device=faces.device) < self.face_count[entry][..., None]
        exists = (exists & painted[..., None]).flatten(1)
        corners, colours = vertices[chosen].flatten(1, 2), colours[chosen].flatten(1, 2)
        (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = (corner.unbind(-1) for corner in corners.unbind(-2))
        area = (x0 - x1) * (y2 - y1) - (y0 - y1) * (x2 - x1)
        drawn = area > TINY if self.settings.cull_backfaces else area.abs() > TINY
        drawn = drawn & (torch.minimum(torch.minimum(z0, z1), z2) > TINY)  # ``paint`` refuses these anyway
        drawn = drawn & exists
        # A triangle that is not drawn must not make NaN gradients either: put a harmless one in its place.
        harmless = corners.new_tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
        return torch.where(drawn[..., None, None], corners, harmless), colours, drawn


def fragments(
    corners: Tensor, centres: tuple[Tensor, Tensor], blur_radius: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every pixel against every triangle [B,F,3,3]: hit, d, z, all [B,H,W,F], and barycentrics w [B,H,W,F,3].

    ``d`` is the squared NDC distance to the outline, negative inside; ``z`` metres along the view axis.
    """
    x, y = centres
    pixel = torch.stack(torch.broadcast_tensors(x[None, :], y[:, None]), -1)[None, :, :, None]
    v0, v1, v2 = corners[:, None, None, :, :, :2].unbind(-2)
    z = corners[:, None, None, :, :, 2]

    area = edge_function(v2, v0, v1) + TINY
    bary = torch.stack([edge_function(pixel, *edge) for edge in ((v1, v2), (v2, v0), (v0, v1))], -1) / area[..., None]
    product = z.prod(-1, keepdim=True) / z  # z_j z_k
    bary = bary * product / (bary * product).sum(-1, keepdim=True).clamp(min=TINY)  # perspective correction
    inside = (bary > 0).all(-1)
    w = bary.clamp(min=0)
    w = w / w.sum(-1, keepdim=True).clamp(min=1e-5)

    edges = ((v0, v1), (v0, v2), (v1, v2))
    distance = torch.stack([segment_distance(pixel, *edge) for edge in edges], -1).amin(-1)
    hit = inside | (distance < blur_radius)
    return hit, torch.where(inside, -distance, distance), (w * z).sum(-1), w


def edge_function(p: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Twice the signed area of the triangle p a b: positive where p lies to the inner side of a front face's edge."""
    return (p[..., 0] - a[..., 0]) * (b[..., 1] - a[..., 1]) - (p[..., 1] - a[..., 1]) * (b[..., 0] - a[..., 0])


def segment_distance(p: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Squared distance of p to the segment ab; to b where the segment has no length."""
    edge = b - a
    length = (edge * edge).sum(-1)
    t = ((p - a) * edge).sum(-1) / torch.where(length > TINY, length, 1)
    t = torch.where(length > TINY, t.clamp(0, 1), 1)
    return (a + t[..., None] * edge - p).square().sum(-1)

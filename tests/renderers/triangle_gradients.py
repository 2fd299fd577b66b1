"""Where PyTorch3D's gradients are wrong: ``python tests/renderers/triangle_gradients.py [SEEDS]``.

Every triangle of a picture gets corners of its own, so that a gradient can be laid at its door. The truth is
``reference`` in float64, and central differences of it for every triangle that is named.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from render_tools import at_cut_off, double, double_objects, random_looks, random_objects, random_view, small_scene
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from scenes.objects import Objects
from scenes.view import View

SETTINGS = RendererConfig(faces_per_pixel=150)
SIDE, BATCH, STEP = 24, 4, 1e-7
WRONG = 1e-3  # of the norm of its picture's gradient, by which a triangle's may differ


@dataclass
class Triangles:
    """Triangles [B,F,3,3] (x_ndc, y_ndc, z_view) of four random pictures, colours of their corners, and what is asked
    of their pictures: a random functional without pixels at the blur cut-off, ``weights`` [B,H,W,3]."""

    corners: Tensor
    colours: Tensor
    objects: Objects
    view: View
    weights: Tensor

    def loss(self, renderer: Renderer, corners: Tensor) -> Tensor:
        """The functional of the pictures, in the precision of ``corners``."""
        batch, count = corners.shape[:2]
        renderer.faces = torch.arange(3 * count, dtype=torch.int32).view(1, count, 3)
        renderer.face_count = torch.tensor([count], dtype=torch.int32)
        view = double(self.view) if corners.dtype == torch.float64 else self.view
        posed = corners.flatten(1, 2)[:, None], self.colours.to(corners.dtype).flatten(1, 2)[:, None]
        entry = torch.zeros(batch, 1, dtype=torch.long)
        canvas = renderer.splat(renderer.blank(view), *posed, entry, torch.ones(batch, 1) > 0)
        return (renderer.develop(canvas, view) * self.weights).sum()

    def gradient(self, name: str) -> Tensor:
        """Of the functional with respect to every corner, by a backend, in float64."""
        renderer = build_renderer(name, small_scene(), SETTINGS)
        corners = self.corners.clone().requires_grad_()
        if name == "reference":
            renderer, corners = renderer.double(), self.corners.double().requires_grad_()
        return torch.autograd.grad(self.loss(renderer, corners), corners)[0].double()


def random_triangles(seed: int) -> Triangles:
    """Of three objects through each other in each picture, every picture with a view of its own."""
    streaming, reference = (build_renderer(name, small_scene(), SETTINGS) for name in ("streaming", "reference"))
    view, objects = random_view(seed, BATCH, SIDE, SIDE), random_looks(random_objects(seed, batch=BATCH), seed)
    entry = streaming.entry(objects)
    faces = streaming.faces[entry].long()
    row, slot = torch.arange(BATCH)[:, None, None, None], torch.arange(objects.slots)[:, None, None]
    corners, colours = (posed[row, slot, faces].flatten(1, 2) for posed in streaming.pose(objects, view, entry))
    excluded = at_cut_off(reference.double(), double_objects(objects), double(view))
    weights = torch.randn(BATCH, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(seed)) * ~excluded[..., None]
    return Triangles(corners, colours, objects, view, weights)


def wrong(gradient: Tensor, truth: Tensor) -> Tensor:
    """Which triangles [B,F] differ by more than ``WRONG`` of the norm of their picture's gradient."""
    norm = truth.flatten(1).norm(dim=1)[:, None]
    return (gradient - truth).flatten(2).norm(dim=2) > WRONG * norm


def height(triangle: Tensor) -> float:
    """The least height of a triangle [3,3] in NDC: small where it is seen edge-on."""
    a, b, c = triangle[:, :2].double()
    area = ((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]).abs()
    return (area / torch.stack([b - a, c - b, a - c]).norm(dim=1).max()).item()


def slope(triangles: Triangles, where: tuple[int, int], direction: Tensor) -> float:
    """Of the functional as one triangle's corners move in a ``direction`` [3,3] of length 1, by central differences."""
    reference = build_renderer("reference", small_scene(), SETTINGS).double()
    step = torch.zeros_like(triangles.corners.double())
    step[where] = STEP * direction
    with torch.no_grad():
        both = [triangles.loss(reference, triangles.corners.double() + sign * step) for sign in (1, -1)]
    return ((both[0] - both[1]) / (2 * STEP)).item()


def main(seeds: int) -> None:
    """Name every triangle whose gradient PyTorch3D has wrong, and count."""
    seen = named = 0
    for seed in range(seeds):
        triangles = random_triangles(seed)
        truth, theirs, ours = (triangles.gradient(name) for name in ("reference", "pytorch3d", "streaming"))
        seen += int((truth != 0).any(-1).any(-1).sum())
        assert not wrong(ours, truth).any()
        for picture, number in wrong(theirs, truth).nonzero().tolist():
            slot, face = divmod(number, triangles.corners.shape[1] // triangles.objects.slots)
            at = picture, number
            direction = truth[at] / truth[at].norm()
            values = [(gradient[at] * direction).sum().item() for gradient in (theirs, ours)]
            kind = small_scene().catalogue.names[int(triangles.objects.identity[picture, slot])]
            print(f"seed {seed}, picture {picture}, object {slot} ({kind}), face {face}:",
                  f"height {height(triangles.corners[at]):.1e}, along the true gradient PyTorch3D {values[0]:.4g},",
                  f"streaming {values[1]:.4g}, central differences {slope(triangles, at, direction):.4g}",
                  flush=True)  # fmt: skip
            named += 1
    print(f"{named} of {seen} triangles, in {seeds * BATCH} pictures")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)

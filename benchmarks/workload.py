"""What the renderer's benchmark paints, how it is timed, and what arithmetic alone would allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np
import torch
import trimesh
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.convert import to_torch
from renderers.projection import pixel_centres
from renderers.reference import Reference, fragments
from scenes import crockery, parts
from scenes.catalogue import Catalogue
from scenes.mesh import Mesh
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

PIECES = (crockery.plate, crockery.bowl, crockery.mug, crockery.saucepan)
TEST, FRAGMENT, BACKWARD = 45, 60, 1.45
"""Arithmetic operations, counted off the formulas: to test a pixel against a triangle, to blend a fragment, and what
the gradient of a fragment costs compared with its forward pass. The gradient meets every test again."""


@dataclass(frozen=True)
class Work:
    """One point of the benchmark; ``faces`` is the number that all objects of a picture have together, ``views``
    whether all pictures share "one" or each has its "own"."""

    batch: int = 64
    side: int = 64
    objects: int = 3
    faces: int = 1000
    threads: int = 2
    cull: bool = False
    antialias: int = 1
    views: str = "one"
    device: str = "cpu"

    def scene(self) -> Scene:
        """A table with crockery of the right number of faces."""
        coarse = np.mean([len(make().faces) for make in PIECES])
        scene = Scene(SceneConfig(image_size=self.side, max_objects=self.objects))
        scene.catalogue = Catalogue(crockery_with(self.faces / self.objects / coarse))
        return scene

    def settings(self) -> RendererConfig:
        return RendererConfig(cull_backfaces=self.cull, antialias=self.antialias)

    def pictures(self, scene: Scene) -> tuple[Objects, View]:
        """Scenes of the layout itself, all slots filled, and how they are seen."""
        objects, view = scene.batch(0, range(self.batch), self.objects), scene.views(0, range(self.batch))
        if self.views == "own":
            view = view.each(np.array)  # a copy for each picture: nothing is shared any more
        return to_torch(objects, self.device), to_torch(view, self.device)


def crockery_with(detail: float) -> tuple[Mesh, ...]:
    """The crockery with so many times as many faces around its axes."""

    def finer(profile: Sequence[parts.Point], sections: int) -> trimesh.Trimesh:
        return parts.revolve(profile, round(sections * detail))

    with patch.object(crockery, "revolve", finer):
        return tuple(make() for make in PIECES)


def gradients(renderer: Renderer, objects: Objects, view: View) -> Tensor:
    """Whole pictures, and the gradient of their squares with respect to every position and rotation."""
    pose = objects.position.clone().requires_grad_(), objects.rotation.clone().requires_grad_()
    image = renderer.render(replace(objects, position=pose[0], rotation=pose[1]), view)
    image.square().sum().backward()
    return image.detach()


def view_gradients(renderer: Renderer, objects: Objects, view: View) -> Tensor:
    """As ``gradients``, and those of every number of the view as well."""
    return gradients(renderer, objects, view.each(lambda array: array.detach()[:].requires_grad_()))


@torch.no_grad()
def forward(renderer: Renderer, objects: Objects, view: View) -> Tensor:
    """Pictures alone."""
    return renderer.render(objects, view)


def one_more(renderer: Renderer, objects: Objects, view: View, painted: int) -> Callable[[], None]:
    """A call that paints each picture's last object, with gradients, where ``painted`` others are already."""
    before, last = renderer.blank(view), objects.slot(objects.slots - 1)
    for slot in range(painted):
        before = renderer.paint(before, objects.slot(slot), view)

    def call() -> None:
        moved = replace(last, position=last.position.clone().requires_grad_())
        renderer.develop(renderer.paint(before, moved, view), view).square().sum().backward()

    return call


def seconds(call: Callable[[], object], repeats: int, least: float = 0.5) -> float:
    """Least time of a call, out of ``repeats`` or as many as ``least`` seconds hold, after two that do not count.

    The least, because whatever else runs on a machine can only make a call slower (as in the standard ``timeit``).
    """
    times: list[float] = []
    while len(times) < repeats + 2 or sum(times[2:]) < least:
        start = time.perf_counter()
        call()
        if torch.cuda.is_available():  # what was asked of it may not be done yet
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[2:])


def kept_bytes(renderer: Renderer, objects: Objects, view: View) -> float:
    """Bytes a picture that a forward pass keeps for the backward pass, each storage counted once."""
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    pose = replace(objects, position=objects.position.clone().requires_grad_())
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        renderer.render(pose, view)
    return sum(seen.values()) / len(objects)


def smallest_faces_per_pixel(work: Work, tolerance: float = 1e-4, share: float = 0.999) -> tuple[int, int]:
    """The smallest K of a ladder with which PyTorch3D agrees with ``streaming`` on these pictures, and their most hits.

    Agreeing: 99.9 % of all pixels within 1e-4 in every channel.
    """
    work = replace(work, batch=min(work.batch, 16))
    scene, settings = work.scene(), work.settings()
    shown = work.pictures(scene)
    truth = forward(build_renderer("streaming", scene, settings), *shown)
    most = build_renderer("pytorch3d", scene, replace(settings, faces_per_pixel=150)).most_fragments(*shown)  # type: ignore[operator]
    for kept in (4, 8, 12, 16, 24, 32, 50, 100, 150):
        image = forward(build_renderer("pytorch3d", scene, replace(settings, faces_per_pixel=kept)), *shown)
        if ((image - truth).abs().amax(-1) < tolerance).float().mean() >= share:
            return kept, most
    raise RuntimeError("PyTorch3D and streaming do not agree on these pictures")


def operations(work: Work) -> float:
    """Arithmetic operations a picture, forward and backward, if every triangle only meets the pixels of its box."""
    work = replace(work, batch=8)
    scene = work.scene()
    renderer, (objects, view) = Reference(scene, work.settings()), work.pictures(scene)
    entry = renderer.entry(objects)
    vertices, colours = renderer.pose(objects, view, entry)
    corners, _, drawn = renderer._triangles(vertices, colours, entry, torch.ones_like(entry, dtype=torch.bool))
    blur, side = renderer.settings.blur, work.side * work.antialias
    x, y = pixel_centres(side, side, vertices)
    low, high = corners[..., :2].amin(-2) - blur**0.5, corners[..., :2].amax(-2) + blur**0.5
    columns = ((x >= low[..., :1]) & (x <= high[..., :1])).sum(-1)
    rows = ((y >= low[..., 1:]) & (y <= high[..., 1:])).sum(-1)
    tests = (columns * rows * drawn).sum().item() / work.batch
    hits = sum((fragments(c, (x, y), blur)[0] & d).sum().item() for c, d in zip(corners[:, None], drawn, strict=True))
    return tests * TEST * 2 + hits / work.batch * FRAGMENT * (1 + BACKWARD)


def peak_operations(threads: int) -> float:
    """Operations a second that this machine reaches in a large matrix product, measured now."""
    torch.set_num_threads(threads)
    a = torch.rand(2048, 2048)
    return 2 * 2048**3 / seconds(lambda: a @ a, 5)

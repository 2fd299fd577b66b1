"""What the renderer's benchmark paints, how it is timed, and what arithmetic alone would allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from renderers import Renderer, RendererConfig, build_renderer
from renderers.convert import to_torch
from renderers.projection import pixel_centres
from renderers.reference import Reference, fragments
from scenes import crockery
from scenes.catalogue import Catalogue
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

PIECES = (crockery.plate, crockery.bowl, crockery.mug, crockery.saucepan)
TEST, FRAGMENT, BACKWARD = 45, 60, 1.45
"""Arithmetic operations, counted off the formulas: to test a pixel against a triangle, to blend a fragment, and what
the gradient of a fragment costs compared with its forward pass. The gradient meets every test again."""


@dataclass(frozen=True)
class Work:
    """One point of the benchmark; ``faces`` is the number that all objects of a picture have together."""

    batch: int = 64
    side: int = 64
    objects: int = 3
    faces: int = 1000
    threads: int = 2
    cull: bool = False
    device: str = "cpu"

    def scene(self) -> Scene:
        """A table with crockery of the right number of faces."""
        coarse = np.mean([len(make().faces) for make in PIECES])
        scene = Scene(SceneConfig(image_size=self.side, max_objects=self.objects))
        scene.catalogue = Catalogue(tuple(make(self.faces / self.objects / coarse) for make in PIECES))
        return scene

    def settings(self) -> RendererConfig:
        return RendererConfig(cull_backfaces=self.cull)

    def pictures(self, scene: Scene) -> Objects:
        """Scenes of the layout itself, all slots filled."""
        objects = scene.batch(0, range(self.batch), self.objects)
        return to_torch(Objects(*(array[:, : self.objects] for array in vars(objects).values())), self.device)


def gradients(renderer: Renderer, objects: Objects) -> Tensor:
    """Whole pictures, and the gradient of their squares with respect to every position and rotation."""
    pose = objects.position.clone().requires_grad_(), objects.rotation.clone().requires_grad_()
    image = renderer.render(replace(objects, position=pose[0], rotation=pose[1]))
    image.square().sum().backward()
    return image.detach()


@torch.no_grad()
def forward(renderer: Renderer, objects: Objects) -> Tensor:
    """Pictures alone."""
    return renderer.render(objects)


def one_more(renderer: Renderer, objects: Objects, painted: int) -> Callable[[], None]:
    """A call that paints each picture's last object, with gradients, where ``painted`` others are already."""
    before = renderer.blank(len(objects))
    for slot in range(painted):
        before = renderer.paint(before, *(x[:, slot] for x in (objects.identity, objects.position, objects.rotation)))

    def call() -> None:
        position = objects.position[:, -1].clone().requires_grad_()
        canvas = renderer.paint(before, objects.identity[:, -1], position, objects.rotation[:, -1])
        renderer.develop(canvas).square().sum().backward()

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


def kept_bytes(renderer: Renderer, objects: Objects) -> float:
    """Bytes a picture that a forward pass keeps for the backward pass, each storage counted once."""
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    pose = replace(objects, position=objects.position.clone().requires_grad_())
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        renderer.render(pose)
    return sum(seen.values()) / len(objects)


def smallest_faces_per_pixel(work: Work, tolerance: float = 1e-4, share: float = 0.999) -> tuple[int, int]:
    """The smallest K of a ladder with which PyTorch3D agrees with ``streaming`` on these pictures, and their most hits.

    Agreeing: 99.9 % of all pixels within 1e-4 in every channel.
    """
    work = replace(work, batch=min(work.batch, 16))
    scene, settings = work.scene(), work.settings()
    objects = work.pictures(scene)
    truth = forward(build_renderer("streaming", scene, settings), objects)
    most = build_renderer("pytorch3d", scene, replace(settings, faces_per_pixel=150)).most_fragments(objects)  # type: ignore[operator]
    for kept in (4, 8, 12, 16, 24, 32, 50, 100, 150):
        image = forward(build_renderer("pytorch3d", scene, replace(settings, faces_per_pixel=kept)), objects)
        if ((image - truth).abs().amax(-1) < tolerance).float().mean() >= share:
            return kept, most
    raise RuntimeError("PyTorch3D and streaming do not agree on these pictures")


def operations(work: Work) -> float:
    """Arithmetic operations a picture, forward and backward, if every triangle only meets the pixels of its box."""
    work = replace(work, batch=8)
    scene = work.scene()
    renderer, objects = Reference(scene, work.settings()), work.pictures(scene)
    vertices, colours = renderer.pose(objects.identity, objects.position, objects.rotation)
    painted = torch.ones_like(objects.identity, dtype=torch.bool)
    corners, _, drawn = renderer._triangles(vertices, colours, objects.identity, painted)
    blur = renderer.settings.blur
    x, y = pixel_centres(work.side, work.side, vertices)
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

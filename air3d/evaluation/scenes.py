"""The scenes that evaluate.py judges by: drawn with seeds no training uses, or read from a frozen data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from air3d.evaluation.measure import Scenes
from air3d.evaluation.scene_changes import SceneChange
from air3d.inference.counting import check_counting
from air3d.inference.search import SearchConfig
from air3d.splits import check_seed, evaluation_seed
from renderers.base import Renderer
from renderers.convert import to_floats, to_torch
from renderers.sensor import photograph
from renderers.shadows import shadowed
from renderers.visibility import rotation_visible
from scenes.bop.files import is_bop
from scenes.bop.reading import read_bop
from scenes.dataset import read_dataset
from scenes.errors import UserError
from scenes.layout import Layout, check_count
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

SCENES_APART = 1_000_000  # scenes of the same number and another count begin with the same objects: number them apart


@dataclass
class EvaluateConfig:
    """What configs/evaluate.yaml fills."""

    run: str
    data: str | None = None
    scenes: int | None = None
    counts: list[int] | None = None
    scene: SceneChange = field(default_factory=SceneChange)
    seed: int = 0
    max_objects: int | None = None
    importance_samples: int | None = None
    model: SearchConfig | None = None
    init: str = "scan"
    counting: str = "presence"
    batch_size: int = 100
    device: str = "cpu"
    out: str | None = None

    def __post_init__(self) -> None:
        for name in ("scenes", "max_objects", "importance_samples", "batch_size"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UserError(f"{name}={value}: give at least 1")
        if self.init not in ("scan", "air"):
            raise UserError(f"init={self.init}: scan, every pose of a grid, or air, the network's predictions")
        if self.init == "air" and self.model is None:
            raise UserError("init=air is for model=direct: give both")
        check_counting(self.counting)
        if self.counting == "likelihood" and self.model is not None and self.init != "air":
            raise UserError(
                "counting=likelihood is for what a network says; model=direct without it counts so by itself"
            )
        check_seed(self.seed)

    def steps(self, layout: Layout, truth: Objects) -> int:
        """Steps the network may take: one more than there can be objects, so that too many can be counted.

        Exactly as many where the number is known beforehand, as in a scene of exactly one.
        """
        largest = max(layout.max_objects, int(np.asarray(truth.count).max()))
        return self.max_objects or largest + (largest > layout.min_objects)


def scenes_of(
    settings: EvaluateConfig, trained: Scene, scene: Scene, renderer: Renderer
) -> tuple[Scenes, View, dict[str, Any]]:
    """The scenes to judge by, with the views that the network is told; the views they were painted under; and in words
    (for metrics.json) where they come from.

    trained: the scene of the run; scene: the one to test on.
    """
    if settings.data is not None:
        if settings.counts is not None:
            raise UserError("counts= chooses scenes to draw, data= brings its own: give one of them")
        if settings.scene.changes():
            raise UserError("scene. changes what scenes are drawn, data= brings its own: give one of them")
        bop = is_bop(settings.data)
        scenes, remarks = (stored_bop if bop else stored)(settings.data, trained, settings.scenes)
        words = f"{len(scenes.truth)} scenes of {settings.data}"
        about: dict[str, Any] = {"scenes_from": words, "data": settings.data}
        if remarks:
            about["remarks"] = remarks
        if settings.scene.camera_known:
            return scenes, scenes.view, about
        told = scenes.view.behind(to_torch(trained.configured.repeat(len(scenes.truth))))
        return replace(scenes, view=told), scenes.view, {**about, "camera_known": False}
    number = settings.scenes or 1000
    truth, view = held_out_scenes(scene, settings.seed, number, settings.counts)
    shares = f" in equal shares of counts {settings.counts}" if settings.counts else ""
    changed = f", {settings.scene}" if settings.scene.changes() else ""
    words = f"{len(truth)} held-out scenes{shares}{changed}, seed {settings.seed}"
    about = {"scenes_from": words, "counts": settings.counts, "changed": settings.scene.changes()}
    told = view if not settings.scene.changes() else settings.scene.known_view(trained, view)
    rows = [index for _, each in held_out_rows(number, settings.counts) for index in each]
    pictures = photographs(renderer, truth, view, [(evaluation_seed(settings.seed), row) for row in rows])
    return Scenes(pictures, truth, told), view, {**about, "seed": settings.seed}


def stored_bop(folder: str, scene: Scene, scenes: int | None) -> tuple[Scenes, list[str]]:
    """The same of a BOP data set, whose pictures are averaged down to what the run sees, and remarks on it."""
    size = scene.camera.height, scene.camera.width
    data = read_bop(folder, scene.catalogue, scene.configured, size, scenes)
    if data.objects is None:
        raise UserError(f"{folder} has no scene_gt.json to judge by: infer.py takes pictures without")
    return Scenes(to_floats(data.images), data.objects, to_torch(data.view), data.full), data.remarks


def stored(folder: str, scene: Scene, scenes: int | None) -> tuple[Scenes, list[str]]:
    """Pictures, truths and views of a frozen data set, the first `scenes` of them: whatever camera took them. UserError
    if the run cannot judge them."""
    data = read_dataset(folder, scene.catalogue, scene.configured)
    size, wanted = data.images.shape[1:3], (scene.camera.height, scene.camera.width)
    if size != wanted:
        raise UserError(
            f"{folder} has pictures of {size[0]} x {size[1]} pixels, the run was trained on {wanted[0]} x {wanted[1]}"
        )
    part = slice(scenes)
    return Scenes(to_floats(data.images[part]), data.objects[part], to_torch(data.view[part])), []


def held_out_scenes(scene: Scene, seed: int, scenes: int, counts: Sequence[int] | None = None) -> tuple[Objects, View]:
    """`scenes` test scenes of evaluation seed `seed`: as the scene draws them, or in equal shares of `counts`.

    What does not divide goes to the first counts. The scenes of one count do not depend on which others are asked for.
    Raises UserError for counts that cannot fit on the table.
    """
    split, rows = evaluation_seed(seed), held_out_rows(scenes, counts)
    for count in counts or ():
        check_count(scene.layout, scene.catalogue, count)
    objects = Objects.stack([scene.batch(split, each, count) for count, each in rows])
    return objects, scene.views(split, [index for _, each in rows for index in each])


def held_out_rows(scenes: int, counts: Sequence[int] | None = None) -> list[tuple[int | None, range]]:
    """The numbers of the test scenes, of each count. UserError for counts that cannot share that many scenes."""
    if counts is None:
        return [(None, range(scenes))]
    if len(set(counts)) < len(counts) or not counts or min(counts) < 0 or scenes < len(counts):
        raise UserError(
            f"counts={list(counts)} with scenes={scenes}: give different whole numbers from 0, at least one scene each"
        )
    share, rest = divmod(scenes, len(counts))
    first = [(count + 1) * SCENES_APART for count in counts]
    return [
        (count, range(at, at + share + (i < rest))) for i, (count, at) in enumerate(zip(counts, first, strict=True))
    ]


def photographs(
    renderer: Renderer, truth: Objects, view: View, seeds: Sequence[tuple[int, int]], batch_size: int = 100
) -> Float[Tensor, "batch height width 3"]:
    """The pictures of true scenes with the noise of their sensors; `seeds`: data-set seed and index of each."""
    return photograph(render(renderer, truth, view, batch_size), to_torch(view), seeds)


@torch.no_grad()
def render(
    renderer: Renderer, truth: Objects, view: View, batch_size: int = 100
) -> Float[Tensor, "batch height width 3"]:
    """The pictures of true scenes, in float32 as training sees them."""
    parts = parts_of(truth, view, renderer, batch_size)
    return torch.cat([renderer.render(part, shadowed(renderer, part, world)) for part, world in parts]).cpu()


def visible_rotations(
    renderer: Renderer, truth: Objects, view: View, batch_size: int = 100
) -> Bool[np.ndarray, "batch slot"]:
    """Whether the pictures of true scenes tell how each object is turned, see `rotation_visible`."""
    parts = parts_of(truth, view, renderer, batch_size)
    return torch.cat([rotation_visible(renderer, *part) for part in parts]).cpu().numpy()


def parts_of(truth: Objects, view: View, renderer: Renderer, batch_size: int) -> list[tuple[Objects, View]]:
    """Batches of true scenes as tensors, where the renderer works."""
    rows = [slice(start, start + batch_size) for start in range(0, len(truth), batch_size)]
    return [(to_torch(truth[part], renderer.device), to_torch(view[part], renderer.device)) for part in rows]

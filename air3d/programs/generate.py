"""Write a data set of labelled pictures: `python generate.py scene=tabletop scenes=1000 out=DIR seed=0`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from omegaconf import MISSING, DictConfig
from tqdm import tqdm

from air3d import cli
from air3d.splits import check_seed, dataset_seed
from renderers import Renderer, RendererConfig, build_renderer
from renderers.convert import to_bytes, to_torch
from renderers.painters import Painter, PainterConfig, build_painter
from renderers.sensor import photograph
from renderers.visibility import visible_pixels
from scenes.bop.writing import taken, write_bop
from scenes.catalogues import understood
from scenes.dataset import check_out, describe, write_dataset
from scenes.errors import UserError, nearest
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import View

FORMATS = {"air3d": "scenes.json, manifest.json", "bop": "scene_gt.json and models in BOP's layout"}
BATCH = 50  # pictures rendered at a time; it changes no byte


@dataclass
class GenerateConfig:
    """What configs/generate.yaml fills."""

    out: str = MISSING
    scenes: int = 1000
    seed: int = 0
    count: int | None = None
    format: str = "air3d"
    scene: SceneConfig = field(default_factory=SceneConfig)
    renderer: RendererConfig = field(default_factory=RendererConfig)
    painter: PainterConfig = field(default_factory=PainterConfig)

    def __post_init__(self) -> None:
        if not self.out:
            raise UserError("give out=DIR, the folder to write")
        if self.scenes < 1:
            raise UserError(f"scenes={self.scenes}: ask for at least 1")
        if self.format not in FORMATS:
            raise UserError(f"format={self.format}: {nearest(self.format, FORMATS)}")
        check_seed(self.seed)


def main(settings: DictConfig) -> None:
    config = cli.typed(settings, GenerateConfig, missing="give out=DIR, the folder to write")
    for line in understood(config.scene):
        print(line)
    scene = Scene(config.scene)
    renderer = build_renderer(config.renderer.name, scene, config.renderer)
    painter, stated = build_painter(config.painter, scene, renderer), config.painter.stated
    request = {"scenes": config.scenes, "count": config.count, "renderer": asdict(renderer.settings)}
    if config.painter.name != "air3d":
        request["painter"] = asdict(config.painter)
    seed, indices = dataset_seed(config.seed), range(config.scenes)
    view = scene.views(seed, indices)
    info = describe(scene, view, config.seed, request, stated)
    if (check_out if config.format == "air3d" else taken)(config.out, info):
        print(f"{config.out} already holds this data set, complete and unaltered")
        return
    objects = scene.batch(seed, indices, config.count)
    try:
        seeds = [(seed, index) for index in indices]
        painted = pictures(painter, renderer, objects, view, seeds)
        if config.format == "bop":
            write_bop(config.out, info, scene.catalogue, objects, view, with_whole(painted, renderer, objects, view))
        else:
            write_dataset(config.out, info, scene.catalogue, objects, view, painted, stated)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped: nothing is left of {config.out}") from None
    print(f"{config.out}: {config.scenes} pictures, {FORMATS[config.format]}")


def pictures(
    painter: Painter, renderer: Renderer, objects: Objects, view: View, seeds: Sequence[tuple[int, int]]
) -> Iterator[tuple[np.ndarray, list[int]]]:
    """For every scene its picture, uint8 [H, W, 3], and the visible pixels of each slot, with a progress bar; the
    renderer counts pixels. `seeds`: data-set seed and index of each."""
    with tqdm(total=len(objects), unit="scene", disable=None) as bar:
        for start in range(0, len(objects), BATCH):
            part = slice(start, start + BATCH)
            batch = to_torch(objects[part], renderer.device), to_torch(view[part], renderer.device)
            visible = visible_pixels(renderer, *batch).tolist()
            painted = painter(objects[part], view[part], seeds[part])
            photographs = photograph(painted, to_torch(view[part]), seeds[part], bits=8)
            for picture in zip(to_bytes(photographs), visible, strict=True):
                yield picture
                bar.update()


def with_whole(
    painted: Iterator[tuple[np.ndarray, list[int]]], renderer: Renderer, objects: Objects, view: View
) -> Iterator[tuple[np.ndarray, list[int], list[int]]]:
    """The same, with the pixels that each slot's object would have if it stood there alone."""
    for row, (picture, visible) in enumerate(painted):
        batch = to_torch(objects[row], renderer.device), to_torch(view[row], renderer.device)
        alone = (visible_pixels(renderer, batch[0].slot(slot), batch[1]).item() for slot in range(objects.slots))
        yield picture, visible, [int(pixels) for pixels in alone]

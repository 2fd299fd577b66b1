"""Say what stands where in pictures: `python infer.py run=pretrained/tabletop pictures=FILE_OR_FOLDER`."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import MISSING, DictConfig
from tqdm import tqdm

from air3d import cli
from air3d.api.answer_files import ASKED, answers, refuse
from air3d.api.model import Model, load
from air3d.api.question import CameraConfig, Picture, Question, question
from air3d.api.scene import Scene
from air3d.evaluation.calibration_scenes import CALIBRATION_SCENES
from air3d.files import atomic, writable
from air3d.home import beside
from air3d.report.panels import save_panel
from renderers.convert import to_floats, to_torch
from scenes.bop.results import results, results_name
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.unlabelled import shown
from scenes.view import View


@dataclass
class InferConfig:
    """What configs/infer.yaml fills."""

    run: str = MISSING
    pictures: str = MISSING
    out: str | None = None
    camera: CameraConfig = field(default_factory=CameraConfig)
    level: float = 0.9
    calibration_scenes: int = CALIBRATION_SCENES
    max_objects: int | None = None
    counting: str = "presence"
    overlays: bool = True
    show: int = 8
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.show < 0:
            raise UserError(f"show={self.show}: give at least 0")

    def about(self) -> dict[str, Any]:
        """What scenes.json says of how it came about."""
        names = ("run", "level", "calibration_scenes", "counting")
        return {ASKED: self.pictures, **{name: getattr(self, name) for name in names}}


def main(settings: DictConfig) -> None:
    config = cli.typed(settings, InferConfig, missing="give run=RUN_DIR and pictures=FILE_OR_FOLDER")
    how = config.level, config.calibration_scenes, config.counting, config.max_objects, config.device
    model = load(config.run, *how)
    asked, out = question(config.pictures, model, config.camera), Path(config.out or beside(config.run, "inferred"))
    refuse(out, config.pictures)
    if (first := next(asked.batches, None)) is None:
        raise UserError(f"none of the {asked.total} pictures can be read: {asked.remarks[0]}")
    writable(out)
    say("number of objects (how sure); x and y on the table and turn about +Z "
        f"with their {model.serializer.level:.0%} regions\n")  # fmt: skip
    about = config.about() | {"max_objects": model.steps, "catalogue": list(model.run.scene.catalogue.kinds)}
    with answers(out, about, config.overlays) as files, tqdm(total=asked.total, unit="picture", disable=None) as bar:
        results = Results(asked)
        for batch in chain([first], asked.batches):
            for picture, scene in zip(batch, results.timed(model, batch), strict=True):
                files.add(picture, scene, files.number < config.show)
                say(f"{shown(picture.label if asked.bop else picture.about['image_filename'])}: {scene}")
                bar.update()
        show(out, model, first[: config.show])
        results.write(out, config.pictures, model)
    for remark in asked.remarks:
        print(remark)
    print(f"\n{out / 'scenes.json'}, objects.csv" + ", pictures and 3D models beside it" * bool(config.show))


def say(line: str) -> None:
    """Prints above the bar. Whoever reads it may stop; all is written nevertheless."""
    with suppress(BrokenPipeError):
        tqdm.write(line)


class Results:
    """What a BOP data set's results file needs of all pictures together; nothing is kept of others."""

    def __init__(self, asked: Question) -> None:
        self.bop, self.scenes, self.seconds = asked.bop, list[Scene](), 0.0

    def timed(self, model: Model, batch: list[Picture]) -> list[Scene]:
        before = time.perf_counter()
        scenes = model.scenes([each.photograph for each in batch], View.stack([each.view for each in batch]))
        self.seconds += time.perf_counter() - before
        self.scenes += scenes if self.bop else []
        return scenes

    def write(self, out: Path, pictures: str, model: Model) -> None:
        """The poses as BOP's results, ranked by the probability that a slot holds an object."""
        if self.bop is None:
            return
        objects, believed = Objects.stack([each.inferred for each in self.scenes]), [each.view for each in self.scenes]
        sure = np.zeros((len(objects), objects.slots))
        for row, scene in enumerate(self.scenes):
            sure[row, objects.presence[row]] = [each.probability for each in scene.objects]
        catalogue, each = model.run.scene.catalogue, self.seconds / len(objects)
        text = results(objects, View.stack(believed), catalogue, self.bop.models, self.bop.ids, sure, each)
        with atomic(out / results_name(pictures)) as temporary:
            temporary.write_text(text)


@torch.no_grad()
def show(out: Path, model: Model, pictures: list[Picture]) -> None:
    """Draws how the first pictures were understood, step by step."""
    if not pictures:
        return
    device = model.run.config.device
    images = to_floats(np.stack([each.photograph.pixels for each in pictures])).to(device)
    view = to_torch(View.stack([each.view for each in pictures]), device)
    found = model.counting(model.run.model, images, view, model.steps)
    save_panel(out / "steps.png", images, found, None, model.run.scene.catalogue.names, len(pictures))

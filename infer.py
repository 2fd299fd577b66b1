"""Say what stands where in pictures: `python infer.py run=pretrained/tabletop pictures=FILE_OR_FOLDER`."""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import MISSING, DictConfig
from torch import Tensor

from air3d import cli
from air3d.evaluation.calibration_scenes import CALIBRATION_SCENES, calibrate
from air3d.files import atomic, write_json
from air3d.inference.believed import believed_views
from air3d.inference.counting import check_counting, predictor
from air3d.inference.greedy import Predictor
from air3d.inference.predictions import Predictions, predict
from air3d.inference.serialization import Serializer, scene_text
from air3d.report.overlay import save_overlay
from air3d.report.panels import save_panel
from air3d.training.checkpoint import load_run
from air3d.training.run import Run
from renderers.convert import to_floats, to_numpy, to_torch
from scenes.bop.files import is_bop
from scenes.bop.reading import BopData, read_bop
from scenes.bop.results import results, results_name
from scenes.errors import UserError
from scenes.export import to_glb
from scenes.pictures import labels, picture_paths, read_picture
from scenes.reading import read_views
from scenes.scene import Scene
from scenes.view import View


@dataclass
class InferConfig:
    """What configs/infer.yaml fills."""

    run: str = MISSING
    pictures: str = MISSING
    out: str | None = None
    level: float = 0.9
    calibration_scenes: int = CALIBRATION_SCENES
    max_objects: int | None = None
    counting: str = "presence"
    show: int = 8
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise UserError(f"level={self.level}: give a share between 0 and 1")
        check_counting(self.counting)
        for name, least in (("calibration_scenes", 1), ("max_objects", 1), ("show", 0)):
            if (value := getattr(self, name)) is not None and value < least:
                raise UserError(f"{name}={value}: give at least {least}")


def main(settings: DictConfig) -> None:
    config = cli.typed(settings, InferConfig, missing="give run=RUN_DIR and pictures=FILE_OR_FOLDER")
    run = load_run(config.run, device=config.device)
    scene, prior = run.scene, run.model.prior
    given = looked_at(config.pictures, scene)
    images, told = to_floats(given.images).to(config.device), to_torch(given.view, config.device)
    steps, sigma = config.max_objects or prior.steps, run.config.trainer.schedule.last_sigma
    counting = predictor(config.counting, sigma)
    before = time.perf_counter()
    predictions = predict(run.model, images, told, steps, predictor=counting)
    seconds = (time.perf_counter() - before) / len(images)
    conformal = calibrate(run.model, scene, run.config.seed, config.calibration_scenes, counting)
    believed = to_numpy(believed_views(run.model.world, images, told))
    serializer = Serializer(scene.catalogue, prior, conformal, config.level, run.model.latents)
    scenes = serializer.scenes(predictions, believed, scene.config.view.parts("inferred"))
    out = Path(config.out or Path(config.run) / "inferred")
    show(out, run, images[: config.show], told[: config.show], predictions, counting, given.labels)
    overlays(out, run, given, believed, predictions, config.show)
    about = {name: getattr(config, name) for name in ("run", "level", "calibration_scenes", "counting")}
    about |= {"max_objects": steps, "catalogue": list(scene.catalogue.kinds)}
    entries = [{**name, **entry} for name, entry in zip(given.names, scenes, strict=True)]
    write_json(out / "scenes.json", {"info": about, "scenes": entries})
    if given.bop is not None:
        write_results(out / results_name(config.pictures), predictions, believed, scene, given.bop, seconds)
    print(
        f"number of objects (how sure); x and y on the table and turn about +Z with their {config.level:.0%} regions\n"
    )
    for label, entry in zip(given.labels if given.bop else given.files, entries, strict=True):
        print(f"{label}: {scene_text(entry)}")
    for remark in given.bop.remarks if given.bop else ():
        print(remark)
    print(f"\n{out / 'scenes.json'}" + (", pictures and 3D models beside it" if config.show else ""))


@dataclass(frozen=True, eq=False)
class Given:
    """The pictures (uint8, at the network's size), what the network is told of them, what each is called in scenes.json
    and among files, where each is; and the BOP data set that they are of."""

    images: np.ndarray
    view: View
    names: list[dict[str, Any]]
    labels: list[str]
    paths: Sequence[Path]
    bop: BopData | None = None

    @property
    def files(self) -> list[str]:
        return [name["image_filename"] for name in self.names]


def looked_at(pictures: str, scene: Scene) -> Given:
    """The pictures with their cameras if they are a data set's, ours or BOP's, and with the run's own otherwise."""
    size = (scene.camera.height, scene.camera.width)
    if Path(pictures).is_dir() and is_bop(pictures):
        data = read_bop(pictures, scene.catalogue, scene.configured, size, judged=False)
        names = [{"image_filename": path.name, "scene_id": int(scene_id), "im_id": int(im_id)}
                 for path, (scene_id, im_id) in zip(data.paths, data.ids, strict=True)]  # fmt: skip
        numbers = [f"{a:06d}_{b:06d}" for a, b in data.ids.tolist()]
        return Given(data.images, data.view, names, numbers, data.paths, data)
    paths = picture_paths(pictures)
    images = np.stack([read_picture(path, *size) for path in paths])
    view = scene.configured.repeat(len(paths))
    if (Path(pictures) / "scenes.json").is_file():
        view = read_views(pictures, [path.name for path in paths], *size, default=scene.configured)
    return Given(images, view, [{"image_filename": path.name} for path in paths], labels(paths), paths)


def write_results(
    path: Path, predictions: Predictions, believed: View, scene: Scene, data: BopData, seconds: float
) -> None:
    """The poses as BOP's results, ranked by the probability that a slot holds an object."""
    objects, sure = to_numpy(predictions.objects), predictions.rho.cumprod(1).numpy()
    text = results(objects, believed, scene.catalogue, data.models, data.ids, sure, seconds)
    with atomic(path) as temporary:
        temporary.write_text(text)


@torch.no_grad()
def show(
    out: Path, run: Run, pictures: Tensor, view: View, predictions: Predictions, counting: Predictor, names: list[str]
) -> None:
    """Draws how the first pictures were understood, step by step, and writes them as 3D models."""
    if not len(pictures):
        return
    shown = counting(run.model, pictures, view, predictions.steps)
    save_panel(out / "steps.png", pictures, shown, None, run.scene.catalogue.names, len(pictures))
    for index, name in enumerate(names[: len(pictures)]):
        with atomic(out / f"{name}.glb") as temporary:
            objects = to_numpy(predictions.objects[index])
            temporary.write_bytes(to_glb(objects, run.scene.catalogue, run.scene.layout.table))


def overlays(out: Path, run: Run, given: Given, believed: View, predictions: Predictions, number: int) -> None:
    """Draws on the first pictures what was found on them and how sure that is."""
    names = run.scene.catalogue.names
    for row, picture in enumerate(given.paths[:number]):
        objects, sure = to_numpy(predictions.objects[row]), predictions.rho[row].cumprod(0).tolist()
        said = [f"{names[k]} {share:.0%}" for k, share in zip(objects.identity[0], sure, strict=True)]
        save_overlay(out / f"{given.labels[row]}_found.png", picture, objects, believed[row], run.renderer, said)


if __name__ == "__main__":
    cli.run("infer", main)

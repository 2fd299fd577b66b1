"""Say what stands where in pictures: `python infer.py run=pretrained/tabletop pictures=FILE_OR_FOLDER`."""

from __future__ import annotations

import air3d.threads  # noqa: F401  # isort: skip  (before torch)

from dataclasses import dataclass
from pathlib import Path

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
from air3d.report.panels import save_panel
from air3d.training.checkpoint import load_run
from air3d.training.run import Run
from renderers.convert import to_floats, to_numpy, to_torch
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
    run, paths = load_run(config.run, device=config.device), picture_paths(config.pictures)
    scene, prior = run.scene, run.model.prior
    pictures = to_floats(np.stack([read_picture(path, scene.camera.height, scene.camera.width) for path in paths]))
    view = view_of(config.pictures, paths, scene)
    images, told = pictures.to(config.device), to_torch(view, config.device)
    steps, sigma = config.max_objects or prior.steps, run.config.trainer.schedule.last_sigma
    counting = predictor(config.counting, sigma)
    predictions = predict(run.model, images, told, steps, predictor=counting)
    conformal = calibrate(run.model, scene, run.config.seed, config.calibration_scenes, counting)
    believed = to_numpy(believed_views(run.model.world, images, told))
    serializer = Serializer(scene.catalogue, prior, conformal, config.level, run.model.latents)
    scenes = serializer.scenes(predictions, believed, scene.config.view.parts("inferred"))
    out = Path(config.out or Path(config.run) / "inferred")
    show(out, run, images[: config.show], told[: config.show], predictions, counting, labels(paths))
    about = {name: getattr(config, name) for name in ("run", "level", "calibration_scenes", "counting")}
    about |= {"max_objects": steps, "catalogue": list(scene.catalogue.kinds)}
    entries = [{"image_filename": path.name, **entry} for path, entry in zip(paths, scenes, strict=True)]
    write_json(out / "scenes.json", {"info": about, "scenes": entries})
    print(
        f"number of objects (how sure); x and y on the table and turn about +Z with their {config.level:.0%} regions\n"
    )
    for entry in entries:
        print(f"{entry['image_filename']}: {scene_text(entry)}")
    print(f"\n{out / 'scenes.json'}" + (", pictures and 3D models beside it" if config.show else ""))


def view_of(pictures: str, paths: list[Path], scene: Scene) -> View:
    """What the network is told of the pictures: the cameras of a data set, otherwise the run's own."""
    if not (Path(pictures) / "scenes.json").is_file():
        return scene.configured.repeat(len(paths))
    names, size = [path.name for path in paths], (scene.camera.height, scene.camera.width)
    return read_views(pictures, names, *size, default=scene.configured)


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


if __name__ == "__main__":
    cli.run("infer", main)

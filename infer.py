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
from air3d.answers import Answers, answers
from air3d.checkpoint import Run, load_run
from air3d.config import typed
from air3d.counting import check_counting, looking
from air3d.described import described, sentence
from air3d.files import atomic, write_json
from air3d.infer import Look, infer
from air3d.panels import save_panel
from air3d.regions import DREAMS, dream
from renderers.convert import to_floats, to_numpy
from scenes.errors import UserError
from scenes.export import to_glb
from scenes.pictures import labels, picture_paths, read_picture


@dataclass
class InferConfig:
    """What configs/infer.yaml fills."""

    run: str = MISSING
    pictures: str = MISSING
    out: str | None = None
    level: float = 0.9
    dreams: int = DREAMS
    max_objects: int | None = None
    counting: str = "said"
    show: int = 8
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise UserError(f"level={self.level}: give a share between 0 and 1")
        check_counting(self.counting)
        for name, least in (("dreams", 1), ("max_objects", 1), ("show", 0)):
            if (value := getattr(self, name)) is not None and value < least:
                raise UserError(f"{name}={value}: give at least {least}")


def main(settings: DictConfig) -> None:
    config = typed(settings, InferConfig, missing="give run=RUN_DIR and pictures=FILE_OR_FOLDER")
    run, paths = load_run(config.run, device=config.device), picture_paths(config.pictures)
    camera, catalogue, prior = run.scene.camera, run.scene.catalogue, run.model.prior
    pictures = to_floats(np.stack([read_picture(path, camera.height, camera.width) for path in paths]))
    look, steps = looking(config.counting, run), config.max_objects or prior.steps
    said = answers(run.model, pictures.to(config.device), steps, look=look)
    scenes = described(
        said, dream(run, config.dreams, look), prior, catalogue.names, catalogue.symmetries, config.level
    )
    out = Path(config.out or Path(config.run) / "inferred")
    show(out, run, pictures[: config.show].to(config.device), said, look, labels(paths))
    about = {"run": config.run, "level": config.level, "dreams": config.dreams, "counting": config.counting}
    about |= {"max_objects": steps, "catalogue": list(catalogue.names)}
    entries = [{"image_filename": path.name, **scene} for path, scene in zip(paths, scenes, strict=True)]
    write_json(out / "scenes.json", {"info": about, "scenes": entries})
    print(
        f"number of objects (how sure); x and y on the table and turn about +Z with their {config.level:.0%} regions\n"
    )
    for entry in entries:
        print(f"{entry['image_filename']}: {sentence(entry)}")
    print(f"\n{out / 'scenes.json'}" + (", pictures and 3D models beside it" if config.show else ""))


@torch.no_grad()
def show(out: Path, run: Run, pictures: Tensor, said: Answers, look: Look, names: list[str]) -> None:
    """Draws how the first pictures were understood, step by step, and writes them as 3D models."""
    if not len(pictures):
        return
    shown = infer(run.model, pictures, said.steps, look)
    save_panel(out / "steps.png", pictures, shown, None, run.scene.catalogue.names, len(pictures))
    for index, name in enumerate(names[: len(pictures)]):
        with atomic(out / f"{name}.glb") as temporary:
            objects = to_numpy(said.objects[index])
            temporary.write_bytes(to_glb(objects, run.scene.catalogue, run.scene.layout.table))


if __name__ == "__main__":
    cli.run("infer", main)

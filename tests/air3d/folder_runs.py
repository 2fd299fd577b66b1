"""Small trainings on a folder of unlabelled pictures."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from small_runs import example, small_run

from air3d.training.checkpoint import save_config
from air3d.training.folder_trainer import FolderTrainer
from air3d.training.tracking import Tracker
from air3d.training.unlabelled import folder_data
from renderers.convert import to_bytes

TINY = ("scene.image_size=16", "trainer.steps=4", "trainer.validate_every=2", "trainer.validation_scenes=12")


def photographs(folder: Path, number: int = 24) -> Path:
    """A folder of scenes as somebody might have photographed them, without a word about what they show."""
    folder.mkdir(parents=True)
    for index, picture in enumerate(example(small_run(folder, "scene.image_size=16"), number, seed=77)[0]):
        Image.fromarray(to_bytes(picture)).save(folder / f"{index:03d}.png")
    return folder


def folder_trainer(run_dir: Path, folder: Path, *overrides: str) -> FolderTrainer:
    run = small_run(run_dir, f"data.folder={folder}", *TINY, *overrides)
    save_config(run.config, run_dir)
    data = folder_data(run.config, run.scene)
    assert data is not None
    torch.manual_seed(run.config.seed)
    return FolderTrainer(run, run_dir, Tracker(run_dir, run.config.plain(), "disabled"), data)

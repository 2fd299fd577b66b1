"""Training on a folder of unlabelled pictures, beside painted scenes or alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.objectives import Weights
from air3d.training.folder_validation import FolderValidation
from air3d.training.run import Run
from air3d.training.tracking import Tracker
from air3d.training.trainer import YOUNG, Trainer
from air3d.training.unlabelled import FolderData

BEFORE = "before_collapse.pt"
"""The last checkpoint that had given nothing up."""


class FolderTrainer(Trainer):
    """A `Trainer` in whose batches pictures of `data` take the place of scenes. The best checkpoint is the one with the
    highest bound on the folder's held-out pictures, of those that gave no identity up."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker, data: FolderData):
        super().__init__(run, run_dir, tracker)
        self.data, self.folder = data, FolderValidation(run, run_dir, tracker, data)

    @property
    def painted(self) -> int:
        return self.data.painted

    def loss(self, weights: Weights) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The objective of the painted scenes and of the folder's pictures, each weighted by its share of the batch."""
        if not self.data.own:
            return super().loss(weights)
        pictures = self.data.pictures(self.data.rows(self.step)).to(self.run.config.device)
        if not self.painted:
            return self.loss_of_folder(pictures, weights)
        scenes, said = super().loss(weights)
        unlabelled, said_of_folder = self.loss_of_folder(pictures, weights)
        share = self.data.own / self.data.batch
        return (1 - share) * scenes + share * unlabelled, {**said, **said_of_folder}

    def loss_of_folder(
        self, pictures: Float[Tensor, "picture height width 3"], weights: Weights
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        loss, values = self.objective(pictures, self.folder.view(len(pictures)), weights, None)
        return loss, {name.replace("train/", "train/folder_"): value for name, value in values.items()}

    def score(self, elbo: float) -> float:
        """The bound on the folder's held-out pictures: no label is needed, and none is there."""
        torch.manual_seed(self.run.config.seed)  # the same draws each time, so that what differs is the network
        mature = self.run.config.init is not None or self.progress() >= YOUNG
        return self.folder(self.step, self.seconds, mature)

    def keep(self, scored: float) -> None:
        """Checkpoints after a validation; one that gave an identity up is never the best."""
        if not self.folder.given_up:
            super().keep(scored)
            return self.save(BEFORE)
        self.save("last.pt")
        tqdm.write(
            f"warning: {self.folder.given_up}: {BEFORE} is from before, and best.pt stays as it is. If the folder does "
            "show them, begin again with a larger data.painted, or another seed"
        )

    @property
    def collapsed(self) -> str | None:
        return self.folder.given_up or super().collapsed

    def so_far(self) -> str:
        return f"{super().so_far()}, folder's bound {self.folder.elbo:,.1f}"

    def state(self) -> dict[str, Any]:
        return {**super().state(), "folder": self.folder.state()}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.folder.restore(state["folder"])

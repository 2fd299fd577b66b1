"""What is looked at of a folder of unlabelled pictures while training: the held-out ones, the same every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from air3d.inference.greedy import Inference, infer
from air3d.model.batches import concatenate
from air3d.report.panels import save_panel
from air3d.training.given_up import given_up, highest_shares
from air3d.training.run import Run
from air3d.training.tracking import Tracker
from air3d.training.unlabelled import FolderData
from air3d.training.validation import CHUNK
from renderers.convert import to_torch
from scenes.view import View


class FolderValidation:
    """Called with the step, the seconds trained and whether predictions mean something yet; logs metrics and panels,
    returns the mean bound in nats. `given_up` says what was lost since the checkpoints before, in words."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker, data: FolderData):
        self.run, self.run_dir, self.tracker, self.data = run, run_dir, tracker, data
        self.pictures = data.pictures(data.held_out).to(run.config.device)
        self.sigma = run.config.trainer.schedule.last_sigma
        self.highest: list[tuple[int, int]] = []
        self.given_up: str | None = None
        self.elbo: float | None = None  # of the last call

    def view(self, pictures: int) -> View:
        """What is believed of that many pictures: the scene's configured camera, light and table."""
        return to_torch(self.run.scene.configured.repeat(pictures), self.run.config.device)

    def __call__(self, step: int, seconds: float, mature: bool) -> float:
        model = self.run.model
        parts = [(part, self.view(len(part))) for part in self.pictures.split(CHUNK)]
        found = concatenate([infer(model, *part, model.prior.steps) for part in parts])
        with torch.no_grad():
            elbo = torch.cat([model.elbo(*part, self.sigma) for part in parts]).mean().item()
        self.elbo = elbo
        self.watch(found, mature)
        values = {"folder/elbo": elbo, "folder/collapsed": float(self.given_up is not None), **self.predicted(found)}
        self.tracker.log(step, {**values, "perf/minutes": seconds / 60})
        panel = self.run_dir / "panels" / f"folder_{step:06d}.png"
        names, rows = self.run.scene.catalogue.names, self.run.config.trainer.panel_scenes
        save_panel(panel, self.pictures, found, None, names, rows)
        self.tracker.log_images(step, {"folder/panel": panel})
        return elbo

    def watch(self, found: Inference, mature: bool) -> None:
        """Compare with the checkpoints before; the shares of one that gave something up are not looked back at."""
        if not mature:
            return
        now = self.by_identity(found)
        self.given_up = given_up(now, self.highest, self.run.scene.catalogue.names)
        if self.given_up is None:
            self.highest = highest_shares(now, self.highest)

    def by_identity(self, found: Inference) -> list[int]:
        """How many of the predicted objects are of each identity."""
        present = found.objects.presence > 0.5
        return found.objects.identity[present].bincount(minlength=len(self.run.scene.catalogue)).tolist()

    def predicted(self, found: Inference) -> dict[str, float]:
        """How many objects a picture shows, and each identity's share of them, as far as the network can tell."""
        now, names = self.by_identity(found), self.run.scene.catalogue.names
        shares = {f"folder/share_{name}": given / max(sum(now), 1) for name, given in zip(names, now, strict=True)}
        return {"folder/objects_per_picture": sum(now) / len(self.pictures), **shares}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: which pictures these are, and what was predicted of them."""
        return {"fingerprint": self.data.unlabelled.fingerprint, "highest": [list(pair) for pair in self.highest]}

    def restore(self, state: dict[str, Any]) -> None:
        self.highest = [(given, of) for given, of in state["highest"]]

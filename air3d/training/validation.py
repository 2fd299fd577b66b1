"""What is looked at while training: the same held-out scenes every time, as numbers and as panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from air3d.evaluation.metrics import score
from air3d.evaluation.scenes import render
from air3d.files import atomic
from air3d.inference.greedy import Inference, infer
from air3d.model.batches import concatenate
from air3d.report.panels import save_panel
from air3d.report.plots import count_confusion
from air3d.splits import validation_seed
from air3d.training.collapse import collapse, confused
from air3d.training.run import Run
from air3d.training.tracking import Tracker
from renderers.convert import to_numpy, to_torch
from renderers.sensor import photograph
from renderers.shadows import shadowed
from scenes.export import to_glb
from scenes.objects import Objects
from scenes.view import View

CHUNK = 64
MODELS = 2  # scenes that are shown in 3D


class Validation:
    """Called with the step and the seconds trained; logs metrics and panels, returns the mean plain ELBO in nats."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker):
        self.run, self.run_dir, self.tracker = run, run_dir, tracker
        trainer = run.config.trainer
        seed, rows = validation_seed(run.config.seed), range(trainer.validation_scenes)
        self.truth, view = run.scene.batch(seed, rows), run.scene.views(seed, rows)
        there, world = to_torch(self.truth, run.config.device), to_torch(view, run.config.device)
        self.view = shadowed(run.renderer, there, world)
        seeds = [(seed, row) for row in rows]
        self.painting = render(run.renderer, self.truth, view, CHUNK).to(run.config.device)
        self.pictures = photograph(self.painting, world, seeds)
        self.symmetry, self.kinds = run.scene.catalogue.symmetries, run.scene.catalogue.kind_of.tolist()
        self.sigma = trainer.schedule.last_sigma
        self.count_accuracy: float | None = None  # of the last call, as the next
        self.collapsed: str | None = None
        self.confused: list[str] = []

    @property
    def scenes(self) -> tuple[Tensor, View, Objects]:
        """Pictures, their views and the truth."""
        return self.pictures, self.view, self.truth

    def __call__(self, step: int, seconds: float) -> float:
        model, rows = self.run.model, [slice(i, i + CHUNK) for i in range(0, len(self.pictures), CHUNK)]
        parts = [(self.pictures[part], self.view[part]) for part in rows]
        found = concatenate([infer(model, *part, model.prior.steps) for part in parts])
        with torch.no_grad():
            bounds = [model.elbo(*part, self.sigma, self.painting[of]) for part, of in zip(parts, rows, strict=True)]
            elbo = torch.cat(bounds).mean().item()
        scores = score(to_numpy(found.objects), self.truth, self.symmetry, latents=model.latents, kinds=self.kinds)
        values = {f"val/{name}": value for name, value in scores.items() if isinstance(value, float)}
        self.count_accuracy = scores["count_accuracy"]
        names = self.run.scene.catalogue.names
        self.collapsed = collapse(found.objects, model.prior, names)
        self.confused = confused(scores["identity_confusion"], names)
        values |= {
            "val/elbo": elbo,
            "val/collapsed": float(self.collapsed is not None),
            "val/confused": float(len(self.confused)),
            "perf/minutes": seconds / 60,
        }
        values |= {f"by_count/{count}": share for count, share in scores["count_accuracy_by_count"].items()}
        self.tracker.log(step, values | self.by_object(scores))
        self.show(step, found, scores["count_confusion"])
        return elbo

    def by_object(self, scores: dict[str, Any]) -> dict[str, float]:
        """A curve for every mesh: one that is given up hides in the mean of all."""
        names, curves = (
            self.run.scene.catalogue.names,
            {"detection_rate": "detection_rate", "rotation_error_median_deg": "rotation_deg"},
        )
        each = ((title, scores[f"{key}_by_identity"].items()) for key, title in curves.items())
        return {f"by_object/{title}_{names[int(k)]}": x for title, items in each for k, x in items if x is not None}

    def show(self, step: int, found: Inference, confusion: list[list[int]]) -> None:
        """What there is to look at: the first scenes step by step, two of them as 3D models, the counts."""
        folder, rows = self.run_dir / "panels", self.run.config.trainer.panel_scenes
        panel, counts = folder / f"step_{step:06d}.png", folder / "count_confusion.png"
        save_panel(panel, self.pictures, found, self.truth, self.run.scene.catalogue.names, rows)
        count_confusion(counts, confusion)
        self.tracker.log_images(step, {"val/panel": panel, "val/count_confusion": counts})
        models = {f"val/scene_{index}": self.model(folder, found.objects, index) for index in self.fullest()}
        self.tracker.log_models(step, models)

    def fullest(self) -> list[int]:
        """The first two of the scenes with the most objects."""
        return np.argsort(-np.asarray(self.truth.count), kind="stable")[:MODELS].tolist()

    def model(self, folder: Path, found: Objects, index: int) -> Path:
        """An inferred scene as a GLB file; the newest replaces the one before."""
        path = folder / f"scene_{index}.glb"
        layout, catalogue = self.run.scene.layout, self.run.scene.catalogue
        with atomic(path) as temporary:
            temporary.write_bytes(to_glb(to_numpy(found[index]), catalogue, layout.table))
        return path

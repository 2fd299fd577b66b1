"""What is looked at while training: the same held-out scenes every time, as numbers and as panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from air3d.checkpoint import Run
from air3d.collapse import collapse
from air3d.files import atomic
from air3d.infer import Inference, bound, infer
from air3d.metrics import score
from air3d.panels import save_panel
from air3d.plots import count_confusion
from air3d.splits import validation_seed
from air3d.tracking import Tracker
from renderers.convert import to_numpy, to_torch
from scenes.export import to_glb
from scenes.objects import Objects

CHUNK = 64
MODELS = 2  # scenes that are shown in 3D


class Validation:
    """Called with the step and the seconds trained; logs metrics and panels, returns the mean plain ELBO in nats."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker):
        self.run, self.run_dir, self.tracker = run, run_dir, tracker
        trainer = run.config.trainer
        self.truth = run.scene.batch(validation_seed(run.config.seed), range(trainer.validation_scenes))
        with torch.no_grad():
            self.pictures = run.renderer.render(to_torch(self.truth, run.config.device))
        self.symmetry = run.scene.catalogue.symmetries
        self.at = trainer.schedule.final()
        self.count_accuracy: float | None = None  # of the last call, as the next
        self.collapsed: str | None = None

    def __call__(self, step: int, seconds: float) -> float:
        model, parts = self.run.model, self.pictures.split(CHUNK)
        found = join([infer(model, part, model.prior.steps) for part in parts])
        elbo = torch.cat([bound(model, part, self.at) for part in parts]).mean().item()
        scores = score(to_numpy(found.objects), self.truth, self.symmetry)
        values = {f"val/{name}": value for name, value in scores.items() if isinstance(value, float)}
        self.count_accuracy = scores["count_accuracy"]
        self.collapsed = collapse(found.objects, model.prior, self.run.scene.catalogue.names)
        values |= {"val/elbo": elbo, "val/collapsed": float(self.collapsed is not None), "perf/minutes": seconds / 60}
        values |= {f"by_count/{count}": share for count, share in scores["count_accuracy_by_count"].items()}
        self.tracker.log(step, values | self.by_object(scores))
        self.show(step, found, scores["count_confusion"])
        return elbo

    def by_object(self, scores: dict[str, Any]) -> dict[str, float]:
        """A curve for every mesh: one that is given up hides in the mean of all."""
        names, curves = self.run.scene.catalogue.names, {"found": "found", "rotation_error_median_deg": "rotation_deg"}
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


def join(parts: list[Inference]) -> Inference:
    """Several batches of inference as one."""
    objects = type(parts[0].objects)(
        *(
            torch.cat([getattr(part.objects, name) for part in parts])
            for name in ("identity", "position", "rotation", "presence")
        )
    )
    canvases = [torch.cat(step) for step in zip(*(part.canvases for part in parts), strict=True)]
    return Inference(objects, canvases, torch.cat([p.rho for p in parts]))

"""What is looked at while training: the same held-out scenes every time, as numbers and as panels."""

from __future__ import annotations

from pathlib import Path

import torch

from air3d.checkpoint import Run
from air3d.collapse import collapse
from air3d.infer import Inference, infer
from air3d.metrics import score
from air3d.panels import save_panel
from air3d.splits import validation_seed
from air3d.tracking import Tracker
from renderers.convert import to_numpy, to_torch

CHUNK = 64


class Validation:
    """Called with the step and the seconds trained; logs metrics and panels, returns the mean plain ELBO in nats."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker):
        self.run, self.run_dir, self.tracker = run, run_dir, tracker
        trainer = run.config.trainer
        self.truth = run.scene.batch(validation_seed(run.config.seed), range(trainer.validation_scenes))
        with torch.no_grad():
            self.pictures = run.renderer.render(to_torch(self.truth, run.config.device))
        self.symmetry = [mesh.symmetry for mesh in run.scene.catalogue.meshes]
        self.at = trainer.schedule.final()
        self.count_accuracy: float | None = None  # of the last call, as the next
        self.collapsed: str | None = None

    def __call__(self, step: int, seconds: float) -> float:
        found = join([infer(self.run.model, part, self.steps(), self.at) for part in self.pictures.split(CHUNK)])
        scores = score(to_numpy(found.objects), self.truth, self.symmetry)
        values = {f"val/{name}": value for name, value in scores.items() if isinstance(value, float)}
        elbo = found.elbo.mean().item()
        self.count_accuracy = scores["count_accuracy"]
        self.collapsed = collapse(found.objects, self.run.model.prior, self.run.scene.catalogue.names)
        values |= {"val/elbo": elbo, "val/collapsed": float(self.collapsed is not None), "perf/minutes": seconds / 60}
        self.tracker.log(step, values)
        self.panel(step, found)
        return elbo

    def steps(self) -> int:
        """One step more than scenes have objects, so that too many can be counted; exactly as many if that is known."""
        prior = self.run.model.prior
        return prior.max_objects + (prior.max_objects > prior.min_objects)

    def panel(self, step: int, found: Inference) -> None:
        path = self.run_dir / "panels" / f"step_{step:06d}.png"
        rows = self.run.config.trainer.panel_scenes
        save_panel(path, self.pictures, found, self.truth, self.run.scene.catalogue.names, rows)
        self.tracker.log_images(step, {"val/panel": path})


def join(parts: list[Inference]) -> Inference:
    """Several batches of inference as one."""
    objects = type(parts[0].objects)(
        *(
            torch.cat([getattr(part.objects, name) for part in parts])
            for name in ("identity", "position", "rotation", "presence")
        )
    )
    canvases = [torch.cat(step) for step in zip(*(part.canvases for part in parts), strict=True)]
    return Inference(objects, canvases, torch.cat([p.elbo for p in parts]), torch.cat([p.rho for p in parts]))

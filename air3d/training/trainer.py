"""The training loop: endless new scenes, one gradient step each batch, and nothing lost when it stops."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from air3d.objectives import Weights
from air3d.splits import train_seed
from air3d.training.diagnostics import gradient_diagnostics
from air3d.training.interrupts import Interrupts, handling
from air3d.training.run import Run
from air3d.training.state import TrainingState
from air3d.training.tracking import Tracker
from air3d.training.validation import Validation
from renderers.convert import to_torch
from renderers.sensor import photograph
from renderers.shadows import shadowed
from scenes.errors import NotFinite, UserError
from scenes.objects import Objects
from scenes.view import View

REPORT_EVERY = 25
"""Steps between two lines about training itself."""

YOUNG = 0.5
"""Until this share of the training, predictions may still be all alike."""

USUAL = 1e-3
"""A learning rate that works."""

MOST_CONFUSED = 3
"""Identities that are named."""


class Trainer(TrainingState):
    """Trains `run.model` until its steps or minutes are used up; `step` and `seconds` count what has been done."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker):
        super().__init__(run, run_dir)
        self.tracker, self.settings = tracker, run.config.trainer
        self.validation = Validation(run, run_dir, tracker)
        self.interrupts, self.stopped = Interrupts(self.interrupted), False

    def fit(self) -> None:
        """Trains. Ctrl-C ends it after the step in hand, a second one at once; whatever ends it, last.pt is what was
        learned, up to the last step that was whole."""
        with handling(self.interrupts):
            try:
                self.loop()
                self.save("last.pt")
            except BaseException:
                with self.interrupts.unheard():
                    self.rescue()
                raise

    def loop(self) -> None:
        """Steps, and a look at held-out scenes every so often."""
        bar = tqdm(total=self.settings.steps, initial=self.step, unit="step", dynamic_ncols=True, smoothing=0.05)
        with bar:
            if self.step == 0:
                self.validate()
            while self.progress() < 1 and not self.stopped:
                started = time.perf_counter()
                values = self.train_step()
                self.seconds += time.perf_counter() - started
                self.report(values, bar)
                if self.step % self.settings.validate_every == 0:
                    self.validate()
            if self.step % self.settings.validate_every and not self.stopped:
                self.validate()

    def stop(self) -> None:
        """Train no further than the step in hand."""
        self.stopped = True

    def interrupted(self) -> None:
        """The first interrupt. Before the first step, which compiles for a minute, there is nothing to wait for."""
        self.stop()
        if self.step == 0:
            raise KeyboardInterrupt("stopped before the first step")

    def progress(self) -> float:
        """The share of the training that is done, by steps or by minutes, whichever is further."""
        share = self.step / self.settings.steps
        if self.settings.minutes is not None:
            share = max(share, self.seconds / 60 / self.settings.minutes)
        return min(share, 1.0)

    def train_step(self) -> dict[str, float]:
        """One batch of scenes never seen before, one step of Adam."""
        self.begin_step()
        weights = self.settings.schedule.at(self.progress())
        try:
            loss, values = self.loss(weights)
        except NotFinite as error:
            raise self.diverged() from error
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        if not (torch.isfinite(loss) and torch.isfinite(norm) and torch.isfinite(norm_of(self.objective.learned))):
            raise self.diverged()
        with self.interrupts.unheard():
            self.update(self.settings.schedule.rate(self.progress()))
        return {**values, "train/gradient_norm": norm.item()}

    def loss(self, weights: Weights) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """The objective of the step's pictures, and what to report of it."""
        pictures, painting, view, truth = self.scenes()
        return self.objective(pictures, view, weights, truth if self.objective.labelled else None, painting)

    def diverged(self) -> UserError:
        return UserError(
            f"the loss stopped being a number at step {self.step}: begin a new run with trainer.learning_rate="
            f"{min(self.settings.learning_rate / 2, USUAL):g} or a larger trainer.schedule.sigma"
        )

    @property
    def painted(self) -> int:
        """Painted scenes in each batch."""
        return self.settings.batch

    @torch.no_grad()
    def scenes(self) -> tuple[Tensor, Float[Tensor, "picture height width 3"], View, Objects]:
        """The next batch of the endless training stream: pictures, what was painted of them, their views and the truth.
        Step k always sees the same scenes."""
        scene, batch, seed = self.run.scene, self.painted, train_seed(self.run.config.seed)
        rows = range(self.step * batch, (self.step + 1) * batch)
        objects, device = scene.batch(seed, rows), self.run.config.device
        there, view = to_torch(objects, device), to_torch(scene.views(seed, rows), device)
        view = shadowed(self.run.renderer, there, view)
        painted = self.run.renderer.render(there, view)
        return photograph(painted, view, [(seed, row) for row in rows]), painted, view, objects

    def report(self, values: dict[str, float], bar: tqdm) -> None:
        bar.update()
        if self.validation.count_accuracy is not None:
            bar.set_postfix_str(self.so_far(), refresh=False)
        if self.step % REPORT_EVERY == 0:
            minutes = self.seconds / 60
            speed = self.settings.batch * self.step / self.seconds
            self.tracker.log(self.step, {**values, "perf/minutes": minutes, "perf/scenes_per_second": speed})

    @property
    def collapsed(self) -> str | None:
        """What all predictions have in common that should not, in words."""
        return self.validation.collapsed

    def so_far(self) -> str:
        """What the progress bar says of the last validation."""
        return f"count accuracy {self.validation.count_accuracy:.1%}"

    def validate(self) -> None:
        """Look at held-out scenes; the objective says which checkpoint is the best. What is learned is on disk before
        anything can go wrong here."""
        self.save("last.pt")
        with torch.random.fork_rng():
            torch.manual_seed(self.run.config.seed)
            elbo = self.validation(self.step, self.seconds)
            self.diagnose()
            scored = self.score(elbo)
        if self.validation.collapsed and self.progress() >= YOUNG:
            tqdm.write(
                f"warning: collapsed: {self.validation.collapsed}. Try another seed, or a larger "
                "trainer.schedule.wake_phase (see docs/method.md)"
            )
        if self.validation.confused and self.progress() >= YOUNG:
            tqdm.write(f"confused: {', '.join(self.validation.confused[:MOST_CONFUSED])}")
        self.keep(scored)

    def score(self, elbo: float) -> float:
        """By what the best checkpoint is chosen; `elbo` is that of the held-out scenes."""
        return self.objective.validation_score(*self.validation.scenes, elbo)

    def keep(self, scored: float) -> None:
        """Checkpoints after a validation."""
        if scored > self.best:
            self.save("best.pt", best=scored)
            self.best = scored
        self.save("last.pt")  # again, for it says how good the best is

    def diagnose(self) -> None:
        """Records how noisy the gradient is now, and what a step's time goes to."""
        rows, weights = slice(self.settings.batch), self.settings.schedule.at(self.progress())
        pictures, view, truth = self.validation.scenes
        given = pictures[rows], view[rows], truth[rows], self.validation.painting[rows]
        with torch.enable_grad():
            seen = gradient_diagnostics(self.objective, self.parameters, *given, weights)
        self.tracker.log(self.step, {**seen, "perf/minutes": self.seconds / 60})


def norm_of(module: nn.Module) -> Float[Tensor, ""]:
    """The norm of the gradients of a module's parameters; 0 where it has none."""
    return torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])

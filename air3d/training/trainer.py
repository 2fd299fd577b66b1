"""The training loop: endless new scenes, one gradient step each batch, and nothing lost when it stops."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from air3d.objectives import objective
from air3d.splits import train_seed
from air3d.training.checkpoint import load_weights, save_checkpoint
from air3d.training.diagnostics import gradient_diagnostics
from air3d.training.run import Run
from air3d.training.tracking import Tracker
from air3d.training.validation import Validation
from renderers.convert import to_torch
from scenes.errors import NotFinite, UserError
from scenes.objects import Objects
from scenes.view import View

YOUNG = 0.5
"""Until this share of the training, answers may still be all alike."""


class Trainer:
    """Trains `run.model` until its steps or minutes are used up; `step` and `seconds` count what has been done."""

    def __init__(self, run: Run, run_dir: Path, tracker: Tracker):
        self.run, self.run_dir, self.tracker = run, run_dir, tracker
        self.settings = run.config.trainer
        symmetries = run.scene.catalogue.symmetries
        self.objective = objective(run.model, symmetries, run.config.gradient, run.config.supervised)
        self.parameters = list(run.model.posterior.parameters())
        self.rates = [self.settings.learning_rate]
        self.optimiser = torch.optim.Adam(self.parameters, lr=self.settings.learning_rate)
        if learned := list(self.objective.learned.parameters()):
            self.optimiser.add_param_group({"params": learned})
            self.rates.append(run.config.gradient.baseline_learning_rate)
        self.validation = Validation(run, run_dir, tracker)
        self.step, self.seconds, self.best, self.stopped = 0, 0.0, -math.inf, False

    def fit(self) -> None:
        """The loop. Ctrl-C ends it after the step in hand; whatever ends it, last.pt is what was learned."""
        bar = tqdm(total=self.settings.steps, initial=self.step, unit="step", dynamic_ncols=True, smoothing=0.05)
        with bar, interruptible(self):
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
        self.save("last.pt")

    @property
    def on_cuda(self) -> bool:
        return self.run.config.device.startswith("cuda")

    def progress(self) -> float:
        """The share of the training that is done, by steps or by minutes, whichever is further."""
        share = self.step / self.settings.steps
        if self.settings.minutes is not None:
            share = max(share, self.seconds / 60 / self.settings.minutes)
        return min(share, 1.0)

    def train_step(self) -> dict[str, float]:
        """One batch of scenes never seen before, one step of Adam."""
        weights = self.settings.schedule.at(self.progress())
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * self.settings.schedule.rate(self.progress())
        pictures, view, truth = self.scenes()
        try:
            loss, values = self.objective(pictures, view, weights, truth if self.objective.labelled else None)
        except NotFinite as error:
            raise self.diverged() from error
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        if not (torch.isfinite(loss) and torch.isfinite(norm) and torch.isfinite(norm_of(self.objective.learned))):
            raise self.diverged()
        self.optimiser.step()
        self.step += 1
        return {**values, "train/gradient_norm": norm.item()}

    def diverged(self) -> UserError:
        return UserError(
            f"the loss stopped being a number at step {self.step}: begin a new run with trainer.learning_rate="
            f"{self.settings.learning_rate / 2:g} or a larger trainer.schedule.sigma"
        )

    @torch.no_grad()
    def scenes(self) -> tuple[Float[Tensor, "picture height width 3"], View, Objects]:
        """The next batch of the endless training stream, pictures, their views and the truth: step k always sees the
        same scenes."""
        scene, batch, seed = self.run.scene, self.settings.batch, train_seed(self.run.config.seed)
        rows = range(self.step * batch, (self.step + 1) * batch)
        objects, device = scene.batch(seed, rows), self.run.config.device
        view = to_torch(scene.views(seed, rows), device)
        return self.run.renderer.render(to_torch(objects, device), view), view, objects

    def report(self, values: dict[str, float], bar: tqdm) -> None:
        bar.update()
        if self.validation.count_accuracy is not None:
            bar.set_postfix_str(f"count accuracy {self.validation.count_accuracy:.1%}", refresh=False)
        if self.step % 25 == 0:
            minutes = self.seconds / 60
            speed = self.settings.batch * self.step / self.seconds
            self.tracker.log(self.step, {**values, "perf/minutes": minutes, "perf/scenes_per_second": speed})

    def validate(self) -> None:
        """Look at held-out scenes; the objective says which checkpoint is the best. What is learned is on disk before
        anything can go wrong here."""
        self.save("last.pt")
        with torch.random.fork_rng():
            torch.manual_seed(self.run.config.seed)
            elbo = self.validation(self.step, self.seconds)
            self.diagnose()
            scored = self.objective.validation_score(*self.validation.scenes, elbo)
        if self.validation.collapsed and self.progress() >= YOUNG:
            tqdm.write(
                f"warning: collapsed: {self.validation.collapsed}. Try another seed, or a larger "
                "trainer.schedule.wake_phase (see docs/method.md)"
            )
        if scored > self.best:
            self.best = scored
            self.save("best.pt")
        self.save("last.pt")  # again, for it says how good the best is

    def diagnose(self) -> None:
        """Records how noisy the gradient is now, and what a step's time goes to."""
        rows, weights = slice(self.settings.batch), self.settings.schedule.at(self.progress())
        pictures, view, truth = self.validation.scenes
        given = pictures[rows], view[rows], truth[rows]
        with torch.enable_grad():
            seen = gradient_diagnostics(self.objective, self.parameters, *given, weights)
        self.tracker.log(self.step, {**seen, "perf/minutes": self.seconds / 60})

    def state(self) -> dict[str, Any]:
        return {
            "model": self.run.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "estimator": self.objective.learned.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if self.on_cuda else [],
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "identities": list(self.run.scene.catalogue.names),
        }

    def save(self, name: str) -> None:
        save_checkpoint(self.run_dir / name, self.state())

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` was saved: weights, baseline, optimiser, random state, place in the stream."""
        load_weights(self.run, state, self.run_dir / "last.pt")
        self.objective.learned.load_state_dict(state["estimator"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if self.on_cuda and (states := state.get("random_cuda")):
            torch.cuda.set_rng_state_all(states)
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]


def norm_of(module: nn.Module) -> Float[Tensor, ""]:
    """The norm of the gradients of a module's parameters; 0 where it has none."""
    return torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])


@contextmanager
def interruptible(trainer: Trainer) -> Iterator[None]:
    """Ctrl-C (or a polite kill) lets the step in hand finish; a second one stops at once."""

    def stop(number: int, frame: Any) -> None:
        trainer.stopped = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

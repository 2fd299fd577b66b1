"""All that a training is between two steps: network, baseline, optimiser, random numbers, counters; kept as a file."""

from __future__ import annotations

import math
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from air3d.objectives import objective
from air3d.training.checkpoint import identity_of, load_checkpoint, load_weights, save_checkpoint
from air3d.training.run import Run


class TrainingState:
    """`step` and `seconds` count what has been done; `best` is how good the network in best.pt is."""

    def __init__(self, run: Run, run_dir: Path):
        self.run, self.run_dir, config = run, run_dir, run.config
        symmetries = run.scene.catalogue.symmetries
        self.objective = objective(run.model, symmetries, config.gradient, config.supervised)
        self.parameters = [*run.model.posterior.parameters(), *run.model.world.parameters()]
        self.rates = [config.trainer.learning_rate]
        self.optimiser = torch.optim.Adam(self.parameters, lr=config.trainer.learning_rate)
        if learned := list(self.objective.learned.parameters()):
            self.optimiser.add_param_group({"params": learned})
            self.rates.append(config.gradient.baseline_learning_rate)
        self.step, self.seconds, self.best = 0, 0.0, -math.inf
        self.begun: dict[str, Any] = {}  # the step in hand, and what its forward pass changes, as it was before
        self.updating = False

    @property
    def on_cuda(self) -> bool:
        return self.run.config.device.startswith("cuda")

    def begin_step(self) -> None:
        """From here to the end of `update` a step is not whole: see `rescue`."""
        self.begun = {"step": self.step, **self.fleeting()}

    def update(self, rate: float) -> None:
        """The end of a step, not to be interrupted: the optimiser's, with that share of the learning rates."""
        self.updating = True
        for group, whole in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = whole * rate
        self.optimiser.step()
        self.step, self.updating = self.step + 1, False

    def state(self) -> dict[str, Any]:
        return {
            "model": self.run.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            **self.fleeting(),
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            **identity_of(self.run.scene.catalogue),
        }

    def fleeting(self) -> dict[str, Any]:
        """The part of it that a forward pass changes: random numbers are drawn, a baseline follows the rewards."""
        return {
            "estimator": deepcopy(self.objective.learned.state_dict()),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if self.on_cuda else [],
        }

    def save(self, name: str, **changed: Any) -> None:
        """As a checkpoint of that name; `changed` is said in place of what is so now."""
        save_checkpoint(self.run_dir / name, {**self.state(), **changed})

    def rescue(self) -> None:
        """Saves the last whole step after an exception, which may have come in the middle of another. That it cannot be
        saved is said, and does not hide why the training ended."""
        if self.updating:  # the optimiser itself failed, between one parameter and the next
            return
        try:
            self.save("last.pt", **(self.begun if self.begun.get("step") == self.step else {}))
        except Exception as error:
            tqdm.write(
                f"warning: last.pt is as before, what was learned since could not be saved ({error})", sys.stderr
            )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` was saved: weights, baseline, optimiser, random state, place in the stream.

        How good the best network is, best.pt itself says: a run that was killed just after it was written has a last.pt
        from before.
        """
        load_weights(self.run, state, self.run_dir / "last.pt")
        self.objective.learned.load_state_dict(state["estimator"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if self.on_cuda and (states := state.get("random_cuda")):
            torch.cuda.set_rng_state_all(states)
        self.step, self.seconds, self.best = state["step"], state["seconds"], state["best"]
        if (path := self.run_dir / "best.pt").exists():
            self.best = max(self.best, load_checkpoint(path).get("best", self.best))

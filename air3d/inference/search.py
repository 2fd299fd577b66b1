"""`model=direct`: no network. Every picture is explained from scratch by descending the renderer's own error.

One object is looked for at a time, as AIR does: every identity is tried from `starts` random poses on the canvas so
far, coarse to fine (`likelihood.pyramid_error`) and turned round once, and the one that explains most is kept if it
explains more than it costs. Then the poses of all objects are refined together. `init=air` leaves out the search: a
network's objects are turned round, each among the others, and then refined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.inference.greedy import Inference
from air3d.inference.refine import Refiner, empty
from air3d.model.air import Air, Painted, Place
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.view import View

FAR = (0.02, 0.2)
"""First steps of Adam, metres and radians, for a pose that is a guess."""


@dataclass
class SearchConfig:
    """`starts` random poses for each identity, descended for `steps`; then `refine` steps for all objects together.

    An object must explain `price` nats: about what identity and pose cost in a trained posterior,
    log K + 2 log(table / precision) + log(circle / precision).
    """

    name: str = "direct"
    starts: int = 4
    steps: int = 60
    refine: int = 40
    price: float = 15.0

    def __post_init__(self) -> None:
        if self.name != "direct":
            raise UserError(f"model={self.name}: direct, or nothing for the run's own network")
        for name, least in (("starts", 1), ("steps", 1), ("refine", 0), ("price", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"model.{name} must be at least {least}, not {getattr(self, name)}")


class Search(Refiner):
    """Explains batches of pictures by optimisation."""

    def __init__(self, model: Air, config: SearchConfig, sigma: float) -> None:
        super().__init__(model, sigma, config.refine)
        self.identities, self.config = model.posterior.identities, config

    def search(self, pictures: Float[Tensor, "picture height width 3"], view: View, max_objects: int) -> Inference:
        """From nothing to at most `max_objects` objects a picture."""
        objects = empty(len(pictures), max_objects, pictures.device)
        going = torch.ones(len(pictures), dtype=torch.bool, device=pictures.device)
        for slot in range(max_objects):
            with torch.no_grad():
                before = self.painted(pictures, view, objects)[-1]
            found, gain = self.propose(before, pictures, view)
            going = going & ((gain > self.config.price) | (slot < self.prior.min_objects))
            if not going.any():
                break
            objects.presence[going, slot] = 1.0
            for name in ("identity", "position", "rotation"):
                getattr(objects, name)[going, slot] = getattr(found, name)[going, 0]
            objects = self.refine(pictures, view, objects)
        return self.inference(pictures, view, objects)

    def propose(self, before: Painted, pictures: Tensor, view: View) -> tuple[Objects, Float[Tensor, " picture"]]:
        """The one more object that explains most of each picture, and by how many nats more than the canvas does."""
        tries = self.identities * self.config.starts
        under, each = (x.repeat_interleave(tries, 0) for x in (before.canvas, pictures))
        place = Place(under, each, view.repeat(tries), told=False)

        def paint(guess: Objects) -> list[Painted]:
            return [self.model.paint(place, guess, self.sigma)]

        guesses = self.descend(self.guesses(len(pictures)), paint, each, self.config.steps, FAR, coarse=True)
        with torch.no_grad():
            guesses, explained = self.turned(guesses, paint, each)
            best, chosen = explained.view(-1, tries).max(1)
            if self.prior.log_identity is not None:  # beside the even share that the price stands for
                explained = explained + (self.prior.log_identity + math.log(self.identities))[guesses.identity[:, 0]]
            gain = best - self.model.log_likelihood(before.image, pictures, self.sigma)
        return guesses[chosen + tries * torch.arange(len(pictures), device=chosen.device)], gain

    def guesses(self, pictures: int) -> Objects:
        """Every identity from `starts` poses of the prior, for each picture."""
        device, total = self.prior.low.device, pictures * self.identities * self.config.starts
        guesses = empty(total, 1, device)
        guesses.identity[:, 0] = torch.arange(total, device=device) % self.identities
        guesses.position[:, 0] = self.prior.to_metres(torch.rand(total, 3, device=device))
        guesses.rotation[:, 0] = (2 * torch.rand(total, device=device) - 1) * math.pi
        guesses.presence[:] = 1.0
        return guesses

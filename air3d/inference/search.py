"""`model=direct`: every picture is explained by descending the renderer's own error, one object at a time, as AIR does.

Every identity is tried from `starts` random poses on the canvas so far, coarse to fine (`likelihood.pyramid_error`) and
turned round once, and the one that explains most is kept if it explains more than it costs. Then the poses of all
objects are refined together. With `init=proposals` each is tried where a network would put it, at several places of the
picture. `init=air` leaves out the search: a network's objects are turned round, each among the others, and refined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from air3d.inference.greedy import Inference
from air3d.inference.proposals import PLACES, proposals
from air3d.inference.refine import Refiner, empty
from air3d.model.air import Air, Painted, Place
from air3d.model.batches import concatenate, tree_map
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.view import View

ROWS = 1000
"""Tries that are painted at once: as many canvases with their gradients fill some gigabytes at 128 pixels."""

FAR = (0.02, 0.2)
"""First steps of Adam, metres and radians, for a pose that is a guess."""


@dataclass
class SearchConfig:
    """`starts` random poses for each identity, descended for `steps`; then `refine` steps for all objects together.

    An object must explain `price` nats: about what identity and pose cost in a trained posterior,
    log K + 2 log(table / precision) + log(circle / precision). `sweeps`: how often every object is looked for again
    among the others, which may not have been there when it was found.
    """

    name: str = "direct"
    starts: int = 4
    steps: int = 60
    refine: int = 40
    price: float = 15.0
    sweeps: int = 0

    def __post_init__(self) -> None:
        if self.name != "direct":
            raise UserError(f"model={self.name}: direct, or nothing for the run's own network")
        for name, least in (("starts", 1), ("steps", 1), ("refine", 0), ("price", 0), ("sweeps", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"model.{name} must be at least {least}, not {getattr(self, name)}")


class Search(Refiner):
    """Explains batches of pictures by optimisation; `proposed`: from where the network looks, and not from anywhere."""

    def __init__(self, model: Air, config: SearchConfig, sigma: float, proposed: bool = False) -> None:
        super().__init__(model, sigma, config.refine)
        self.identities, self.config, self.proposed = model.posterior.identities, config, proposed

    def search(self, pictures: Float[Tensor, "picture height width 3"], view: View, max_objects: int) -> Inference:
        """From nothing to at most `max_objects` objects a picture; `ROWS` tries at once, for each has a canvas."""
        tries = self.identities * (PLACES if self.proposed else self.config.starts)
        parts = torch.arange(len(pictures)).split(max(1, ROWS // tries))
        return concatenate([self.searched(pictures[part], view[part], max_objects) for part in parts])

    def searched(self, pictures: Tensor, view: View, max_objects: int) -> Inference:
        """A few pictures at once."""
        objects = empty(len(pictures), max_objects, pictures.device)
        going = torch.ones(len(pictures), dtype=torch.bool, device=pictures.device)
        for slot in range(max_objects):
            found, gain = self.propose(pictures, view, objects)
            going = going & ((gain > self.config.price) | (slot < self.prior.min_objects))
            if not going.any():
                break
            view, objects = self.settled(pictures, view, put(objects, slot, found, going))
        for _ in range(self.config.sweeps):
            for slot in range(max_objects):
                objects = self.reconsidered(pictures, view, objects, slot)
            view, objects = self.settled(pictures, view, objects)
        return self.inference(pictures, view, first_those_there(objects))

    def settled(self, pictures: Tensor, view: View, objects: Objects) -> tuple[View, Objects]:
        """In the light that explains these objects best, their poses refined."""
        view = self.lit(pictures, view, objects)
        return view, self.refine(pictures, view, objects)

    def reconsidered(self, pictures: Tensor, view: View, objects: Objects, slot: int) -> Objects:
        """With what explains most in the place of one object, or without it where that is not worth its price."""
        there = objects.presence[:, slot] > 0.5
        absent = torch.zeros_like(objects.presence)
        absent[:, slot] = 1.0
        others = replace(objects, presence=objects.presence * (1 - absent))
        found, gain = self.propose(pictures, view, others)
        changed = put(others, slot, found, there & (gain > self.config.price))
        with torch.no_grad():
            better = self.worth(pictures, view, changed) > self.worth(pictures, view, objects)

        def chosen(new: Tensor, old: Tensor) -> Tensor:
            return torch.where(better.view(-1, *[1] * (new.dim() - 1)), new, old)

        return tree_map(chosen, changed, objects)

    def worth(self, pictures: Tensor, view: View, objects: Objects) -> Float[Tensor, " picture"]:
        """What they explain, less the price of each, nats."""
        return self.explained(
            self.painted(pictures, view, objects), pictures
        ) - self.config.price * objects.presence.sum(1)

    def propose(self, pictures: Tensor, view: View, objects: Objects) -> tuple[Objects, Float[Tensor, " picture"]]:
        """The one more object that explains most of each picture beside these, and by how many nats more."""
        with torch.no_grad():
            before = self.painted(pictures, view, objects)[-1]
        guesses = proposals(self.model, pictures, before.image, view) if self.proposed else self.guesses(len(pictures))
        tries = len(guesses.identity) // len(pictures)
        under, each = (x.repeat_interleave(tries, 0) for x in (before.canvas, pictures))
        place = Place(under, each, view.repeat(tries), told=False)

        def paint(guess: Objects) -> list[Painted]:
            return [self.model.paint(place, guess, self.sigma)]

        guesses = self.descend(guesses, paint, each, self.config.steps, FAR, coarse=True)
        with torch.no_grad():
            guesses, explained = self.turned(guesses, paint, each)
            if self.prior.log_identity is not None:  # beside the even share that the price stands for
                explained = explained + (self.prior.log_identity + math.log(self.identities))[guesses.identity[:, 0]]
            explained = explained.masked_fill(~self.possible(guesses, objects, tries), -torch.inf)
            best, chosen = explained.view(-1, tries).max(1)
            gain = best - self.model.log_likelihood(before.image, pictures, self.sigma)
        return guesses[chosen + tries * torch.arange(len(pictures), device=chosen.device)], gain

    def possible(self, guesses: Objects, objects: Objects, tries: int) -> Bool[Tensor, " try"]:
        """Whether each can stand beside those that are there."""
        here = guesses.identity[:, 0], guesses.position[:, 0, :2]
        each = tree_map(lambda tensor: tensor.repeat_interleave(tries, 0), objects)
        free = [
            self.model.posterior.footprints.apart(*here, each.identity[:, slot], each.position[:, slot, :2])
            for slot in range(objects.slots)
        ]
        return (torch.stack(free, 1) | (each.presence < 0.5)).all(1)

    def guesses(self, pictures: int) -> Objects:
        """Every identity from `starts` poses of the prior, for each picture."""
        device, total = self.prior.low.device, pictures * self.identities * self.config.starts
        guesses = empty(total, 1, device)
        guesses.identity[:, 0] = torch.arange(total, device=device) % self.identities
        guesses.position[:, 0] = self.prior.to_metres(torch.rand(total, 3, device=device))
        guesses.rotation[:, 0] = (2 * torch.rand(total, device=device) - 1) * math.pi
        guesses.presence[:] = 1.0
        return guesses


def put(objects: Objects, slot: int, found: Objects, where: Bool[Tensor, " picture"]) -> Objects:
    """With the object that was found in a slot, in those pictures."""
    fields = {name: getattr(objects, name).clone() for name in ("presence", "identity", "position", "rotation")}
    for name, field in fields.items():
        field[where, slot] = getattr(found, name)[where, 0]
    return replace(objects, **fields)


def first_those_there(objects: Objects) -> Objects:
    """The same, those that are present in the first slots."""
    order = objects.presence.argsort(dim=1, descending=True, stable=True)
    rows = torch.arange(len(order), device=order.device)[:, None]
    return objects.each(lambda _, array: array[rows, order])

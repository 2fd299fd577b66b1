"""`model=direct`: every picture is explained by the renderer alone.

Every identity is tried everywhere on the empty table (`scan`). The best poses are descended, and of those the sets that
explain the picture best are put together (`beam`). These are refined in the light that they tell of, and the best one
is kept. No network is asked, but for the light where that is inferred. `init=air` leaves out the search: a network's
objects are turned round, each among the others, and refined (`refine`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.inference.beam import best_sets, several
from air3d.inference.greedy import Inference
from air3d.inference.refine import Refiner
from air3d.inference.scan import Grid, scanned
from air3d.model.air import Air, Painted, Place
from air3d.model.batches import concatenate, select_rows
from scenes.catalogue import Catalogue
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.view import View

ROWS = 400
"""Poses that are descended at once: as many canvases with their gradients fill a gigabyte at 128 pixels."""

FAR = (0.01, 0.1)
"""First steps of Adam, metres and radians, for a pose of the scan."""

REFINED = 8
"""Sets of objects whose poses and light are refined."""

ROUNDS = 2
"""Searches, the second in the light that the first has found."""


@dataclass
class SearchConfig:
    """The best `starts` poses of each identity are descended for `steps`; sets of them, `width` at a time, are grown
    object by object; `refine` steps for all objects of a set together.

    An object must explain `price` nats: about what identity and pose cost in a trained posterior,
    log K + 2 log(table / precision) + log(circle / precision).
    """

    name: str = "direct"
    starts: int = 10
    steps: int = 30
    width: int = 24
    refine: int = 40
    price: float = 15.0

    def __post_init__(self) -> None:
        if self.name != "direct":
            raise UserError(f"model={self.name}: direct, or nothing for the run's own network")
        for name, least in (("starts", 1), ("steps", 1), ("width", 1), ("refine", 0), ("price", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"model.{name} must be at least {least}, not {getattr(self, name)}")


class Search(Refiner):
    """Explains pictures by optimisation."""

    def __init__(self, model: Air, catalogue: Catalogue, config: SearchConfig, sigma: float) -> None:
        super().__init__(model, sigma, config.refine)
        self.config = config
        self.grid = Grid(catalogue, self.prior.low, self.prior.high)

    def search(self, pictures: Float[Tensor, "picture height width 3"], view: View, max_objects: int) -> Inference:
        """At most `max_objects` objects a picture; a bar on a terminal."""
        rows = tqdm(torch.arange(len(pictures)).split(1), desc="searching", unit="picture", disable=None, leave=False)
        return concatenate([self.searched(pictures[row], view[row], max_objects) for row in rows])

    def searched(self, picture: Float[Tensor, "1 height width 3"], view: View, max_objects: int) -> Inference:
        """One picture. Where its light is inferred, it is searched again in the light that was found."""
        for _ in range(ROUNDS):
            table = Place(self.model.blank(view).canvas, picture, view, told=False)
            guesses = scanned(self.model, self.grid, table, self.sigma, self.config.starts)
            candidates = self.descended(table, guesses)
            sets = best_sets(
                self.model, table, candidates, self.prices(candidates), self.sigma, max_objects, self.config.width
            )
            view, objects = self.settled(table, select_rows(sets, slice(REFINED)))
            if view is table.view:
                break
        return self.inference(picture, view, objects)

    def descended(self, table: Place, guesses: Objects) -> Objects:
        """Each of these objects alone, where it explains the picture best nearby."""

        def near(part: Objects) -> Objects:
            place = several(table, table.before.expand(len(part.identity), *table.before.shape[1:]))

            def paint(guess: Objects) -> list[Painted]:
                return [self.model.paint(place, guess, self.sigma)]

            return self.descend(part, paint, place.pictures, self.config.steps, FAR, coarse=True)

        rows = torch.arange(len(guesses.identity), device=guesses.identity.device).split(ROWS)
        return concatenate([near(guesses[part]) for part in rows])

    def prices(self, candidates: Objects) -> Float[Tensor, " candidate"]:
        """What each must explain, nats: more for an identity that is rare."""
        identity = candidates.identity[:, 0]
        price = torch.full_like(candidates.rotation[:, 0], self.config.price)
        if self.prior.log_identity is None:
            return price
        even = math.log(len(self.prior.log_identity))  # the price stands for an even share
        return price - (self.prior.log_identity + even)[identity]

    def settled(self, table: Place, sets: Objects) -> tuple[View, Objects]:
        """The best of several sets of objects, each in the light that explains it best and its poses refined: the light
        and the set, one row each."""
        rows = len(sets.identity)
        pictures = table.pictures.expand(rows, *table.pictures.shape[1:])
        given = table.view.repeat(rows)
        view = self.lit(pictures, given, sets)
        objects = self.refine(pictures, view, sets)
        with torch.no_grad():
            best = self.worth(pictures, view, objects).argmax()[None]
        return table.view if view is given else view[best], select_rows(objects, best)

    def worth(self, pictures: Tensor, view: View, objects: Objects) -> Float[Tensor, " picture"]:
        """What they explain, less the price of each, nats."""
        explained = self.explained(self.painted(pictures, view, objects), pictures)
        return explained - self.config.price * objects.presence.sum(1)

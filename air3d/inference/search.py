"""`model=direct`: every picture is explained by the renderer alone.

Every identity is tried everywhere on the empty table (`scan`). The best poses are descended, and of those the sets that
explain the picture best are put together (`beam`). These are refined in the light that they tell of, the best one is
kept, and what may stand beside it is looked for again, until nothing is better. No network is asked, but for the light
where that is inferred. `init=air` leaves out the search: a network's objects are turned round, each among the others,
and refined (`refine`).
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from air3d.inference.beam import best_sets, possible_beside, several
from air3d.inference.greedy import Inference
from air3d.inference.refine import Refiner, empty
from air3d.inference.scan import Grid, scanned
from air3d.model.air import Air, Painted, Place
from air3d.model.batches import concatenate, select_rows
from scenes.errors import UserError
from scenes.objects import Objects
from scenes.scene import Scene
from scenes.view import View

ROWS = 400
"""Poses that are descended at once: as many canvases with their gradients fill a gigabyte at 128 pixels."""

FAR = (0.01, 0.1)
"""First steps of Adam, metres and radians, for a pose of the scan."""

REFINED = 8
"""Sets of objects whose poses and light are refined."""

ROUNDS = 5
"""Scans at most, each beside what the one before has found and in its light."""


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
    """Explains pictures by optimisation. In a scene without repeats every mesh is there at most once."""

    def __init__(self, model: Air, scene: Scene, config: SearchConfig, sigma: float) -> None:
        super().__init__(model, sigma, config.refine)
        self.config = config
        self.grid = Grid(scene.catalogue, self.prior.low, self.prior.high)
        kinds = torch.as_tensor(scene.catalogue.kind_of, device=self.prior.low.device)
        self.kinds = None if scene.layout.repeats else kinds

    def search(self, pictures: Float[Tensor, "picture height width 3"], view: View, max_objects: int) -> Inference:
        """At most `max_objects` objects a picture; a bar on a terminal."""
        rows = tqdm(torch.arange(len(pictures)).split(1), desc="searching", unit="picture", disable=None, leave=False)
        return concatenate([self.at(view[row]).searched(pictures[row], view[row], max_objects) for row in rows])

    def at(self, view: View) -> Search:
        """The same at the pixel noise of one picture: what the renderer gets wrong, and the sensor's noise where it is
        inferred."""
        if self.model.world.states.noise != "inferred":
            return self
        noisier = copy(self)
        noisier.sigma = math.hypot(self.sigma, float(view.noise[0]))
        return noisier

    def searched(self, picture: Float[Tensor, "1 height width 3"], view: View, max_objects: int) -> Inference:
        """One picture, as long as another scan, beside the objects that were found and in their light, makes it better
        by more than an object must be worth."""
        objects, possible = empty(1, max_objects, picture.device), []
        with torch.no_grad():
            best = self.worth(picture, view, objects)
        if self.prior.min_objects:
            best = torch.full_like(best, -torch.inf)  # a table of nothing is none of the scene's
        for _ in range(ROUNDS):
            table = Place(self.model.blank(view).canvas, picture, view, told=False)
            possible += [self.begun(table, objects), one_each(objects)]
            sets = self.sets(table, concatenate(possible), max_objects)
            lit, settled = self.settled(table, sets)
            with torch.no_grad():
                worth = self.worth(picture, lit, settled)
            if worth > best:
                view, objects = lit, settled
            if worth < best + self.config.price:
                break
            best = worth
        return self.inference(picture, view, objects)

    def begun(self, table: Place, beside: Objects) -> Objects:
        """Where each identity may stand beside some objects, rows of one object."""
        with torch.no_grad():
            canvas = self.painted(table.pictures, table.view, beside)[-1].canvas
        here = replace(table, before=canvas)
        return self.descended(here, scanned(self.model, self.grid, here, self.sigma, self.config.starts))

    def sets(self, table: Place, candidates: Objects, most: int) -> Objects:
        """The sets of candidates that explain the picture best, one a row."""
        beside = possible_beside(self.model.posterior.footprints, candidates, self.kinds)
        given = candidates, beside, self.prices(candidates), self.sigma, most, self.config.width
        return select_rows(best_sets(self.model, table, *given), slice(REFINED))

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


def one_each(objects: Objects) -> Objects:
    """The objects of one picture that are there, as rows of one object."""
    there = objects.presence[0] > 0.5
    return objects.each(lambda _, array: array[0, there][:, None])

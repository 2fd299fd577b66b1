"""Optimising poses through the renderer: turning objects round, and going down the error of their picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.inference.greedy import Inference
from air3d.inference.relight import relit
from air3d.model.air import Air, Painted, Place
from air3d.model.policies import total
from air3d.model.proposal import FORGIVING
from scenes.objects import Objects
from scenes.view import View

NEAR = (0.002, 0.02)
"""First steps of Adam, metres and radians, for a pose that is nearly right."""

TURNS = 12
"""Yaws that an object is tried at."""

Paint = Callable[[Objects], list[Painted]]
"""The canvas after each of the objects that are painted."""


class Refiner:
    """Improves poses of batches of pictures under the likelihood of the model, with its outliers, and objects in the
    colours that explain a picture best. `sigma` is the pixel noise, `steps` how far `refine` goes."""

    def __init__(self, model: Air, sigma: float, steps: int) -> None:
        self.model, self.prior, self.sigma, self.steps = model, model.prior, sigma, steps

    def refined(self, pictures: Float[Tensor, "picture height width 3"], view: View, found: Inference) -> Inference:
        """A network's predictions with each object turned round and all poses descended, in the light that explains
        them best; identities and counts stay, and so does how sure it is."""
        objects = replace(found.objects, presence=found.objects.presence.float())
        view = self.lit(pictures, view, objects)
        for slot in range(objects.slots):
            objects = self.turned_among_others(pictures, view, objects, slot)
        return self.inference(pictures, view, self.refine(pictures, view, objects), found.rho)

    def lit(self, pictures: Float[Tensor, "picture height width 3"], view: View, objects: Objects) -> View:
        """The view in the light that explains these objects best, where it is inferred."""

        def explained(view: View) -> Tensor:
            return self.explained(self.painted(pictures, view, objects), pictures)

        return relit(self.model.world, view, explained, self.steps)

    @torch.no_grad()
    def turned_among_others(self, pictures: Tensor, view: View, objects: Objects, slot: int) -> Objects:
        """One object of each picture at the best of `TURNS` yaws, the others painted as they are."""

        def paint(guess: Objects) -> list[Painted]:
            return self.painted(pictures, view, with_yaw(objects, slot, guess.rotation[:, 0]))

        best, _ = self.turned(objects.slot(slot), paint, pictures)
        return with_yaw(objects, slot, best.rotation[:, 0])

    def refine(self, pictures: Float[Tensor, "picture height width 3"], view: View, objects: Objects) -> Objects:
        """All poses of a picture together, a little; a picture that this explains worse keeps the poses it had."""

        def paint(guess: Objects) -> list[Painted]:
            return self.painted(pictures, view, guess)

        refined = self.descend(objects, paint, pictures, self.steps, NEAR)
        with torch.no_grad():
            before, after = (self.explained(paint(guess), pictures) for guess in (objects, refined))
        better = (after >= before)[:, None]
        position = torch.where(better[..., None], refined.position, objects.position)
        return replace(objects, position=position, rotation=torch.where(better, refined.rotation, objects.rotation))

    def turned(self, guesses: Objects, paint: Paint, pictures: Tensor) -> tuple[Objects, Float[Tensor, " batch"]]:
        """Each guess at the best of `TURNS` yaws, its own among them, and its log likelihood there: a descent stays on
        the side of an object where it began."""
        yaws = [guesses.rotation + turn * 2 * math.pi / TURNS for turn in range(TURNS)]
        turned = [replace(guesses, rotation=wrapped(yaw)) for yaw in yaws]
        explained, best = torch.stack([self.explained(paint(t), pictures) for t in turned]).max(0)
        rotation = torch.stack([t.rotation for t in turned])[best, torch.arange(len(best), device=best.device)]
        return replace(guesses, rotation=rotation), explained

    def descend(
        self,
        start: Objects,
        paint: Paint,
        pictures: Tensor,
        steps: int,
        rates: tuple[float, float],
        coarse: bool = False,
    ) -> Objects:
        """Adam on positions and rotations, each picture's error its own; `coarse` begins with more noise,
        where outliers would pull nothing otherwise."""
        position, rotation = (x.clone().requires_grad_() for x in (start.position, start.rotation))
        groups = [{"params": [x], "lr": rate} for x, rate in zip((position, rotation), rates, strict=True)]
        optimiser = torch.optim.Adam(groups, betas=(0.9, 0.95))
        for step in range(steps):
            left = 1 - step / steps
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * left
            guess = replace(start, position=position, rotation=rotation)
            with torch.enable_grad():
                explained = self.explained(paint(guess), pictures, max(0.0, 2 * left - 1) * coarse)
                optimiser.zero_grad()
                (-explained.sum()).backward()
            optimiser.step()
            with torch.no_grad():
                position.copy_(position.clamp(self.prior.low, self.prior.high))
        return replace(start, position=position.detach(), rotation=wrapped(rotation.detach()))

    def painted(self, pictures: Tensor, view: View, objects: Objects) -> list[Painted]:
        """The canvas after 0, 1, .. objects, painted one after the other."""
        painted = [self.model.blank(view)]
        for slot in range(objects.slots):
            place = Place(painted[-1].canvas, pictures, view, told=False)
            painted.append(self.model.paint(place, objects.slot(slot), self.sigma))
        return painted

    def explained(self, painted: Sequence[Painted], pictures: Tensor, coarse: float = 0.0) -> Float[Tensor, " batch"]:
        """log p(x | z) of the last picture, less what the colours of all objects cost, nats; `coarse`, 0 to 1: how far
        the pixel noise is that by which what is far off pulls, too."""
        costs = [each.colour_cost for each in painted if each.colour_cost is not None]
        sigma = self.sigma ** (1 - coarse) * FORGIVING**coarse
        likelihood = self.model.log_likelihood(painted[-1].image, pictures, sigma)
        return likelihood - total(costs) if costs else likelihood

    @torch.no_grad()
    def inference(self, pictures: Tensor, view: View, objects: Objects, rho: Tensor | None = None) -> Inference:
        """The objects with their paintings; without a network's `rho`, they are there or not."""
        images = [each.image for each in self.painted(pictures, view, objects)]
        there = objects.presence
        present = replace(objects.masked(), presence=there > 0.5)
        return Inference(present, images, there if rho is None else rho, [], [])


def with_yaw(objects: Objects, slot: int, yaw: Float[Tensor, " batch"]) -> Objects:
    """The same objects, the one in that slot turned to `yaw`."""
    rotation = objects.rotation.clone()
    rotation[:, slot] = yaw
    return replace(objects, rotation=rotation)


def wrapped(yaw: Tensor) -> Tensor:
    """The same angles in (-pi, pi]."""
    return math.pi - torch.remainder(math.pi - yaw, 2 * math.pi)


def empty(batch: int, slots: int, device: torch.device) -> Objects:
    """Empty tables as tensors."""
    numbers = torch.zeros(batch, slots, device=device)
    return Objects(numbers.long(), torch.zeros(batch, slots, 3, device=device), numbers.clone(), numbers.clone())

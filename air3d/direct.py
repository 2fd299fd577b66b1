"""`model=direct`: no network. Every picture is explained from scratch by descending the renderer's own error.

One object is looked for at a time, as AIR does: every identity is tried from `starts` random poses on the canvas so
far, coarse to fine (`likelihood.pyramid_error`) and turned round once, and the one that explains most is kept if it
explains more than it costs. Then the poses of all objects are refined together. `init=air` leaves out the search: a
network's objects are turned round, each among the others, and then refined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.likelihood import log_likelihood
from air3d.prior import Prior
from renderers.base import Renderer
from scenes.errors import UserError
from scenes.objects import Objects

Answer = tuple[Objects, list[Tensor], Tensor]
"""As of `infer.unroll`: objects, canvases after 0, 1, .. of them, and how sure the presence of each is."""

FAR, NEAR = (0.02, 0.2), (0.002, 0.02)
"""First steps of Adam, metres and radians, for a pose that is a guess and for one that is nearly right."""

TURNS = 12
"""Yaws that a guess is tried at."""


@dataclass
class DirectConfig:
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


class Direct:
    """Explains batches of pictures by optimisation."""

    def __init__(self, renderer: Renderer, prior: Prior, identities: int, config: DirectConfig, sigma: float) -> None:
        self.renderer, self.prior, self.identities = renderer, prior, identities
        self.config, self.sigma = config, sigma

    def search(self, pictures: Float[Tensor, "picture height width 3"], max_objects: int) -> Answer:
        """From nothing to at most `max_objects` objects a picture."""
        objects = empty(len(pictures), max_objects, pictures.device)
        going = torch.ones(len(pictures), dtype=torch.bool, device=pictures.device)
        for slot in range(max_objects):
            with torch.no_grad():
                canvas = self.painted(objects)
            found, gain = self.propose(canvas, pictures)
            going = going & ((gain > self.config.price) | (slot < self.prior.min_objects))
            if not going.any():
                break
            objects.presence[going, slot] = 1.0
            for name in ("identity", "position", "rotation"):
                getattr(objects, name)[going, slot] = getattr(found, name)[going, 0]
            objects = self.refine(pictures, objects)
        return self.answer(objects)

    def propose(self, canvas: Tensor, pictures: Tensor) -> tuple[Objects, Float[Tensor, " picture"]]:
        """The one more object that explains most of each picture, and by how many nats more than the canvas does."""
        tries = self.identities * self.config.starts
        under, each = canvas.repeat_interleave(tries, 0), pictures.repeat_interleave(tries, 0)

        def image(guess: Objects) -> Tensor:
            pose = guess.identity[:, 0], guess.position[:, 0], guess.rotation[:, 0]
            return self.renderer.develop(self.renderer.paint(under, *pose))

        guesses = self.descend(self.guesses(len(pictures)), image, each, self.config.steps, FAR, coarse=True)
        with torch.no_grad():
            guesses, explained = self.turned(guesses, image, each)
            best, chosen = explained.view(-1, tries).max(1)
            before = log_likelihood(self.renderer.develop(canvas), pictures, self.sigma)
        return guesses[chosen + tries * torch.arange(len(pictures), device=chosen.device)], best - before

    def turned(
        self, guesses: Objects, image: Callable[[Objects], Tensor], pictures: Tensor
    ) -> tuple[Objects, Float[Tensor, " batch"]]:
        """Each guess at the best of `TURNS` yaws, its own among them, and its log likelihood there: a descent stays on
        the side of an object where it began."""
        yaws = [guesses.rotation + turn * 2 * math.pi / TURNS for turn in range(TURNS)]
        turned = [Objects(guesses.identity, guesses.position, wrapped(yaw), guesses.presence) for yaw in yaws]
        explained, best = torch.stack([log_likelihood(image(t), pictures, self.sigma) for t in turned]).max(0)
        rotation = torch.stack([t.rotation for t in turned])[best, torch.arange(len(best), device=best.device)]
        return Objects(guesses.identity, guesses.position, rotation, guesses.presence), explained

    def guesses(self, pictures: int) -> Objects:
        """Every identity from `starts` poses of the prior, for each picture."""
        device, total = self.prior.low.device, pictures * self.identities * self.config.starts
        guesses = empty(total, 1, device)
        guesses.identity[:, 0] = torch.arange(total, device=device) % self.identities
        guesses.position[:, 0] = self.prior.to_metres(torch.rand(total, 3, device=device))
        guesses.rotation[:, 0] = (2 * torch.rand(total, device=device) - 1) * math.pi
        guesses.presence[:] = 1.0
        return guesses

    def refine(self, pictures: Float[Tensor, "picture height width 3"], objects: Objects) -> Objects:
        """All poses of a picture together, a little; a picture that this explains worse keeps the poses it had."""

        def image(guess: Objects) -> Tensor:
            return self.renderer.develop(self.painted(guess))

        refined = self.descend(objects, image, pictures, self.config.refine, NEAR)
        with torch.no_grad():
            before, after = (log_likelihood(image(guess), pictures, self.sigma) for guess in (objects, refined))
        better = after >= before
        position = torch.where(better[:, None, None], refined.position, objects.position)
        rotation = torch.where(better[:, None], refined.rotation, objects.rotation)
        return Objects(objects.identity, position, rotation, objects.presence)

    def descend(
        self,
        start: Objects,
        image: Callable[[Objects], Tensor],
        pictures: Tensor,
        steps: int,
        rates: tuple[float, float],
        coarse: bool = False,
    ) -> Objects:
        """Adam on positions and rotations, each picture's error its own; `coarse` begins with the whole pyramid."""
        position, rotation = (x.clone().requires_grad_() for x in (start.position, start.rotation))
        groups = [{"params": [x], "lr": rate} for x, rate in zip((position, rotation), rates, strict=True)]
        optimiser = torch.optim.Adam(groups, betas=(0.9, 0.95))
        for step in range(steps):
            left = 1 - step / steps
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * left
            guess = Objects(start.identity, position, rotation, start.presence)
            with torch.enable_grad():
                explained = log_likelihood(image(guess), pictures, self.sigma, max(0.0, 2 * left - 1) * coarse)
                optimiser.zero_grad()
                (-explained.sum()).backward()
            optimiser.step()
            with torch.no_grad():
                position.copy_(position.clamp(self.prior.low, self.prior.high))
        return Objects(start.identity, position.detach(), wrapped(rotation.detach()), start.presence)

    def painted(self, objects: Objects) -> Tensor:
        """The canvas with all objects that are present."""
        return self.canvases(objects)[-1]

    def canvases(self, objects: Objects) -> list[Tensor]:
        canvases = [self.renderer.blank(len(objects))]
        for slot in range(objects.slots):
            pose = objects.identity[:, slot], objects.position[:, slot], objects.rotation[:, slot]
            canvases.append(self.renderer.paint(canvases[-1], *pose, objects.presence[:, slot]))
        return canvases

    def refined(self, pictures: Float[Tensor, "picture height width 3"], answer: Answer) -> Answer:
        """A network's answer with each object turned round and all poses descended; identities and counts stay, and so
        does how sure it is."""
        there = answer[0].presence.float()
        objects = Objects(answer[0].identity, answer[0].position, answer[0].rotation, there)
        for slot in range(objects.slots):
            objects = self.turned_among_others(pictures, objects, slot)
        objects, images, _ = self.answer(self.refine(pictures, objects))
        return objects, images, answer[2]

    @torch.no_grad()
    def turned_among_others(self, pictures: Tensor, objects: Objects, slot: int) -> Objects:
        """One object of each picture at the best of `TURNS` yaws, the others painted as they are."""

        def image(guess: Objects) -> Tensor:
            return self.renderer.develop(self.painted(with_yaw(objects, slot, guess.rotation[:, 0])))

        alone = objects.identity[:, [slot]], objects.position[:, [slot]], objects.rotation[:, [slot]]
        best, _ = self.turned(Objects(*alone, objects.presence[:, [slot]]), image, pictures)
        return with_yaw(objects, slot, best.rotation[:, 0])

    @torch.no_grad()
    def answer(self, objects: Objects) -> Answer:
        images = [self.renderer.develop(canvas) for canvas in self.canvases(objects)]
        there = objects.presence
        position, rotation = objects.position * there[..., None], objects.rotation * there
        present = Objects(objects.identity * there.long(), position, rotation, there > 0.5)
        return present, images, there


def with_yaw(objects: Objects, slot: int, yaw: Float[Tensor, " batch"]) -> Objects:
    """The same objects, the one in that slot turned to `yaw`."""
    rotation = objects.rotation.clone()
    rotation[:, slot] = yaw
    return Objects(objects.identity, objects.position, rotation, objects.presence)


def wrapped(yaw: Tensor) -> Tensor:
    """The same angles in (-pi, pi]."""
    return math.pi - torch.remainder(math.pi - yaw, 2 * math.pi)


def empty(batch: int, slots: int, device: torch.device) -> Objects:
    """Empty tables as tensors."""
    numbers = torch.zeros(batch, slots, device=device)
    return Objects(numbers.long(), torch.zeros(batch, slots, 3, device=device), numbers.clone(), numbers.clone())

"""Optimising poses through the renderer: turning objects round, and going down the error of their picture."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.likelihood import log_likelihood
from air3d.prior import Prior
from renderers.base import Renderer
from scenes.objects import Objects

Answer = tuple[Objects, list[Tensor], Tensor]
"""As of `infer.unroll`: objects, canvases after 0, 1, .. of them, and how sure the presence of each is."""

NEAR = (0.002, 0.02)
"""First steps of Adam, metres and radians, for a pose that is nearly right."""

TURNS = 12
"""Yaws that an object is tried at."""


class Descent:
    """Improves poses of batches of pictures; `sigma` is the pixel noise, `steps` how far `refine` goes."""

    def __init__(self, renderer: Renderer, prior: Prior, sigma: float, steps: int) -> None:
        self.renderer, self.prior, self.sigma, self.steps = renderer, prior, sigma, steps

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

    def refine(self, pictures: Float[Tensor, "picture height width 3"], objects: Objects) -> Objects:
        """All poses of a picture together, a little; a picture that this explains worse keeps the poses it had."""

        def image(guess: Objects) -> Tensor:
            return self.renderer.develop(self.painted(guess))

        refined = self.descend(objects, image, pictures, self.steps, NEAR)
        with torch.no_grad():
            before, after = (log_likelihood(image(guess), pictures, self.sigma) for guess in (objects, refined))
        better = after >= before
        position = torch.where(better[:, None, None], refined.position, objects.position)
        rotation = torch.where(better[:, None], refined.rotation, objects.rotation)
        return Objects(objects.identity, position, rotation, objects.presence)

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

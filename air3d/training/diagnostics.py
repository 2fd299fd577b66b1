"""A look at training itself, between its steps: how noisy its gradient is, and how much of a step the renderer takes.

Nothing that training depends on is changed by it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from air3d.objectives import Objective, Weights
from air3d.training.renderer_time import timed
from scenes.objects import Objects
from scenes.view import View

DRAWS = 4


def gradient_diagnostics(
    objective: Objective,
    parameters: Sequence[Tensor],
    pictures: Float[Tensor, "picture height width 3"],
    view: View,
    truth: Objects,
    painting: Float[Tensor, "picture height width 3"],
    weights: Weights,
) -> dict[str, float]:
    """Gradients of `DRAWS` passes over the same pictures, which differ by the draws of the posterior alone.

    val/gradient_variance: the trace of their covariance, in units of the loss; val/gradient_noise: the same as a share
    of their mean square (0: no noise, 1: nothing else); perf/renderer_share: of a pass's time, forward and backward.
    """
    gradients, share = [], 0.0
    with unchanged(objective, parameters):
        for draw in range(DRAWS):
            forget(parameters)
            if draw == DRAWS - 1:  # by now all is compiled
                share = renderer_share(objective, pictures, view, truth, painting, weights)
            else:
                backward(objective, pictures, view, truth, painting, weights)
            gradients.append(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]))
    variance, noise = spread(torch.stack(gradients))
    return {"val/gradient_variance": variance, "val/gradient_noise": noise, "perf/renderer_share": share}


@contextmanager
def unchanged(objective: Objective, parameters: Sequence[Tensor]) -> Iterator[None]:
    """However the block ends, what an objective learns for itself is as before, and no gradient is left."""
    kept = copy.deepcopy(objective.learned.state_dict())
    try:
        yield
    finally:
        forget(parameters)
        objective.learned.load_state_dict(kept)


def forget(parameters: Sequence[Tensor]) -> None:
    """No gradient is left."""
    for parameter in parameters:
        parameter.grad = None


def backward(
    objective: Objective, pictures: Tensor, view: View, truth: Objects, painting: Tensor, weights: Weights
) -> None:
    objective(pictures, view, weights, truth if objective.labelled else None, painting)[0].backward()


def spread(gradients: Float[Tensor, "draw parameter"]) -> tuple[float, float]:
    """Total variance of the draws, and its share of their mean square, both from estimates without bias."""
    variance, square = gradients.var(0).sum(), gradients.square().sum(1).mean()
    return variance.item(), min(1.0, (variance / square.clamp_min(1e-30)).item())


def renderer_share(
    objective: Objective, pictures: Tensor, view: View, truth: Objects, painting: Tensor, weights: Weights
) -> float:
    """`backward`, and the share of its time that the renderer took; on CUDA, of the processor's time, which starts what
    the device does."""
    with timed(objective.model.renderer) as watch:
        began = time.perf_counter()
        backward(objective, pictures, view, truth, painting, weights)
        return watch.seconds / (time.perf_counter() - began)

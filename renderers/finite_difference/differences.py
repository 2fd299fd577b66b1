"""Central differences through a function from lists of objects and views to pictures, as a step of autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from renderers.base import RendererConfig
from renderers.convert import to_numpy
from renderers.finite_difference.listing import COLUMNS, CONTINUOUS, PRESENCE, WANTED
from renderers.finite_difference.moves import DIRECTIONS, Move, move
from scenes.arrays import shared, spread
from scenes.view import ARRAYS, View

CALL = 512  # pictures asked for at a time, which bounds the memory

Numbers = Float[np.ndarray, "batch object number"]
Pictures = Float[np.ndarray, "batch height width 3"]


@dataclass(frozen=True)
class Differences:
    """How ``(gradient * pictures(numbers, view)).sum()`` changes with the numbers of objects and views.

    heights: whether z, the third number of a position, is asked about.
    """

    pictures: Callable[[Numbers, View], Pictures]
    settings: RendererConfig
    heights: bool

    def objects(self, numbers: Numbers, view: View, gradient: Pictures) -> Numbers:
        """With every number of the objects that wants to know; 0 for the others."""
        result = np.zeros_like(numbers)
        for name in CONTINUOUS:
            row, slot = np.nonzero(numbers[..., WANTED[name]])
            for direction in range(DIRECTIONS[name]):
                if name == "position" and direction == 2 and not self.heights:
                    continue
                for part in parts(np.arange(len(row))):
                    at, within = ((rows, slot[part], COLUMNS[name]) for rows in (row[part], np.arange(len(part))))
                    moved, (ahead, behind) = move(name, numbers[at], direction, self.settings), numbers[[row[part]] * 2]
                    ahead[within], behind[within] = moved.ahead, moved.behind
                    world = view[row[part]]
                    change = self.pictures(ahead, world) - self.pictures(behind, world)
                    result[at] += contribution(change * gradient[row[part]], moved)
        return result

    def view(self, name: str, numbers: Numbers, view: View, gradient: Pictures) -> np.ndarray:
        """With one field of each picture's view. An empty table changes with its background alone."""
        values = getattr(view, name)
        result, there = np.zeros(values.shape), numbers[..., PRESENCE].any(1)
        rows = np.flatnonzero(there | (name == "background"))
        for direction in range(DIRECTIONS.get(name, 0)):
            for part in parts(rows):
                moved, world = move(name, values[part], direction, self.settings), view[part]
                ahead, behind = (replace(world, **{name: side}) for side in (moved.ahead, moved.behind))
                change = self.pictures(numbers[part], ahead) - self.pictures(numbers[part], behind)
                result[part] += contribution(change * gradient[part], moved)
        return result


class Develop(torch.autograd.Function):
    """(differences, height and width, canvas, arrays of a view) -> pictures [batch, height, width, 3]."""

    @staticmethod
    def forward(ctx: Any, differences: Differences, size: tuple[int, int], canvas: Tensor, *arrays: Tensor) -> Tensor:
        ctx.save_for_backward(canvas, *arrays)
        ctx.differences, ctx.size = differences, size
        return canvas.new_tensor(differences.pictures(exact(canvas), world(arrays, size)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple:  # pyright: ignore[reportIncompatibleMethodOverride]
        (canvas, *arrays), differences = ctx.saved_tensors, ctx.differences
        known = exact(canvas), world(arrays, ctx.size), exact(gradient)
        _, _, wanted, *fields = ctx.needs_input_grad
        of_canvas = canvas.new_tensor(differences.objects(*known)) if wanted else None
        asked = zip(ARRAYS, arrays, fields, strict=True)
        return None, None, of_canvas, *(a.new_tensor(differences.view(n, *known)) if w else None for n, a, w in asked)


def parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Rows in portions of CALL."""
    return (rows[start : start + CALL] for start in range(0, len(rows), CALL))


def contribution(change: Pictures, moved: Move) -> np.ndarray:
    """What the weighted change of the pictures along a move says about the gradient of the field."""
    slope = change.sum(tuple(range(moved.apart.ndim, 4))) / moved.apart
    return slope.reshape(*slope.shape, *[1] * (moved.along.ndim - slope.ndim)) * moved.along


def exact(tensor: Tensor) -> np.ndarray:
    """In float64: a step of a millimetre should not be rounded away."""
    return tensor.detach().cpu().double().numpy()


def world(arrays: Sequence[Tensor], size: tuple[int, int]) -> View:
    """Views as a black box is told: numpy, float64; what pictures share stays shared."""
    view = to_numpy(View(**dict(zip(ARRAYS, arrays, strict=True)), height=size[0], width=size[1]))
    return view.each(
        lambda array: spread(array[:1].astype(float), len(array)) if shared(array) else array.astype(float)
    )

"""p(n), p(identity), p(position), p(rotation): what is believed before the picture is seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

IMPOSSIBLE = -20.0
"""log p(n) of a count that the scene never shows: finite, so that a bound of it stays a number."""

EVEN = 1e-6
"""Identities whose probabilities differ by no more are taken to be as likely as each other."""


class Prior(nn.Module):
    """Uniform over the counts, over the box of base points and over the circle; over the identities too, unless their
    weights differ, as those of the faces of one mesh do.

    Args:
        min_objects, max_objects: the smallest and the largest count that scenes show; every one between is as likely.
        low, high: corners of the box of base points, metres. An axis with low == high is known and not inferred.
        weights: probabilities of the identities, `Catalogue.weights`; None: all are as likely.
    """

    low: Tensor
    high: Tensor
    log_count: Tensor
    log_identity: Tensor | None

    def __init__(
        self,
        min_objects: int,
        max_objects: int,
        low: Sequence[float],
        high: Sequence[float],
        weights: Sequence[float] | None = None,
    ):
        super().__init__()
        self.min_objects, self.max_objects = min_objects, max_objects
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32), persistent=False)
        self.register_buffer("high", torch.tensor(high, dtype=torch.float32), persistent=False)
        log_count = torch.full((max_objects + 1,), IMPOSSIBLE)
        log_count[min_objects:] = -math.log(max_objects + 1 - min_objects)
        self.register_buffer("log_count", log_count, persistent=False)
        differ = weights is not None and max(weights) - min(weights) > EVEN
        log_identity = torch.tensor(weights).log() if differ else None
        self.register_buffer("log_identity", log_identity, persistent=False)

    @property
    def free(self) -> Float[Tensor, "3"]:
        """1 for every axis of the position that has to be inferred, 0 for one that is known."""
        return (self.high > self.low).float()

    def shares(self, identities: int) -> Float[Tensor, " identity"]:
        """The probability of each of so many identities."""
        return torch.full((identities,), 1 / identities) if self.log_identity is None else self.log_identity.exp()

    @property
    def steps(self) -> int:
        """How often a network looks: once more than there can be objects, so that too many can be counted; exactly as
        often where the number is known beforehand."""
        return self.max_objects + (self.max_objects > self.min_objects)

    def to_metres(self, unit: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """The point of the box with coordinates in [0, 1] along each side."""
        return self.low + unit * (self.high - self.low)

    def to_unit(self, metres: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """The inverse of `to_metres`; 0.5 along an axis without extent."""
        extent = self.high - self.low
        return torch.where(extent > 0, (metres - self.low) / extent.clamp_min(1e-9), torch.full_like(metres, 0.5))

"""What a latent is: a field of `Objects`, a head of the network, a family of distributions, a way to measure it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from air3d.model.distributions import Choice
from air3d.model.prior import Prior


@dataclass(frozen=True)
class Sizes:
    """What a head is built from: features of each yaw bin of the closer look, how many bins, features of the attended
    place with identity and state, and the standard deviation to begin with (unsquashed units); and what it learns with:
    `beta` (`PosteriorConfig`)."""

    ring_features: int
    yaw_bins: int
    attended: int
    initial_std: float
    beta: float = 0.0


@dataclass
class Look:
    """What a head reads: the closer look, what attention saw (with identity and state), and the proposed base point
    with the log of its widths, in the unsquashed units of `LogitNormal`."""

    rings: Float[Tensor, "batch feature bin"]
    attended: Float[Tensor, "batch input"]
    base_point: Float[Tensor, "batch 3"]
    log_width: Float[Tensor, "batch 3"]


@dataclass
class Value:
    """One draw of a latent, in the units of `Objects`, and what its continuous part costs.

    kl: an estimate of KL(q || p), nats; log_ratio: log q - log p of exactly what was drawn, without gradient.
    """

    value: Float[Tensor, "batch ..."]
    kl: Float[Tensor, " batch"]
    log_ratio: Float[Tensor, " batch"]


@runtime_checkable
class Family(Protocol):
    """q of one latent, one row for each object. `choice` is its discrete part, where it has one."""

    choice: Choice | None

    def noise(self) -> Float[Tensor, "batch number"]:
        """Fresh standard normal numbers, as many as a draw of the continuous part takes."""
        ...

    def draw(self, choice: Int[Tensor, " batch"] | None, noise: Float[Tensor, "batch number"]) -> Value:
        """The value for a choice and these random numbers, reparameterised."""
        ...

    def mode(self) -> Float[Tensor, "batch ..."]:
        """The middle of the likeliest part, in the units of `Objects`."""
        ...

    def mode_kl(self) -> Float[Tensor, " batch"]:
        """What the middle costs: the `kl` of a draw there."""
        ...

    def log_density(
        self, value: Float[Tensor, "batch ..."], symmetry: Int[Tensor, " batch"], beta: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """log q of a labelled value, its terms weighted by the widths to the 2 `beta` (objectives/labels.py)."""
        ...


class Latent(nn.Module, ABC):
    """A head of the posterior. `name`: the field of `Objects` it fills; `unit`: of its errors, as metrics name them."""

    name: ClassVar[str]
    unit: ClassVar[str] = ""

    @abstractmethod
    def __init__(self, sizes: Sizes, prior: Prior) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, look: Look) -> Family:
        """q of this latent for each object, given its identity."""

    @staticmethod
    def errors(predicted: np.ndarray, true: np.ndarray, symmetry: np.ndarray) -> Float[np.ndarray, " pair"]:
        """How far pairs of values are apart, in `unit`; NaN where a mesh has no such value. Default: the distance."""
        return np.abs(predicted - true).reshape(len(true), -1).max(1) if len(true) else np.zeros(0)

    @staticmethod
    def written(value: np.ndarray | np.generic, symmetry: int) -> Any:
        """As JSON holds it; None where the mesh has no such value."""
        return np.asarray(value).tolist()


def named(latents: Sequence[type[Latent]]) -> dict[str, type[Latent]]:
    """The table by the names of its latents."""
    return {latent.name: latent for latent in latents}

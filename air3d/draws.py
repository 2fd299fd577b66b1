"""What the model draws at a step, and where training stands while it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from air3d.distributions import Choice
from air3d.elbo import Trace

Rows = TypeVar("Rows")


@dataclass
class Schedule:
    """Where training stands: what the schedules say at this moment. The defaults are the end, the plain ELBO."""

    sigma: float = 0.3
    pyramid: float = 0.0
    pull: float = 0.0
    prior_odds: float = 1.0


@dataclass
class Drawn:
    """One object for each row of the batch, what its draw cost in the bound, and the random numbers of its pose.

    `log_weight` is log p - log q of exactly what was drawn, without gradient.
    """

    identity: Int[Tensor, " batch"]
    position: Float[Tensor, "batch 3"]
    rotation: Float[Tensor, " batch"]
    yaw_bin: Choice
    bin: Int[Tensor, " batch"]
    offset: Float[Tensor, "batch bin"]
    log_identity: Float[Tensor, " batch"]
    log_yaw: Float[Tensor, " batch"]
    kl: Float[Tensor, " batch"]
    noise: Float[Tensor, "batch noise"]
    log_weight: Float[Tensor, " batch"]


@dataclass
class Instead:
    """What the alternatives of a step's object came to, where it was asked for: fields of the trace."""

    turned: Float[Tensor, " picture"] | None
    swapped: Float[Tensor, " batch"] | None
    pull: Float[Tensor, " picture"] | None


def rows_of(batch: Rows, rows: Tensor | slice) -> Rows:
    """A dataclass of tensors, choices and the like, of these rows of the batch alone."""

    def of(value: Any) -> Any:
        return rows_of(value, rows) if is_dataclass(value) else value[rows]

    return replace(batch, **{field.name: of(getattr(batch, field.name)) for field in fields(batch)})  # pyright: ignore


def gather(
    likelihoods: list[Tensor],
    presence: list[Tensor],
    drawn: list[Drawn],
    instead: list[Instead],
    contexts: list[Tensor],
    samples: int,
) -> Trace:
    """Per-step lists of [picture*sample] to the [picture, sample, step] tensors of a Trace."""

    def stack(values: list[Tensor]) -> Tensor:
        return rearrange(torch.stack(values, -1), "(picture sample) ... -> picture sample ...", sample=samples)

    def asked(name: str, stacked: Callable[[list[Tensor]], Tensor]) -> Tensor | None:
        values = [getattr(step, name) for step in instead]
        return None if values[0] is None else stacked(values)

    return Trace(
        log_likelihood=stack(likelihoods),
        presence_logit=stack(presence),
        log_identity=stack([draw.log_identity for draw in drawn]),
        log_yaw=stack([draw.log_yaw for draw in drawn]),
        turned=asked("turned", partial(torch.stack, dim=-1)),
        kl=stack([draw.kl for draw in drawn]),
        log_weight=stack([draw.log_weight for draw in drawn]),
        swapped=asked("swapped", stack),
        pull=asked("pull", partial(torch.stack, dim=-1)),
        context=stack(contexts).transpose(-1, -2) if contexts else None,
    )

"""Rows of a batch, whatever holds them: dataclasses, lists, dictionaries and distributions of tensors, nested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from air3d.model.distributions import Choice
from scenes.view import View

Batch = TypeVar("Batch")


def tree_map(function: Callable[..., Any], first: Batch, *others: Batch) -> Batch:
    """The same structure with `function` of the tensors that stand in each place. What is no batch (None, a prior)
    stays; a `View` is handed over whole, because it knows which of its fields all pictures share."""
    if isinstance(first, (Tensor, View)):
        return function(first, *others)
    if isinstance(first, Choice):
        logits = function(first.logits, *(other.logits for other in others))  # type: ignore[attr-defined]
        return Choice(logits=logits, log_prior=first.log_prior)  # type: ignore[return-value]
    if isinstance(first, list):
        return [tree_map(function, *column) for column in zip(first, *others, strict=True)]  # type: ignore[return-value]
    if isinstance(first, dict):
        return {key: tree_map(function, first[key], *(other[key] for other in others)) for key in first}  # type: ignore
    if is_dataclass(first) and not isinstance(first, type):
        columns = {field.name: [getattr(x, field.name) for x in (first, *others)] for field in fields(first)}
        return replace(first, **{name: tree_map(function, *column) for name, column in columns.items()})
    return first


def select_rows(batch: Batch, rows: Tensor | slice) -> Batch:
    """These rows of the batch alone."""
    return tree_map(lambda tensor: tensor[rows], batch)


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Several batches as one, one after the other."""
    return tree_map(lambda *tensors: torch.cat(tensors), *batches)


def interleave(steps: Sequence[Batch]) -> Batch:
    """Batches of B rows, one for each step, as one of B * steps: step t of picture b in row b * steps + t."""
    return tree_map(lambda *tensors: torch.stack(tensors, 1).flatten(0, 1), *steps)

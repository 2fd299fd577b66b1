"""A network that begins with what another one learned of other meshes.

Encoder, attention, memory, presence and the closer looks know nothing of a catalogue, but for what stands for an
identity: a row of the head that says which it is, and a column of every layer that is told which it is. Identities that
both catalogues name are taken over; a new one begins as the mean of those that there were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

SAID = (
    "posterior.identity.2.weight",
    "posterior.identity.2.bias",
    "posterior.yaw_features.told.0.change.weight",
    "posterior.yaw_features.told.1.change.weight",
)
"""A row for each identity, in those that a network has."""

TOLD = (
    "posterior.correction.0.weight",
    "posterior.refinement.0.weight",
    "posterior.latents.rotation.head.known.weight",
)
"""The last columns are those of the identities."""


def with_identities(weights: Mapping[str, Tensor], theirs: Sequence[str], mine: Sequence[str]) -> dict[str, Tensor]:
    """Weights of a network of the identities `theirs` as those of one of the identities `mine`."""
    changed = dict(weights)
    for name in set(SAID) & weights.keys():
        changed[name] = chosen(weights[name], theirs, mine)
    for name in TOLD:
        shared, own = weights[name].tensor_split([weights[name].shape[1] - len(theirs)], 1)
        changed[name] = torch.cat([shared, chosen(own.T, theirs, mine).T], 1)
    return changed


def chosen(rows: Tensor, theirs: Sequence[str], mine: Sequence[str]) -> Tensor:
    """A row for each of `mine`: theirs of that name, otherwise their mean."""
    return torch.stack([rows[theirs.index(name)] if name in theirs else rows.mean(0) for name in mine])

"""`Objects`: one batch of scene descriptions, the only thing that passes between the rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # numpy array or torch tensor: the container does not care, and must not import torch


@dataclass
class Objects:
    """A batch of B scenes with room for N objects each; slots without an object hold zeros.

    identity: [B, N] integer, which mesh of the catalogue.
    position: [B, N, 3] metres, the base point in world axes (+Z up, table top at z = 0).
    rotation: [B, N] radians, yaw about +Z, in (-pi, pi].
    presence: [B, N] ones, then zeros.
    """

    identity: Array
    position: Array
    rotation: Array
    presence: Array

    @property
    def count(self) -> Array:
        """Number of present objects, [B]."""
        return self.presence.sum(1)

    @property
    def slots(self) -> int:
        """N, the room for objects in each scene."""
        return self.identity.shape[1]

    def __len__(self) -> int:
        return self.identity.shape[0]

    def __getitem__(self, index: Any) -> Objects:
        """Choose scenes: a slice, an index array or a mask over the batch. An integer keeps a batch of one."""
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"scene {index} of a batch of {len(self)}")
            index = slice(index % len(self), index % len(self) + 1)
        return Objects(self.identity[index], self.position[index], self.rotation[index], self.presence[index])

    @staticmethod
    def empty(batch: int, slots: int) -> Objects:
        """`batch` empty tables (numpy)."""
        return Objects(
            np.zeros((batch, slots), np.int64),
            np.zeros((batch, slots, 3), np.float32),
            np.zeros((batch, slots), np.float32),
            np.zeros((batch, slots), bool),
        )

    @staticmethod
    def stack(scenes: Sequence[Objects]) -> Objects:
        """Join batches (numpy) into one; those with fewer slots are padded with empty ones."""
        result = Objects.empty(sum(len(s) for s in scenes), max((s.slots for s in scenes), default=0))
        row = 0
        for scene in scenes:
            rows, slots = slice(row, row + len(scene)), slice(0, scene.slots)
            result.identity[rows, slots] = scene.identity
            result.position[rows, slots] = scene.position
            result.rotation[rows, slots] = scene.rotation
            result.presence[rows, slots] = scene.presence
            row += len(scene)
        return result

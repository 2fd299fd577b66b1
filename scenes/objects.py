"""`Objects`: what stands on the tables of a batch of scenes. `View` (scenes/view.py) is how pictures show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

import numpy as np

from scenes.arrays import Array, concatenate, filled


def _one(neutral: float, *sizes: int, integer: bool = False) -> dict[str, Any]:
    """About a field: its value where there is no object, or where it is not given; its sizes behind [B, N]."""
    return {"neutral": neutral, "sizes": sizes, "integer": integer}


@dataclass
class Objects:
    """A batch of B scenes with room for N objects each. Fields are numpy arrays or torch tensors.

    identity: [B, N] integer, which entry of the catalogue: a mesh that stands on one of its faces.
    position: [B, N, 3] metres, the base point in world axes (+Z up, table top at z = 0).
    rotation: [B, N] radians, yaw about +Z, in (-pi, pi].
    presence: [B, N] ones, then zeros.
    tint: [B, N, 3] factors on the mesh's red, green and blue; None for its own colours.
    size: [B, N] factor on all lengths about the base point; None for its own size.

    Slots without an object hold zeros, and ones for tint and size.
    """

    identity: Array = field(metadata=_one(0, integer=True))
    position: Array = field(metadata=_one(0, 3))
    rotation: Array = field(metadata=_one(0))
    presence: Array = field(metadata=_one(0))
    tint: Array | None = field(default=None, metadata=_one(1, 3))
    size: Array | None = field(default=None, metadata=_one(1))

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
        return self.each(lambda _, array: array[index])

    def slot(self, number: int) -> Objects:
        """The object in one slot of every scene, as batch of B scenes with room for one."""
        return self.each(lambda _, array: array[:, number : number + 1])

    def masked(self) -> Objects:
        """The same, with zeros (ones for tint and size) wherever no object is present."""

        def mask(about: Field, array: Array) -> Array:
            sizes = *self.presence.shape, *[1] * len(about.metadata["sizes"])
            presence = self.presence > 0.5 if about.metadata["integer"] else self.presence
            held = array * presence.reshape(sizes)
            return held + (self.presence <= 0.5).reshape(sizes) if about.metadata["neutral"] else held

        masked = self.each(mask)
        masked.presence = self.presence
        return masked

    def each(self, change: Callable[[Field, Array], Array]) -> Objects:
        """`change(field, array)` in the place of every array that is given."""
        arrays = ((about, getattr(self, about.name)) for about in fields(self))
        return Objects(**{about.name: None if array is None else change(about, array) for about, array in arrays})

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
        """Join batches (all numpy or all torch) into one; those with fewer slots are padded with empty ones."""
        if not scenes:
            return Objects.empty(0, 0)
        slots = max(each.slots for each in scenes)
        return Objects.join_fields([each.padded(slots) for each in scenes], 0)

    @staticmethod
    def join(parts: Sequence[Objects]) -> Objects:
        """The objects of several descriptions of the same B scenes, [B, 1] or more each, side by side."""
        return Objects.join_fields(parts, 1)

    @staticmethod
    def join_fields(parts: Sequence[Objects], axis: int) -> Objects:
        """Every field of all parts joined; one that only some of them give is neutral in the others."""

        def joined(about: Field) -> Array | None:
            if all(getattr(part, about.name) is None for part in parts):
                return None
            return concatenate([part.given(about) for part in parts], axis)

        return Objects(**{about.name: joined(about) for about in fields(Objects)})

    def given(self, about: Field) -> Array:
        """That field, filled with its neutral value where it is None."""
        array, sizes = getattr(self, about.name), (*self.identity.shape, *about.metadata["sizes"])
        return filled(self.position, sizes, about.metadata["neutral"]) if array is None else array

    def padded(self, slots: int) -> Objects:
        """The same scenes with room for `slots` objects each."""

        def pad(about: Field, array: Array) -> Array:
            more = filled(array, (len(self), slots - self.slots, *array.shape[2:]), about.metadata["neutral"])
            return concatenate([array, more], 1)

        return self if slots == self.slots else self.each(pad)

"""Batches of scenes: joining, padding, choosing, with and without tints and sizes, of numpy arrays and of tensors."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from renderers.convert import to_torch
from scenes.objects import Objects

KINDS = pytest.mark.parametrize("change", [lambda objects: objects, to_torch], ids=["numpy", "torch"])


def some(batch: int, slots: int, looks: bool = False, seed: int = 0) -> Objects:
    random = np.random.default_rng(seed)
    objects = Objects(
        random.integers(4, size=(batch, slots)),
        random.normal(size=(batch, slots, 3)).astype(np.float32),
        random.normal(size=(batch, slots)).astype(np.float32),
        np.arange(slots) < random.integers(1, slots + 1, size=(batch, 1)),
    )
    if looks:
        objects.tint = random.uniform(0.5, 1, (batch, slots, 3)).astype(np.float32)
        objects.size = random.uniform(0.5, 1, (batch, slots)).astype(np.float32)
    return objects


def same(mine, other) -> bool:
    return (mine is None and other is None) or np.array_equal(np.asarray(mine), np.asarray(other))


def assert_same(mine: Objects, other: Objects) -> None:
    for about in fields(Objects):
        assert same(getattr(mine, about.name), getattr(other, about.name)), about.name


@KINDS
@pytest.mark.parametrize("looks", [False, True])
def test_stacked_scenes_come_back(change, looks):
    parts = [change(some(2, 3, looks, seed=1)), change(some(1, 2, looks, seed=2))]
    both = Objects.stack(parts)
    assert len(both) == 3 and both.slots == 3
    assert_same(both[:2], parts[0])
    assert same(both[2].position[:, :2], parts[1].position)
    assert both.count[2] == parts[1].count[0], "a slot that was added is empty"
    assert not np.asarray(both[2].presence)[0, 2] and not np.asarray(both[2].position)[0, 2].any()
    assert (both.tint is None) == (not looks)
    if looks:
        assert np.asarray(both.tint)[2, 2].tolist() == [1, 1, 1] and both.size[2, 2] == 1


@KINDS
def test_whoever_has_no_tint_is_neutral_beside_one_who_has(change):
    plain, looks = change(some(1, 2)), change(some(1, 2, looks=True))
    both = Objects.stack([plain, looks])
    assert (
        same(both.tint[1:], looks.tint)
        and (np.asarray(both.tint[0]) == 1).all()
        and (np.asarray(both.size[0]) == 1).all()
    )
    assert both.tint.dtype == looks.tint.dtype


@KINDS
def test_slots_side_by_side(change):
    objects = change(some(3, 4, looks=True))
    assert_same(Objects.join([objects.slot(n) for n in range(4)]), objects)
    assert objects.slot(2).slots == 1 and same(objects.slot(2).rotation[:, 0], objects.rotation[:, 2])


@KINDS
def test_masked_slots_hold_nothing(change):
    objects = change(some(4, 3, looks=True))
    objects.identity = objects.identity + 1
    masked, absent = objects.masked(), ~np.asarray(objects.presence)
    for about in fields(Objects):
        before, after = (np.asarray(getattr(each, about.name)) for each in (objects, masked))
        assert (after[absent] == about.metadata["neutral"]).all(), about.name
        assert np.array_equal(after[~absent], before[~absent]), about.name
        assert after.dtype == before.dtype


def test_an_integer_keeps_a_batch_of_one():
    objects = some(3, 2)
    assert_same(objects[-1], objects[2:])
    with pytest.raises(IndexError):
        objects[3]
    assert len(Objects.stack([])) == 0

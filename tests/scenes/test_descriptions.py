"""Whatever objects and views hold, it survives being converted, taken apart, joined, written and read."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_tools import on_faces, random_camera

from renderers.convert import to_numpy, to_torch
from scenes.arrays import numpy_of, shared
from scenes.catalogue import catalogue
from scenes.dataset import describe, read_dataset, write_dataset
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig
from scenes.view import ARRAYS, View

SCENE, HEIGHT, WIDTH = Scene(SceneConfig()), 8, 10
OVER = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
SCENE.catalogue = on_faces(catalogue("crockery").meshes, OVER, OVER @ OVER)
EXACT = ("intrinsics", "camera_rotation", "camera_translation")  # kept in float64


@st.composite
def objects_of(draw: st.DrawFn, batch: int) -> Objects:
    """Up to four objects on each table, some of them empty, with or without tints and sizes (numpy)."""
    random, slots = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), draw(st.integers(1, 4))
    shape = batch, slots
    objects = Objects(
        random.integers(12, size=shape),
        random.uniform(-0.4, 0.4, (*shape, 3)).astype(np.float32),
        random.uniform(-3.14, 3.14, shape).astype(np.float32),
        np.arange(slots) < random.integers(0, slots + 1, (batch, 1)),
        random.uniform(0.2, 1.5, (*shape, 3)).astype(np.float32) if draw(st.booleans()) else None,
        random.uniform(0.2, 1.5, shape).astype(np.float32) if draw(st.booleans()) else None,
    )
    return neutral(objects)


def neutral(objects: Objects) -> Objects:
    """With what Objects promises about slots without an object."""
    there = objects.presence

    def empty(about, array):
        return np.where(there.reshape(*there.shape, *[1] * (array.ndim - 2)), array, about.metadata["neutral"]).astype(
            array.dtype
        )

    return objects.each(empty)


@st.composite
def views_of(draw: st.DrawFn, batch: int) -> View:
    """Worlds in which any of camera, light, background and noise may differ from picture to picture (numpy)."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cameras = [random_camera(random, HEIGHT, WIDTH) for _ in range(batch if draw(st.booleans()) else 1)]
    lamps = random.uniform(0.1, 1, (batch if draw(st.booleans()) else 1, 8))
    tables = random.integers(
        0, 256, (batch if draw(st.booleans()) else 1, *draw(st.sampled_from([(), (HEIGHT, WIDTH)])), 3)
    )
    noises = random.uniform(0, 0.1, batch if draw(st.booleans()) else 1)
    pictures = []
    for row in range(batch):
        light, (ambient, diffuse), gain = np.split(lamps[row % len(lamps)], [3, 5])
        world = {"background": tables[row % len(tables)] / 255, "noise": noises[row % len(noises)]}
        pictures.append(View.of(cameras[row % len(cameras)], light, ambient, diffuse, gain, **world))
    return View.stack(pictures)


@st.composite
def descriptions(draw: st.DrawFn) -> tuple[Objects, View]:
    batch = draw(st.integers(1, 4))
    return draw(objects_of(batch)), draw(views_of(batch))


def names_of(described: Objects | View) -> tuple[str, ...]:
    return ARRAYS if isinstance(described, View) else tuple(about.name for about in fields(Objects))


def assert_same(mine, theirs) -> None:
    """Field by field, number by number; numpy or torch."""
    assert type(mine) is type(theirs) and len(mine) == len(theirs)
    for name in names_of(mine):
        one, other = getattr(mine, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        if one is not None:
            np.testing.assert_array_equal(numpy_of(one), numpy_of(other), err_msg=name)


HYPOTHESIS = settings(max_examples=30, deadline=None, derandomize=True)
KINDS = pytest.mark.parametrize("change", [lambda described: described, to_torch], ids=["numpy", "torch"])


@HYPOTHESIS
@given(descriptions())
def test_tensors_and_back(both: tuple[Objects, View]) -> None:
    objects, view = both
    assert_same(to_numpy(to_torch(objects)), objects)
    rounded = {name: getattr(view, name) if name in EXACT else np.float32(getattr(view, name)) for name in ARRAYS}
    back = to_numpy(to_torch(view))
    assert_same(back, replace(view, **rounded))
    assert [shared(getattr(back, name)) for name in ARRAYS] == [shared(getattr(view, name)) for name in ARRAYS]
    assert_same(to_torch(back), to_torch(view))


@KINDS
@HYPOTHESIS
@given(descriptions(), st.randoms(use_true_random=False))
def test_taken_apart_and_joined(change, both: tuple[Objects, View], random) -> None:
    for described in map(change, both):
        rows = list(range(len(described)))
        kind = type(described)
        assert_same(kind.stack([described[row] for row in rows]), described)
        cut = random.choice(rows)
        assert_same(kind.stack([described[:cut], described[cut:]]) if cut else described, described)
        random.shuffle(rows)
        for name in names_of(described):
            if (array := getattr(described, name)) is not None:
                np.testing.assert_array_equal(numpy_of(getattr(described[rows], name)), numpy_of(array)[rows])
        assert_same(described[rows][np.argsort(rows).tolist()], described)


@settings(parent=HYPOTHESIS, max_examples=20)
@given(descriptions())
def test_written_and_read(both: tuple[Objects, View]) -> None:
    objects, view = both
    images = np.random.default_rng(0).integers(0, 256, (len(view), HEIGHT, WIDTH, 3), np.uint8)
    visible = np.arange(objects.identity.size).reshape(objects.identity.shape)
    with tempfile.TemporaryDirectory() as folder:
        out, pictures = Path(folder) / "set", zip(images, visible.tolist(), strict=True)
        write_dataset(out, describe(SCENE, view, 0), SCENE.catalogue, objects, view, pictures)
        data = read_dataset(out, SCENE.catalogue)
    assert_same(data.view, view)
    there = objects.presence.any()
    spoken = {name: getattr(objects, name) if there else None for name in ("tint", "size")}  # an empty table says none
    slots = max(1, int(objects.count.max()))
    assert_same(data.objects, replace(objects, **spoken).each(lambda _, array: array[:, :slots]))
    np.testing.assert_array_equal(data.images, images)

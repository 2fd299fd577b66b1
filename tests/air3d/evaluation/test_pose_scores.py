"""The field's figures of a few tables: what is right, doubled, missed, hidden, or of the wrong kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from air3d.evaluation.bootstrap import draws
from air3d.evaluation.object_models import object_models
from air3d.evaluation.pose_comparisons import Posed, compared
from air3d.evaluation.pose_scores import pose_scores
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig

SCENE = Scene(SceneConfig())
CATALOGUE, VIEW = SCENE.catalogue, SCENE.configured
PLATE, MUG = CATALOGUE.names.index("plate"), CATALOGUE.names.index("mug")
Row = tuple[int, float, float, float]


def tables(*rows: list[Row]) -> Objects:
    """Scenes of (identity, x, y, yaw)."""
    objects = Objects.empty(len(rows), 3)
    for scene, each in enumerate(rows):
        for slot, (identity, x, y, yaw) in enumerate(each):
            objects.identity[scene, slot], objects.position[scene, slot, :2] = identity, (x, y)
            objects.rotation[scene, slot], objects.presence[scene, slot] = yaw, True
    return objects


def scores(predicted: Objects, truth: Objects, sure: np.ndarray | None = None, visibility: np.ndarray | None = None):
    view = VIEW.repeat(len(truth))
    confidence = (
        np.linspace(1, 0.5, predicted.presence.size).reshape(predicted.presence.shape) if sure is None else sure
    )
    posed = Posed.of(predicted, CATALOGUE, view), Posed.of(truth, CATALOGUE, view)
    found = compared(*posed, confidence, object_models(CATALOGUE), np.asarray(view.intrinsics), visibility)
    return pose_scores(found, view.width, draws(len(truth), 200))


TRUTH = tables([(MUG, 0.1, 0, 1.0), (PLATE, -0.1, 0, 0)], [(MUG, 0, 0.1, 0)])


def test_the_truth_is_right_in_everything() -> None:
    said = scores(TRUTH, TRUTH)
    names = ("ap", "ap_mssd", "ap_mspd", "ap_mssd_mm", "recall_add", "recall_add_s", "recall_add_or_s")
    assert [said[name] for name in names] == pytest.approx([1] * len(names))
    assert said["mssd_median_mm"] == pytest.approx(0, abs=1e-6) and said["targets"] == 3
    assert said["intervals"]["ap"] == pytest.approx([1, 1])


def test_a_plate_may_be_turned_and_a_mug_may_not() -> None:
    """The mug's rim stays, so ADD-S forgives its turn; MSSD is its handle's way, over half its diameter."""
    turned = replace(TRUTH, rotation=np.where(TRUTH.presence, TRUTH.rotation + np.pi, 0).astype(np.float32))
    said = scores(turned, TRUTH)
    assert said["ap_mssd"] == pytest.approx(0.5)  # the plates' 1, the mugs' 0
    assert said["recall_add_or_s"] == pytest.approx(1 / 3)


def test_a_push_is_counted_against_diameters_and_millimetres() -> None:
    """By 8.9 mm: below 10 to 20 mm, 6 of 10 thresholds. A mug is 152 mm across: below 10 % (15 mm) and more, 9 of 10; a
    plate is 200 mm: below 5 % (10 mm) and more, all."""
    moved = replace(TRUTH, position=TRUTH.position + np.array([0.0089, 0, 0], np.float32))
    said = scores(moved, TRUTH)
    assert said["ap_mssd_mm"] == pytest.approx(0.6) and said["ap_mssd"] == pytest.approx((0.9 + 1) / 2)
    assert said["mssd_median_mm"] == pytest.approx(8.9, abs=0.01)
    assert said["recall_add"] == pytest.approx(1)
    further = replace(TRUTH, position=TRUTH.position + np.array([0.018, 0, 0], np.float32))
    assert scores(further, TRUTH)["recall_add"] == pytest.approx(1 / 3)  # below 20 mm for a plate, not 15 for a mug


def test_pixels_are_those_of_a_picture_640_wide() -> None:
    """A pixel of 64 is ten of 640: a push along the row by 1.5 pixels is 15 there, not below 5, 10 and 15."""
    camera = VIEW.camera(0)
    columns = [camera.to_pixels(camera.project([x, 0.0, 0.0]))[0] for x in (0.0, 1e-3)]
    metres = 1.52e-3 / (columns[1] - columns[0])
    truth = tables([(PLATE, 0, 0, 0)])
    said = scores(replace(truth, position=truth.position + np.array([metres, 0, 0], np.float32)), truth)
    assert said["ap_mspd"] == pytest.approx(0.7)  # the near rim moves by a little more, not by 20


def test_the_wrong_kind_is_wrong_twice() -> None:
    """A plate where a mug stands: the mug is missing, and the plate, the surer one of two, is too many."""
    predicted = tables([(PLATE, 0.1, 0, 0), (PLATE, -0.1, 0, 0)], [(MUG, 0, 0.1, 0)])
    said = scores(predicted, TRUTH)
    assert said["ap_mssd"] == pytest.approx((51 / 101 + 0.5) / 2)  # mugs: half the recall; plates: half the precision
    assert said["recall_add_s"] == pytest.approx(2 / 3)


def test_two_for_one_and_one_missing() -> None:
    predicted = tables([(MUG, 0.1, 0, 1.0), (MUG, 0.1, 0, 1.0)], [(MUG, 0, 0.1, 0)])
    sure = np.array([[0.9, 0.8, 0], [0.7, 0, 0]])
    said = scores(predicted, TRUTH, sure)
    mugs = (51 * 1 + 50 * 2 / 3) / 101  # right, doubled, right: precision 1 up to half the recall, then 2/3
    assert said["ap_mssd"] == pytest.approx(mugs / 2) and said["recall_add"] == pytest.approx(2 / 3)


def test_what_is_hidden_is_no_target() -> None:
    hidden = np.array([[0.05, 1, np.nan], [1, np.nan, np.nan]])
    said = scores(TRUTH, TRUTH, visibility=hidden)
    assert said["ap"] == pytest.approx(1) and said["targets"] == 2
    without = tables([(PLATE, -0.1, 0, 0)], [(MUG, 0, 0.1, 0)])
    assert scores(without, TRUTH, visibility=hidden)["ap"] == pytest.approx(1)


def test_nothing_to_find_and_nothing_found() -> None:
    empty = tables([], [])
    said = scores(empty, empty)
    assert said["ap"] is None and said["recall_add"] is None and said["intervals"]["ap"] is None
    assert scores(empty, TRUTH)["ap"] == 0 and scores(empty, TRUTH)["mssd_median_mm"] is None

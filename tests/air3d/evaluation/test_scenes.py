"""Held-out scenes: balanced, apart from those of training, and refused where they cannot be."""

from __future__ import annotations

import pytest

from air3d.evaluation.matching import match
from air3d.evaluation.scenes import EvaluateConfig, held_out_scenes
from air3d.inference.search import SearchConfig
from air3d.splits import calibration_seed, evaluation_seed, train_seed, validation_seed
from scenes.errors import UserError
from scenes.layout import Layout
from scenes.objects import Objects
from scenes.scene import Scene, SceneConfig


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(SceneConfig(image_size=32))


def test_held_out_scenes_are_balanced_and_do_not_depend_on_each_other(scene):
    truth, view = held_out_scenes(scene, 0, 8, [3, 1, 5])
    assert truth.count.tolist() == [3, 3, 3, 1, 1, 1, 5, 5] and len(view) == 8
    alone, _ = held_out_scenes(scene, 0, 2, [5])
    assert len(match(truth[6:], alone).distance) == 10 and match(truth[6:], alone).distance.max() == 0
    assert match(truth[:3], truth[3:6]).distance.min() > 1e-3  # one count's scenes are not the beginning of another's


def test_held_out_seeds_are_apart():
    for seed in (0, 5):
        assert len({train_seed(seed), validation_seed(seed), evaluation_seed(seed), calibration_seed(seed)}) == 4
    seeds = range(100_000)
    held_out = {of(s) for s in seeds for of in (validation_seed, evaluation_seed)}
    assert not {train_seed(s) for s in seeds} & held_out
    assert not {calibration_seed(s) for s in seeds} & {of(s) for s in seeds for of in (train_seed, evaluation_seed)}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"counts": [1, 200]}, "200 objects do not fit"),
        ({"counts": [1, 1]}, "different whole numbers"),
        ({"counts": [-1]}, "different whole numbers"),
        ({"counts": []}, "different whole numbers"),
        ({"counts": [0, 1, 2], "scenes": 2}, "at least one scene each"),
    ],
)
def test_bad_requests_for_scenes(scene, settings, said):
    with pytest.raises(UserError, match=said):
        held_out_scenes(scene, 0, **{"scenes": 10, **settings})


def test_steps_leave_room_to_count_too_many():
    several, one = Layout(min_objects=0, max_objects=3), Layout(min_objects=1, max_objects=1)
    two, six = (Objects.empty(1, 6) for _ in range(2))
    two.presence[:, :2], six.presence[:] = True, True
    settings = EvaluateConfig("run")
    assert (settings.steps(several, two), settings.steps(several, six)) == (4, 7)
    assert settings.steps(one, Objects.empty(1, 1)) == 1
    assert EvaluateConfig("run", max_objects=9).steps(several, six) == 9


def test_what_cannot_go_together_is_refused():
    with pytest.raises(UserError, match="give both"):
        EvaluateConfig("run", init="air")
    with pytest.raises(UserError, match="init=zero"):
        EvaluateConfig("run", model=SearchConfig(), init="zero")

"""Shipped comparisons: what they train and ask, and one line for what cannot be."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml

from air3d import cli
from air3d.comparison.learned import configured, fingerprint
from air3d.comparison.plan import CompareConfig, TestSet
from scenes.errors import UserError

CONFIGS = Path(cli.CONFIGS) / "compare"
EXPERIMENTS, MODELS = (sorted(path.stem for path in (CONFIGS / of).glob("*.yaml")) for of in ("experiment", "models"))


FOLDER = "data=testsets"  # any folder will do, where nothing is trained


def plan(*words: str) -> CompareConfig:
    return cli.typed(cli.compose("compare", list(words), "compare"), CompareConfig)


@cache
def training(words: tuple[str, ...]) -> tuple[int, str]:
    """Seed and fingerprint of a training, which several comparisons share."""
    config = configured(words)
    return config.seed, fingerprint(config.plain())


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("models", MODELS)
def test_shipped_trainings_are_understood_and_different(experiment: str, models: str):
    config = plan(f"experiment={experiment}", f"models={models}", "seed=3", FOLDER)
    assert (config.name, config.set) == (experiment, models) and config.about
    trainings = {training(tuple(config.training(model))) for model in config.models}
    assert {seed for seed, _ in trainings} == {3} and len(trainings) == len(config.models)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_shipped_tests_are_understood(experiment: str):
    for test in plan(f"experiment={experiment}", FOLDER).tests.values():
        words = cli.compose("evaluate", ["run=R", *test.words()])
        assert words.scenes == test.scenes and words.counts == test.counts and words.data == test.data
        changed = {name: value for name, value in words.scene.items() if value is not None}
        assert changed == {**json.loads(json.dumps(test.scene.changes())), "camera_known": test.scene.camera_known}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment=unseen_count"], "unseen_counts"),
        (["threads=0"], "threads=0"),
        (["scenes=0"], "scenes=0"),
        (["+models.a-b=[]"], "letters, digits"),
        (["+tests.more.scene.gaps=0"], "gaps"),
        (["sed=1"], "seed"),
        (["device=gpu"], "cpu or cuda"),
        (["tests.by_likelihood.counting=likelyhood"], "did you mean likelihood"),
        (["+tests.counts.data=D"], "data=D brings its own scenes"),
        (["minutes=0"], "minutes=0"),
        (["models=with_folder"], "air_folder learns from unlabelled pictures: give data=FOLDER .*generate.py testset="),
        (["models=with_folder", FOLDER, "~models.air_varied_half"], "begins with air_varied_half, which is neither"),
        (
            ["models=air", 'models.air=["init=air"]'],
            "air begins with air, which is neither a model before it nor a run",
        ),
    ],
)
def test_bad_requests_get_one_line(words, said):
    with pytest.raises(UserError, match=said) as error:
        plan(*words)
    assert "\n" not in str(error.value)


def test_a_device_is_given_to_trainings_and_makes_other_networks(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    here, there = plan("models=air"), plan("models=air", "device=cuda")
    (word,) = set(there.training("air")) - set(here.training("air"))
    trained = [configured(config.training("air")) for config in (here, there)]
    assert word == "device=cuda" and [config.device for config in trained] == ["cpu", "cuda"]
    assert len({fingerprint(config.plain()) for config in trained}) == 2


def test_a_test_says_what_is_not_as_trained():
    raw = yaml.safe_load((CONFIGS / "experiment/camera_height.yaml").read_text())["tests"]["lower_untold"]
    words = TestSet(**{**raw, "scene": plan("experiment=camera_height").tests["lower_untold"].scene}).words()
    assert "scene.camera_position=[0.0,-1.11,1.11]" in words and "scene.camera_known=false" in words
    tests = plan("experiment=unseen_counts").tests
    assert "counting=presence" in tests["counts"].words() and "counting=likelihood" in tests["by_likelihood"].words()


def test_as_many_minutes_for_all_those_before_included():
    config = plan("experiment=another_painter", FOLDER, "minutes=20")
    ends = {model: configured(config.training(model)).trainer.minutes for model in config.models}
    assert config.begins == {"air_folder": "air_varied_half"}
    assert ends.pop("air_folder") == ends.pop("air_varied_half") == 10 and set(ends.values()) == {20}
    as_configured = plan("experiment=another_painter", FOLDER, "minutes=null")
    alone = configured(["scene=tabletop_varied"]).trainer
    assert configured(as_configured.training("air_varied")).trainer == alone and alone.minutes is None


def test_a_model_begins_with_the_run_of_another():
    config = plan("experiment=another_painter", "data=testsets", "seed=3")
    words = config.training("air_folder", Path("runs/half"), seed=4)
    assert {"init=runs/half", "data=testsets", "seed=4"} <= set(words)
    assert "init=air_varied_half" not in words and "seed=3" not in words


def test_no_word_is_said_twice():
    words = plan("experiment=another_painter", FOLDER, 'words=["trainer.steps=2"]').training("air_varied")
    names = [word.partition("=")[0] for word in words]
    assert len(set(names)) == len(names) and {"scene=tabletop_varied", "trainer.steps=2"} <= set(words)


def test_only_unlabelled_pictures_are_not_given_to_labels():
    """Every model of the shipped comparison that learns from labels learns from paintings alone."""
    config = plan("experiment=another_painter", FOLDER)
    kinds = {model: configured(config.training(model)) for model in config.models}
    assert [model for model, words in kinds.items() if words.data.folder] == ["air_folder"]
    assert {words.model.name for words in kinds.values()} == {"air", "supervised"}

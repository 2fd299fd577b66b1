"""What a comparison is: models, each a training, and tests, each a set of scenes that all of them are evaluated on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from air3d.evaluation.scene_changes import SceneChange
from air3d.files import plain
from air3d.home import run_folder
from air3d.inference.counting import check_counting
from air3d.splits import check_seed
from air3d.training.config import LoggerConfig, device_of
from scenes.errors import UserError
from scenes.manifest import sha256

UNLIMITED = 1_000_000
"""Steps, where minutes end a training."""

MAKES = "python generate.py testset=path_traced_2 scenes=1500 seed=7 out=data/unlabelled"
"""A command that makes pictures to learn from, other ones than those of the test sets."""


@dataclass
class TestSet:
    """Scenes to ask about; what is not given is as in training. `scenes` are shared equally by the `counts`, `counting`
    is how they are counted (see counting.py). `data`: a data set, of which the first `scenes` are asked about."""

    __test__ = False  # pytest must not take it for a test

    data: str | None = None
    counts: list[int] | None = None
    scenes: int = 1000
    counting: str = "presence"
    scene: SceneChange = field(default_factory=SceneChange)

    def __post_init__(self) -> None:
        check_counting(self.counting)
        if self.data is not None and (self.counts is not None or self.scene.changes()):
            raise UserError(f"data={self.data} brings its own scenes: leave counts and scene. of that test out")

    def words(self) -> list[str]:
        """As the command line of evaluate.py."""
        changes: dict[str, Any] = {**self.scene.changes(), "camera_known": self.scene.camera_known}
        shown = {f"scene.{name}": value for name, value in changes.items()}
        asked = {"counts": self.counts} if self.data is None else {"data": self.data}
        values = {**asked, "scenes": self.scenes, "counting": self.counting, **shown}
        return [f"{name}={word(value)}" for name, value in values.items()]


@dataclass
class CompareConfig:
    """What configs/compare fills. `train` and `words` are given to every training, `models` what each has beside.
    `any_code`: what other versions of the program trained and measured counts as well.

    `init=NAME` among a model's words is the network of the model NAME, which comes before it. `data`: the folder that
    stands in `data=${data}`. `minutes`: of every training; of one that begins with another's network, both together,
    half and half.
    """

    name: str
    set: str
    out: str
    about: str = ""
    train: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    models: dict[str, list[str]] = field(default_factory=dict)
    tests: dict[str, TestSet] = field(default_factory=dict)
    data: str | None = None
    minutes: float | None = None
    seed: int = 0
    runs: str = "runs/compare"
    scenes: int | None = None
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    threads: int | None = None
    device: str = "cpu"
    any_code: bool = False

    def __post_init__(self) -> None:
        for name in (*self.models, *self.tests):
            if not re.fullmatch(r"[A-Za-z0-9_]+", name):
                raise UserError(f"'{name}' names a folder: letters, digits and _ only")
        if not self.models or not self.tests:
            raise UserError("a comparison needs models and tests: see configs/compare")
        self.check_sources()
        check_seed(self.seed)
        device_of(self.device)
        if self.minutes is not None and not self.minutes > 0:
            raise UserError(
                f"minutes={self.minutes}: give more than 0, or null: as long as each training's own settings"
            )
        if self.threads is not None and self.threads < 1:
            raise UserError(f"threads={self.threads}: give at least 1")
        if self.scenes is not None:
            if self.scenes < 1:
                raise UserError(f"scenes={self.scenes}: give at least 1")
            self.tests = {name: TestSet(**{**vars(test), "scenes": self.scenes}) for name, test in self.tests.items()}

    def check_sources(self) -> None:
        """UserError where a model begins with nothing that there is, or a folder is learned from that is not given."""
        before: set[str] = set()
        for model, words in self.models.items():
            if "data=None" in words:
                raise UserError(f"{model} learns from unlabelled pictures: give data=FOLDER ({MAKES} makes one)")
            for name in named(words, "init"):
                if name not in before and (name in self.models or not run_folder(name).exists()):
                    raise UserError(f"{model} begins with {name}, which is neither a model before it nor a run")
            before.add(model)

    @cached_property
    def begins(self) -> dict[str, str]:
        """Model -> the model of this comparison with whose network it begins."""
        given = ((model, name) for model, words in self.models.items() for name in named(words, "init"))
        return {model: name for model, name in given if name in self.models}

    def training(self, model: str, begun: Path | None = None, seed: int | None = None) -> list[str]:
        """The command line of that model's training, without its folder. `begun`: the run it begins with, where it does
        (`begins`); `seed`: instead of this comparison's."""
        own = self.models[model]
        if begun is not None:
            own = [f"init={begun}" if word == f"init={self.begins[model]}" else word for word in own]
        device = [] if self.device == "cpu" else [f"device={self.device}"]
        seeded = f"seed={self.seed if seed is None else seed}"
        return last_of_each([*self.train, *own, *device, *self.time(model), *self.words, seeded])

    def time(self, model: str) -> list[str]:
        """When that model's training ends, where `minutes` say so."""
        if self.minutes is None:
            return []
        shared = model in self.begins or model in self.begins.values()
        return [f"trainer.steps={UNLIMITED}", f"trainer.minutes={self.minutes / (1 + shared):g}"]

    def plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values."""
        return asdict(self)

    def logging(self) -> list[str]:
        """The command line's words about where a training's numbers go."""
        return [f"logger.{name}={word(value)}" for name, value in asdict(self.logger).items()]

    def environment(self) -> dict[str, str]:
        """Environment variables of every program that is started."""
        return {**os.environ, **({"OMP_NUM_THREADS": str(self.threads)} if self.threads else {})}


def last_of_each(words: list[str]) -> list[str]:
    """The words of a command line without those that a later one replaces."""
    last = {word.partition("=")[0]: index for index, word in enumerate(words)}
    return [word for index, word in enumerate(words) if last[word.partition("=")[0]] == index]


def named(words: list[str], setting: str) -> Iterator[str]:
    """The values of that setting among words of a command line."""
    return (word.partition("=")[2] for word in words if word.startswith(f"{setting}="))


def word(value: Any) -> str:
    """A value as Hydra's command line wants it."""
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(word, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def request(test: TestSet) -> dict[str, Any]:
    """The test as JSON gives it back, to tell whether it was this that was evaluated. Of a data set, what is in it and
    not where it lies: UserError where it is none."""
    asked = plain(asdict(test))
    if (folder := asked.pop("data")) is None:
        return asked
    if not (manifest := Path(folder) / "manifest.json").exists():
        raise UserError(f"{folder} is no data set, as generate.py writes it: it has no manifest.json")
    return {**asked, "data": sha256(manifest)}

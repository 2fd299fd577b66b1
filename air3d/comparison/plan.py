"""What a comparison is: models, each a training, and tests, each a set of scenes that all of them are evaluated on."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from air3d.evaluation.scene_changes import SceneChange
from air3d.files import plain
from air3d.inference.counting import check_counting
from air3d.splits import check_seed
from air3d.training.config import LoggerConfig, device_of
from scenes.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class TestSet:
    """Scenes to ask about; what is not given is as in training. `scenes` are shared equally by the `counts`, `counting`
    is how they are counted (see counting.py)."""

    __test__ = False  # pytest must not take it for a test

    counts: list[int] | None = None
    scenes: int = 1000
    counting: str = "presence"
    scene: SceneChange = field(default_factory=SceneChange)

    def __post_init__(self) -> None:
        check_counting(self.counting)

    def words(self) -> list[str]:
        """As the command line of evaluate.py."""
        changes: dict[str, Any] = {**self.scene.changes(), "camera_known": self.scene.camera_known}
        shown = {f"scene.{name}": value for name, value in changes.items()}
        values = {"counts": self.counts, "scenes": self.scenes, "counting": self.counting, **shown}
        return [f"{name}={word(value)}" for name, value in values.items()]


@dataclass
class CompareConfig:
    """What configs/compare fills. `train` and `words` are given to every training, `models` what each has beside.
    `any_code`: what other versions of the program trained and measured counts as well."""

    name: str
    set: str
    out: str
    about: str = ""
    train: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    models: dict[str, list[str]] = field(default_factory=dict)
    tests: dict[str, TestSet] = field(default_factory=dict)
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
        check_seed(self.seed)
        device_of(self.device)
        if self.threads is not None and self.threads < 1:
            raise UserError(f"threads={self.threads}: give at least 1")
        if self.scenes is not None:
            if self.scenes < 1:
                raise UserError(f"scenes={self.scenes}: give at least 1")
            self.tests = {name: TestSet(**{**vars(test), "scenes": self.scenes}) for name, test in self.tests.items()}

    def training(self, model: str) -> list[str]:
        """The command line of that model's training, without its folder."""
        device = [] if self.device == "cpu" else [f"device={self.device}"]
        return [*self.train, *self.models[model], *device, *self.words, f"seed={self.seed}"]

    def plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values."""
        return asdict(self)

    def logging(self) -> list[str]:
        """The command line's words about where a training's numbers go."""
        return [f"logger.{name}={word(value)}" for name, value in asdict(self.logger).items()]

    def environment(self) -> dict[str, str]:
        """Environment variables of every program that is started."""
        return {**os.environ, **({"OMP_NUM_THREADS": str(self.threads)} if self.threads else {})}


def word(value: Any) -> str:
    """A value as Hydra's command line wants it."""
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(word, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def request(test: TestSet) -> dict[str, Any]:
    """The test as JSON gives it back, to tell whether it was this that was evaluated."""
    return plain(asdict(test))

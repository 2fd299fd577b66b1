"""What all models of a comparison said, of every seed that is there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from air3d.comparison.evaluations import ABOUT, REQUEST
from air3d.comparison.plan import CompareConfig, request
from air3d.comparison.trainings import Cost, configured, cost, fingerprint, mark_of
from air3d.files import write_json


@dataclass(frozen=True)
class Result:
    """One model of one seed on one test.

    training: the command line of its training; run: the folder of that; folder: what evaluate.py wrote of the test, and
    metrics: its metrics.json.
    """

    model: str
    seed: int
    test: str
    training: str
    run: Path
    cost: Cost
    folder: Path
    metrics: dict[str, Any]


def remember(folder: Path, run: Path, model: str, test: str, config: CompareConfig) -> None:
    """Writes down beside a result whose it is and what its training took."""
    words = config.training(model)
    about = {"model": model, "seed": config.seed, "test": test, "run": str(run), "training": words}
    about |= {"cost": asdict(cost(run)), "learned": mark_of(run)}
    write_json(folder / ABOUT, about)


def collect(out: Path, config: CompareConfig) -> list[Result]:
    """The results in `out` to this comparison's tests by this comparison's models, of all seeds, in order.

    Answers to other tests, or by models that were trained otherwise, may lie there too and are left out.
    """
    found = [result for path in sorted(out.glob(f"results/*/*/{ABOUT}")) if (result := read(path.parent, config))]
    models, tests = list(config.models), list(config.tests)
    return sorted(found, key=lambda result: (models.index(result.model), result.seed, tests.index(result.test)))


@cache
def to_learn(words: tuple[str, ...]) -> str:
    """The fingerprint of what train.py learns with that command line today: defaults may have changed meanwhile."""
    return fingerprint(configured(words).plain())


def read(folder: Path, config: CompareConfig) -> Result | None:
    try:
        about, asked, metrics = (json.loads((folder / name).read_text()) for name in (ABOUT, REQUEST, "metrics.json"))
    except FileNotFoundError:  # being asked just now
        return None
    model, test, seed = about["model"], about["test"], about["seed"]
    if model not in config.models or test not in config.tests:
        return None
    words = (*config.training(model)[:-1], f"seed={seed}")
    if about.get("learned") != to_learn(words) or asked["test"] != request(config.tests[test]):
        return None
    run, spent = Path(about["run"]), Cost(**about["cost"])
    return Result(model, seed, test, " ".join(about["training"]), run, spent, folder, metrics)

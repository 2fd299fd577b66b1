"""The results of all models of a comparison, of every seed that is there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from air3d.comparison.beginnings import as_planned, before
from air3d.comparison.evaluations import ABOUT, REQUEST, answers
from air3d.comparison.learned import Learned, learned
from air3d.comparison.plan import CompareConfig, request
from air3d.comparison.trainings import Cost, cost
from air3d.files import write_json
from air3d.training.provenance import EVALUATION, code


@dataclass(frozen=True)
class Result:
    """One model of one seed on one test.

    training: the command line of its training; run: the folder of that, and before: those of the trainings that it
    began with; cost: of all of them; folder: what evaluate.py wrote of the test, and metrics: its metrics.json.
    """

    model: str
    seed: int
    test: str
    training: str
    run: Path
    cost: Cost
    folder: Path
    metrics: dict[str, Any]
    before: tuple[Path, ...] = ()


def remember(folder: Path, run: Path, model: str, test: str, config: CompareConfig) -> None:
    """Writes down beside a result whose it is and what its training took, with all that it began with."""
    earlier, there = before(run, model, config), learned(run)
    begun = earlier[-1] if earlier else None
    training, spent = config.training(model, begun), sum(map(cost, earlier), cost(run))
    about = {"model": model, "seed": config.seed, "test": test, "run": str(run), "training": training}
    about |= {"before": [str(path) for path in earlier], "cost": asdict(spent)}
    write_json(folder / ABOUT, {**about, "learned": there and asdict(there)})


def collect(out: Path, config: CompareConfig) -> list[Result]:
    """The results in `out` to this comparison's tests by this comparison's models, of all seeds, in order.

    Answers to other tests, or by models that were trained otherwise, may lie there too and are left out; how many are,
    for no other reason than that another version of the program trained or measured them, is said.
    """
    folders = [path.parent for path in sorted(out.glob(f"results/*/*/{ABOUT}"))]
    of_any, found = (
        [result for folder in folders if (result := read(folder, config, any_code))]
        for any_code in (True, config.any_code)
    )
    if left := len(of_any) - len(found):
        print(f"\nleft out of the report: {left} results of another version of the program (any_code=true takes them)")
    models, tests = list(config.models), list(config.tests)
    return sorted(found, key=lambda result: (models.index(result.model), result.seed, tests.index(result.test)))


def read(folder: Path, config: CompareConfig, any_code: bool = False) -> Result | None:
    """The result in that folder, if it belongs to this comparison."""
    try:
        about, asked, metrics = (json.loads((folder / name).read_text()) for name in (ABOUT, REQUEST, "metrics.json"))
        there = Learned(**about["learned"])
    except (OSError, KeyError, TypeError, ValueError, RecursionError):  # being measured just now, or from long ago
        return None
    model, test, seed = about["model"], about["test"], about["seed"]
    if model not in config.models or test not in config.tests:
        return None
    wanted, run = {"test": request(config.tests[test]), "code": code(EVALUATION)}, Path(about["run"])
    if not (answers(asked, wanted, any_code) and as_planned(there, run, model, seed, config, any_code)):
        return None
    spent, earlier = Cost(**about["cost"]), tuple(map(Path, about.get("before", ())))
    return Result(model, seed, test, " ".join(about["training"]), run, spent, folder, metrics, earlier)

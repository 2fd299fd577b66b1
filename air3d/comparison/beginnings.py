"""Models that begin with the network of another model of the same comparison: which runs came before, and whether all
of them are what the comparison asks for."""

from __future__ import annotations

from pathlib import Path

from air3d.comparison.learned import Learned, learned, to_learn_with
from air3d.comparison.plan import CompareConfig
from air3d.training.checkpoint import load_config
from scenes.errors import UserError


def before(run: Path, model: str, config: CompareConfig) -> list[Path]:
    """The runs that a model's own began with, the first one first; none where it began anew."""
    if model not in config.begins:
        return []
    begun = Path(str(load_config(run).init))
    return [*before(begun, config.begins[model], config), begun]


def as_planned(there: Learned | None, run: Path, model: str, seed: int, config: CompareConfig, any_code: bool) -> bool:
    """Whether what was learned `there`, in the folder `run`, is what the comparison has that model learn with that
    seed, and so is what came before. any_code: whatever program learned it."""
    try:
        begun = before(run, model, config)[-1:]
        wanted = to_learn_with(config.training(model, *begun, seed=seed))
    except UserError:  # a run or a folder of pictures is not there any more
        return False
    if there is None or not there.same(wanted, any_code):
        return False
    return all(as_planned(learned(first), first, config.begins[model], seed, config, any_code) for first in begun)

"""Variance of the gradient estimators at equal paints and at equal draws: ``python benchmarks/gradients.py --help``.

For the enumerable model of the tests, and for the tabletop network before training and after a hundred of its steps.
Pictures and network are held, so that what varies is the draws alone. The paints are those of one step for one
picture: a draw paints once, local_expectation once more for each identity that was not drawn, and summing out the yaw
once for each bin, for one draw of each picture. nvil's baseline learns for a while first, the posterior held.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "air3d"))  # where the enumerable model lives
import enumerable

from air3d import cli
from air3d.gradients import ESTIMATORS, Estimator, GradientConfig
from air3d.gradients.nvil import Nvil
from air3d.model.elbo import ElboTerms
from air3d.objectives import Elbo, Weights
from air3d.training.config import Config
from air3d.training.run import build
from air3d.training.tracking import Tracker
from air3d.training.trainer import Trainer
from renderers.convert import to_torch
from scenes.view import View

GROUPS = {
    "presence": ("presence", "rho"),
    "identity": ("identity",),
    "yaw": ("latents.rotation", "yaw"),
    "position": ("correction", "refinement", "mean"),
}
"""Beginnings of parameters' names. Everything else, such as the encoder, is `shared`."""


@dataclass(frozen=True)
class Variant:
    """An estimator, with the yaw bins summed out or not."""

    name: str
    sum_yaw: bool = False

    def __str__(self) -> str:
        return self.name + " + yaw" * self.sum_yaw

    def samples(self, paints: int, identities: int, bins: int) -> int:
        """How many draws of a picture `paints` allow."""
        each = identities if ESTIMATORS[self.name].needs == "identity_expectation" else 1
        return (paints - bins * self.sum_yaw) // each

    def config(self, samples: int) -> GradientConfig:
        return GradientConfig(self.name, samples, self.sum_yaw)


VARIANTS = [
    Variant(name, yaw) for name, kind in ESTIMATORS.items() for yaw in (False, True) if kind.sums_yaw or not yaw
]
DEFAULT = Variant("enumerate_counts", True)


def measure(
    estimate: Callable[[Variant, int], dict[str, Tensor]], samples: Callable[[Variant], int], repeats: int
) -> list[dict[str, Any]]:
    """For each variant and its number of draws: variance and squared norm of the mean estimate, by group."""
    rows = []
    for variant in VARIANTS:
        start = time.perf_counter()
        estimates = [grouped(estimate(variant, samples(variant))) for _ in range(repeats)]
        seconds = (time.perf_counter() - start) / repeats
        variance, mean = {}, {}
        for group in estimates[0]:
            values = torch.stack([gradient[group] for gradient in estimates])
            variance[group] = values.var(0).sum().item()
            mean[group] = values.mean(0).square().sum().item() - variance[group] / repeats
        row = {"estimator": str(variant), "samples": samples(variant), "seconds": seconds}
        rows.append({**row, "variance": variance, "squared_mean": mean})
    return rows


def grouped(gradient: dict[str, Tensor]) -> dict[str, Tensor]:
    """The gradients of all parameters of a group as one vector."""
    parts: dict[str, list[Tensor]] = {}
    for name, value in gradient.items():
        group = next((group for group, starts in GROUPS.items() if name.startswith(starts)), "shared")
        parts.setdefault(group, []).append(value.flatten())
    return {group: torch.cat(values) for group, values in parts.items()}


def report(title: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Print one table, in units of the default's variance, and hand back what goes into the JSON."""
    default = next(row for row in rows if row["estimator"] == str(DEFAULT))
    groups = list(default["variance"])
    print(f"\n{title}")
    print(f"{'variance / that of the default':>32}", *(f"{name:>10}" for name in (*groups, "draws", "seconds")))
    for row in rows:
        shares = (row["variance"][group] / default["variance"][group] for group in groups)
        print(
            f"{row['estimator']:>32}", *(f"{x:>10.2f}" for x in shares), f"{row['samples']:>10} {row['seconds']:>10.3f}"
        )
    noise = (default["variance"][group] / max(default["squared_mean"][group], 1e-30) for group in groups)
    print(f"{'default: variance / mean squared':>32}", *(f"{value:>10.2g}" for value in noise), flush=True)
    return {"title": title, "results": rows}


def learn(nvil: Estimator, terms: Callable[[], ElboTerms], log_prior: Tensor, steps: int, min_count: int) -> None:
    """Train the baseline alone."""
    assert isinstance(nvil, Nvil)
    optimiser = torch.optim.Adam(nvil.parameters(), 3e-3)
    for _ in range(steps):
        with torch.no_grad():
            drawn = terms()
        optimiser.zero_grad()
        (-nvil(drawn, log_prior, min_count).mean()).backward()
        optimiser.step()


def enumerable_model(paints: int, repeats: int) -> dict[str, Any]:
    """32 pictures, all of them the same one; two identities, two yaw bins. With `paints` for each variant."""
    theta = enumerable.parameters()
    estimators = {name: enumerable.estimator(name) for name in ESTIMATORS}
    learn(estimators["nvil"], lambda: enumerable.draw(theta, 32, 4), enumerable.LOG_PRIOR, 500, 0)

    def estimate(variant: Variant, samples: int) -> dict[str, Tensor]:
        terms = enumerable.draw(theta, 32, samples, variant.sum_yaw)
        loss = estimators[variant.name](terms, enumerable.LOG_PRIOR, 0).mean()
        return dict(zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True))

    rows = measure(estimate, lambda variant: variant.samples(paints, 2, 2), repeats)
    return report(f"the enumerable model, {paints} paints", rows)


def tabletop(
    trainer: Trainer, weights: Weights, paints: int, draws: int, repeats: int, pictures: int
) -> list[dict[str, Any]]:
    """The network as it is, on `pictures` held-out ones; once with `paints` for each variant, once with `draws`."""
    model, catalogue = trainer.run.model, trainer.run.scene.catalogue
    parameters = {name: value for name, value in model.posterior.named_parameters() if value.requires_grad}
    config, log_prior, least = model.posterior.config, model.prior.log_count, model.prior.min_objects
    estimators = {name: kind.build(config.hidden) for name, kind in ESTIMATORS.items()}
    (held, view), (others, of) = rendered(trainer, 1, pictures), rendered(trainer, 2, 512)

    def drawn(variant: Variant, samples: int, seen: Tensor, under: View) -> ElboTerms:
        return Elbo(model, variant.config(samples), catalogue.symmetries).terms(seen, under, weights)

    def of_others() -> ElboTerms:
        rows = torch.randint(len(others), (32,))
        return drawn(Variant("nvil"), 1, others[rows], of[rows])

    learn(estimators["nvil"], of_others, log_prior, 200, least)

    def equal_paints(variant: Variant) -> int:
        return variant.samples(paints, len(catalogue), config.yaw_bins)

    def estimate(variant: Variant, samples: int) -> dict[str, Tensor]:
        terms = drawn(variant, samples, held, view)
        loss = weights.sigma**2 * estimators[variant.name](terms, log_prior, least).mean()
        gradients = torch.autograd.grad(loss, list(parameters.values()), materialize_grads=True)
        return dict(zip(parameters, gradients, strict=True))

    title = f"tabletop after {trainer.step} steps, {pictures} pictures"
    return [
        report(f"{title}, {paints} paints", measure(estimate, equal_paints, repeats)),
        report(f"{title}, {draws} draws", measure(estimate, lambda variant: draws, repeats)),
    ]


@torch.no_grad()
def rendered(trainer: Trainer, seed: int, pictures: int) -> tuple[Tensor, View]:
    """Pictures that no training has seen, and their views."""
    scene, rows = trainer.run.scene, range(pictures)
    view = to_torch(scene.views(seed, rows))
    return trainer.run.renderer.render(to_torch(scene.batch(seed, rows)), view), view


def main() -> None:
    """Measure, print the tables, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=100, help="of training before the last table")
    parser.add_argument("--repeats", type=int, default=40, help="estimates for each variance of the network")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--out", type=Path, default=None, help="folder for gradients.json")
    options = parser.parse_args()
    torch.manual_seed(0)
    tables = [enumerable_model(8, 1000)]
    with tempfile.TemporaryDirectory() as folder:
        config = cli.typed(
            cli.compose("train", ["scene=tabletop", "logger.mode=disabled", f"run_dir={folder}"]), Config
        )
        trainer = Trainer(build(config), Path(folder), Tracker(Path(folder), config.plain(), "disabled"))
        for steps in (0, options.steps):
            while trainer.step < steps:
                trainer.train_step()
            # the wake-phase term is not the bound's
            weights = replace(config.trainer.schedule.at(trainer.progress()), wake_phase=0.0)
            tables += tabletop(trainer, weights, 28, 4, options.repeats, options.pictures)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "gradients.json").write_text(
            json.dumps({"torch": torch.__version__, "tables": tables}, indent=1) + "\n"
        )
        print(f"wrote {options.out}/gradients.json")


if __name__ == "__main__":
    main()

"""The renderer's time, forward and backward, whichever it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from small_runs import example, small_run, small_trainer
from torch import Tensor

from air3d.training.diagnostics import gradient_diagnostics
from air3d.training.renderer_time import Stopwatch, operations, timed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until somebody moves it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


class Slow(torch.autograd.Function):
    """Takes two seconds forward and five backward."""

    @staticmethod
    def forward(ctx, x: Tensor, clock: list[float]) -> Tensor:
        ctx.clock = clock
        clock[0] += 2
        return x.clone()

    @staticmethod
    def backward(ctx, g: Tensor):
        ctx.clock[0] += 5
        return g, None


def test_what_is_begun_within_is_part_of_it(clock: list[float]) -> None:
    watch = Stopwatch()
    watch.start()
    clock[0] = 1
    watch.start()
    clock[0] = 3
    watch.stop()
    watch.stop()
    clock[0] = 10
    watch.start()
    clock[0] = 11
    watch.stop()
    assert watch.seconds == 3 + 1


def test_only_the_renderers_own_operations_count(tmp_path: Path, clock: list[float]) -> None:
    """Forward and backward; what comes before and after it is not its own."""
    run = small_run(tmp_path, "renderer=reference", "scene.image_size=16")
    renderer, splat, (_, view, truth) = run.renderer, run.renderer.splat, example(run, 2)
    renderer.splat = lambda *given: Slow.apply(splat(*given), clock)  # pyright: ignore
    moved = truth.position.clone().requires_grad_()
    with timed(renderer) as watch:
        truth.position = Slow.apply(moved, clock)
        image = renderer.develop(renderer.paint(renderer.blank(view), truth, view), view)
        whole = renderer.render(truth, view)
        assert watch.seconds == 4
        (Slow.apply(image, clock) + whole).sum().backward()
    assert watch.seconds == 4 + 2 * 5 and clock[0] == 4 * 2 + 4 * 5
    assert moved.grad is not None and moved.grad.abs().max() > 0
    assert not {"blank", "paint", "develop", "render"} & set(vars(renderer)), "as it was"


def test_operations_are_those_between() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x.sin()
    z = (y.cos() * 2).exp()
    names = {node.name() for node in operations(z, [y.grad_fn])}
    assert names == {"ExpBackward0", "MulBackward0", "CosBackward0"}
    assert operations(torch.ones(3), []) == []
    assert "AccumulateGrad" not in " ".join(node.name() for node in operations(z, []))


@pytest.mark.parametrize("renderer", ["streaming", "reference"])
def test_every_renderer_has_its_share(tmp_path: Path, renderer: str) -> None:
    little = ("scene.image_size=16", "trainer.batch=2", "trainer.validation_scenes=2")
    trainer = small_trainer(tmp_path, f"renderer={renderer}", *little)
    weights = trainer.settings.schedule.at(0.5)
    seen = gradient_diagnostics(
        trainer.objective, trainer.parameters, *trainer.validation.scenes, trainer.validation.painting, weights
    )
    assert 0 < seen["perf/renderer_share"] < 1

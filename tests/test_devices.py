"""Nothing stays on the CPU when the rest is on CUDA: every entry point, on a device that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from evaluating import evaluate
from PIL import Image
from pretended_cuda import pretended_cuda
from small_runs import small_trainer

from air3d import cli
from air3d.inference import refine
from air3d.programs import infer
from air3d.training import diagnostics
from air3d.training.checkpoint import load_checkpoint

MODELS = {
    "enumerate_counts": ["model.yaw_bins=4"],
    "ordered": ["model=supervised", "supervised=ordered"],
    "symmetric": ["model=supervised", "supervised=symmetric"],
}
FEW = ("trainer.batch=2", "trainer.validation_scenes=4")
WAYS = {
    "presence": ["importance_samples=2"],
    "likelihood": ["counting=likelihood", "counts=[0,2]"],
    "init_air": ["model=direct", "init=air", "model.refine=2"],
    "direct": ["model=direct", "model.steps=2", "model.starts=2", "model.refine=2"],
}


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(refine, "TURNS", 2)  # every operation takes long here
    monkeypatch.setattr(diagnostics, "DRAWS", 2)
    with pretended_cuda(monkeypatch):
        yield


def test_what_lies_apart_does_not_mix() -> None:
    here, there = torch.ones(2), torch.ones(2, device="cuda")
    assert (there + 1).is_cuda and there[torch.tensor([0])].is_cuda and not there.cpu().is_cuda
    for forbidden in (lambda: here + there, lambda: torch.stack([here[0], there[0]]), lambda: here[there.long()]):
        with pytest.raises(RuntimeError, match="two devices"):
            forbidden()
    with pytest.raises(TypeError, match="cpu"):
        there.numpy()
    left = torch.nn.Linear(2, 2).to("cuda")
    left.bias = torch.nn.Parameter(torch.zeros(2))  # as a tensor is forgotten
    with pytest.raises(RuntimeError, match="two devices"):
        left(there)


@pytest.mark.parametrize("words", MODELS.values(), ids=list(MODELS))
def test_training_goes_on_where_it_stopped(tmp_path: Path, words: list[str]) -> None:
    options = (*words, "device=cuda", "scene.max_objects=2", "scene.min_objects=0", "trainer.steps=1", *FEW)
    trainer = small_trainer(tmp_path, *options)
    assert trainer.validation.pictures.is_cuda and all(p.is_cuda for p in trainer.parameters)
    trainer.fit()
    again = small_trainer(tmp_path, *options)
    again.restore(load_checkpoint(tmp_path / "last.pt"))
    assert again.step == 1 and all(p.is_cuda for p in again.parameters)
    again.train_step()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    small_trainer(folder, "scene.max_objects=2", "scene.min_objects=0", *FEW).save("best.pt")
    return folder


@pytest.mark.parametrize("words", WAYS.values(), ids=list(WAYS))
def test_evaluation(trained: Path, tmp_path: Path, words: list[str]) -> None:
    words = [f"run={trained}", f"out={tmp_path}", "device=cuda", "scenes=2", "batch_size=1", *words]
    evaluate(*words)
    assert (tmp_path / "metrics.json").exists()


def test_inference(trained: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (32, 32), (200, 190, 180)).save(tmp_path / name)
    words = [f"run={trained}", f"pictures={tmp_path}", f"out={tmp_path / 'out'}", "device=cuda", "calibration_scenes=4"]
    infer.main(cli.compose("infer", words))
    assert (tmp_path / "out" / "scenes.json").exists()

"""Every configuration that is shipped trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_runs import small_trainer

from air3d import cli

CONFIGS = Path(cli.CONFIGS)
ELSEWHERE = ("compare", "painter", "testset")  # comparison/test_plan.py, tests/test_generate.py
SHIPPED = [
    f"{folder.name}={file.stem}"
    for folder in sorted(CONFIGS.iterdir())
    if folder.is_dir() and folder.name not in ELSEWHERE
    for file in sorted(folder.glob("[!_]*.yaml"))
    if file.stem != "direct"  # is not trained: inference/test_search.py
]


@pytest.mark.parametrize("choice", SHIPPED)
def test_every_shipped_configuration_takes_two_steps(tmp_path: Path, choice: str) -> None:
    if choice == "renderer=pytorch3d":
        pytest.importorskip("pytorch3d", reason="PyTorch3D is not installed")
    taught = ["model=supervised"] if choice.startswith("supervised=") else []
    of_folder = [f"scene.meshes={CONFIGS.parent / 'meshes' / 'kitchen'}"] * choice.startswith("scene=meshes")
    size = 8 if choice == "renderer=reference" else 16  # it is slow
    little = (f"scene.image_size={size}", "trainer.steps=2", "trainer.batch=2", "trainer.validation_scenes=2")
    trainer = small_trainer(tmp_path, choice, *of_folder, *taught, *little)
    before = [parameter.detach().clone() for parameter in trainer.parameters]
    trainer.fit()
    assert trainer.step == 2
    assert not all(torch.equal(was, now) for was, now in zip(before, trainer.parameters, strict=True))

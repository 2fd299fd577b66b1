"""Networks on disk: numbers and nothing else, whole, and only where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from small_runs import small_run, small_trainer

from air3d.training.checkpoint import RELEASED, load_run, save_config, save_weights
from scenes.errors import UserError


@pytest.fixture
def released(tmp_path: Path) -> Path:
    run = small_run(tmp_path)
    save_config(run.config, tmp_path)
    save_weights(tmp_path / RELEASED, run)
    return tmp_path


def test_what_is_released_comes_back(released: Path, tmp_path: Path) -> None:
    given, back = small_run(tmp_path).model.state_dict(), load_run(released).model.state_dict()
    assert given.keys() == back.keys() and all(torch.equal(given[name], back[name]) for name in given)


def test_a_damaged_network_is_refused_in_one_line(released: Path) -> None:
    path = released / RELEASED
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="truncated"):
        load_run(released)
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match="safetensors"):
        load_run(released)


def test_a_network_of_another_scene_is_refused(released: Path, tmp_path: Path) -> None:
    save_weights(released / RELEASED, small_run(tmp_path, "scene=tabletop"))
    with pytest.raises(UserError, match=r"trained on .*plate.*, not on .*cube"):
        load_run(released)


def test_a_truncated_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    path = tmp_path / "best.pt"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="truncated"):
        load_run(tmp_path)


def test_a_checkpoint_of_another_scene_is_refused(tmp_path: Path) -> None:
    small_trainer(tmp_path, "trainer.steps=1").fit()
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())
    stored["scene"]["catalogue"] = "crockery"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    with pytest.raises(UserError, match="trained on cube"):
        load_run(tmp_path)

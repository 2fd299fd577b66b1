"""Networks know the meshes that they were trained on, by more than their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open
from small_runs import small_run, small_trainer

from air3d.training.checkpoint import (
    RELEASED,
    load_checkpoint,
    load_weights,
    read_weights,
    save_checkpoint,
    save_weights,
)
from air3d.training.run import Run
from scenes.catalogue import Catalogue
from scenes.errors import UserError


def kept(tmp_path: Path, how: str) -> tuple[Path, Run]:
    """A network on disk, as a checkpoint or released, and a run that would read it."""
    trainer = small_trainer(tmp_path, "scene.image_size=16")
    if how == "checkpoint":
        trainer.save("last.pt")
        return tmp_path / "last.pt", trainer.run
    save_weights(tmp_path / RELEASED, trainer.run)
    return tmp_path / RELEASED, trainer.run


def read(path: Path) -> dict[str, object]:
    return read_weights(path) if path.name == RELEASED else load_checkpoint(path)


@pytest.mark.parametrize("how", ["checkpoint", "released"])
def test_other_meshes_of_the_same_names_are_refused(tmp_path: Path, how: str) -> None:
    path, run = kept(tmp_path, how)
    load_weights(run, read(path), path)
    cube, *others = run.scene.catalogue.meshes
    for other in (replace(cube, vertices=cube.vertices * 1.1), replace(cube, colours=cube.colours * 0.5)):
        run.scene.catalogue = Catalogue((other, *others))
        with pytest.raises(UserError, match="other meshes of the same names") as error:
            load_weights(run, read(path), path)
        assert "\n" not in str(error.value) and "cube" in str(error.value)


@pytest.mark.parametrize("how", ["checkpoint", "released"])
def test_networks_from_before_are_known_by_names(tmp_path: Path, how: str) -> None:
    path, run = kept(tmp_path, how)
    state = read(path)
    assert state.pop("catalogue") == run.scene.catalogue.fingerprint
    load_weights(run, state, path)
    with pytest.raises(UserError, match="trained on cube, sphere, cylinder, not on plate"):
        load_weights(small_run(tmp_path, "scene=tabletop"), state, path)


def test_a_released_network_says_so_in_its_own_file(tmp_path: Path) -> None:
    path, run = kept(tmp_path, "released")
    with safe_open(path, "pt") as file:
        assert file.metadata()["catalogue"] == run.scene.catalogue.fingerprint
    assert path.stat().st_mode & 0o777 == (tmp_path / "config.yaml").stat().st_mode & 0o777, "readable as the others"


def test_a_checkpoint_is_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    """Results are remembered by the hash of a checkpoint."""
    state = {"identities": ["cube"], "model": small_run(tmp_path).model.state_dict()}
    for name in ("best.pt", "copy.pt"):
        save_checkpoint(tmp_path / name, state)
    assert (tmp_path / "best.pt").read_bytes() == (tmp_path / "copy.pt").read_bytes()

"""train.py with data= and init=: the command line, what it refuses in a line, and how such a run goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from folder_runs import TINY, photographs
from small_runs import SMALL, small_config, small_run, untrained

from air3d import cli
from air3d.programs import train
from air3d.training.checkpoint import load_checkpoint, load_config, load_run, newer_settings, save_config, save_weights
from air3d.training.config import Config, resumed
from air3d.training.unlabelled import painted
from scenes.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("pictures") / "photos")


def configured(run_dir: Path, folder: Path, *overrides: str) -> Config:
    run_dir.mkdir(exist_ok=True)
    return small_config(run_dir, *TINY, f"data={folder}", *overrides)


@pytest.mark.parametrize(
    "name", ["plain", "a=b", "with space", "one,two", "it's", "[x]", "{y}", "2024", "null", "#1\\"]
)
@pytest.mark.parametrize("key", ["data", "data.folder", "init"])
def test_any_name_of_a_folder_is_taken_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for given in (name, str(tmp_path / name)):
        config = cli.typed(cli.compose("train", [f"{key}={given}"]), Config)
        assert (config.init if key == "init" else config.data.folder) == given
        again = cli.written_out("train", cli.written_out("train", [f"{key}={given}"]))
        assert cli.typed(cli.compose("train", again), Config) == config, "written out twice is written out once"


def test_data_of_other_programs_is_theirs() -> None:
    assert cli.written_out("evaluate", ["data=x", "run=y"]) == ["data=x", "run=y"]
    assert cli.written_out("train", ["-m", "data=x,y", "data.painted=0.3"]) == [
        "-m",
        "data.folder=x,y",
        "data.painted=0.3",
    ]


def test_impossible_shares_and_labels_are_refused(tmp_path: Path) -> None:
    for words, answer in {
        ("data=x", "model=supervised"): "model=supervised learns from labels, which nobody gave",
        ("data.painted=1.5",): "data.painted=1.5: give a share from 0",
        ("data.held_out=0",): "data.held_out=0.0: give a share above 0",
        ("data=",): "data= names no folder",
        ("data.foldr=x",): "did you mean folder",
    }.items():
        with pytest.raises(UserError, match=answer):
            small_config(tmp_path, *words)
    assert [painted(small_config(tmp_path, f"data.painted={share}")) for share in (0, 0.25, 0.5, 1)] == [0, 1, 2, 4]
    for share in (0.01, 0.99):
        with pytest.raises(UserError, match=f"data.painted={share} is [04] of trainer.batch=4 pictures"):
            painted(small_config(tmp_path, f"data.painted={share}"))


def test_runs_from_before_there_were_folders_load(tmp_path: Path) -> None:
    save_config(small_config(tmp_path), tmp_path)
    stored = yaml.safe_load((tmp_path / "config.yaml").read_text())
    del stored["data"], stored["init"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stored))
    assert load_config(tmp_path).data.folder is None and newer_settings(tmp_path) == ["data", "init"]


def test_init_begins_where_the_other_network_is(tmp_path: Path, folder: Path) -> None:
    """With the weights alone, of a checkpoint or of a released network; the record says whose."""
    other = small_run(tmp_path / "other", "scene.image_size=16", "seed=5")
    untrained(tmp_path / "other", other.config)
    torch.manual_seed(9)
    torch.nn.init.normal_(other.model.posterior.presence[-1].weight)
    (tmp_path / "released").mkdir()
    shutil.copy(tmp_path / "other" / "config.yaml", tmp_path / "released")
    save_weights(tmp_path / "released" / "model.safetensors", other)
    config = configured(tmp_path / "run", folder, f"init={tmp_path / 'released'}", "trainer.learning_rate=1e-30")
    train.train(config, tmp_path / "run")
    state, theirs = load_checkpoint(tmp_path / "run" / "last.pt"), other.model.state_dict()
    assert state["step"] == 4 and all(torch.allclose(state["model"][name], theirs[name], atol=1e-20) for name in theirs)
    (about,) = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert about["init"]["file"].endswith("released/model.safetensors") and len(about["init"]["sha256"]) == 64
    assert about["data"]["pictures"] == 24 and about["data"]["folder"] == str(folder)
    assert load_run(tmp_path / "run").config.init == str(tmp_path / "released")
    train.train(small_config(tmp_path / "alone", *TINY, f"init={tmp_path / 'other'}"), made(tmp_path / "alone"))
    assert load_checkpoint(tmp_path / "alone" / "last.pt")["step"] == 4, "without a folder, too"


def made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def test_a_network_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path, folder: Path) -> None:
    untrained(tmp_path, small_config(tmp_path, "scene=tabletop"))
    with pytest.raises(UserError, match="was trained on plate, bowl, mug, saucepan, not on cube"):
        train.train(configured(tmp_path / "run", folder, f"init={tmp_path}"), tmp_path / "run")
    untrained(tmp_path, small_config(tmp_path, "model.hidden=32"))
    with pytest.raises(UserError, match=r"does not fit this model: its settings are model.hidden=32$"):
        train.train(configured(tmp_path / "run", folder, f"init={tmp_path}"), tmp_path / "run")
    with pytest.raises(UserError, match="is not a run: it has no config"):
        train.train(configured(tmp_path / "run", folder, f"init={tmp_path / 'nowhere'}"), tmp_path / "run")
    with pytest.raises(UserError, match="nowhere does not exist: give a folder of pictures"):
        train.train(configured(tmp_path / "run", tmp_path / "nowhere"), tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


def test_a_run_goes_on_with_its_pictures_and_no_others(tmp_path: Path, folder: Path) -> None:
    photos, run_dir = tmp_path / "photos", tmp_path / "run"
    shutil.copytree(folder, photos)
    train.train(configured(run_dir, photos, "trainer.steps=2"), run_dir)

    def go_on(*words: str) -> None:
        train.train(resumed(load_config(run_dir), [*words, "trainer.steps=3"], str(run_dir)), run_dir)

    photos.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="photos does not exist"):
        go_on()
    (tmp_path / "moved" / "000.png").rename(tmp_path / "moved" / "zzz.png")
    with pytest.raises(UserError, match=r"moved holds other pictures than when .*run was begun: put those back, or"):
        go_on(f"data.folder={tmp_path / 'moved'}")
    (tmp_path / "moved" / "zzz.png").rename(tmp_path / "moved" / "000.png")
    assert len(json.loads((run_dir / "environment.json").read_text())) == 1, "what was refused left no trace"
    go_on(f"data.folder={tmp_path / 'moved'}")
    assert load_checkpoint(run_dir / "last.pt")["step"] == 3
    assert load_config(run_dir).data.folder == str(tmp_path / "moved")


def test_a_run_without_a_folder_goes_on_without_one(tmp_path: Path, folder: Path) -> None:
    train.train(small_config(tmp_path, *TINY, "trainer.steps=1"), tmp_path)
    with pytest.raises(UserError, match="was begun without a folder of pictures: begin a new run with data="):
        train.train(resumed(load_config(tmp_path), [f"data.folder={folder}"], str(tmp_path)), tmp_path)


def test_a_data_set_of_other_objects_is_said(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "images").symlink_to(folder)
    (tmp_path / "set" / "manifest.json").write_text('{"fingerprints": {"teapot": "1"}}')
    train.train(configured(tmp_path / "run", tmp_path / "set", "trainer.steps=1"), tmp_path / "run")
    said = capsys.readouterr().out
    assert "is a data set of other objects than this network's: teapot; its pictures are learned from" in said
    assert "14 pictures to learn from, 10 held out; no label is read" in said


def test_the_command_line_reaches_the_training(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """train.py itself, once, with a folder whose name Hydra would take apart."""
    odd = tmp_path / "my photos, no=1"
    odd.symlink_to(folder)
    words = [*SMALL, *TINY, f"run_dir={tmp_path / 'run'}", f"data={odd}", "trainer.steps=1"]
    monkeypatch.setattr("sys.argv", ["train.py", *words])
    cli.run("train", train.main)
    assert load_config(tmp_path / "run").data.folder == str(odd)
    monkeypatch.setattr("sys.argv", ["train.py", f"resume={tmp_path / 'run'}", "trainer.steps=2", f"data={odd}"])
    cli.run("train", train.main)
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 2


def test_ctrl_c_while_pictures_are_read_leaves_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scenes.unlabelled.read_photograph", interrupted)
    monkeypatch.setattr("sys.argv", ["train.py", *SMALL, *TINY, f"run_dir={tmp_path / 'run'}", f"data={folder}"])
    with pytest.raises(SystemExit) as left:
        cli.run("train", train.main)
    assert left.value.code == cli.INTERRUPTED and not (tmp_path / "run").exists()

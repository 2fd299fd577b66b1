"""What a person, a disk, a system or a foreign file does to the programs: one line says what is wrong, nothing is lost.

Each test stands for a kind of mishap that was seen in other projects.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import small_config, small_trainer

from air3d import cli
from air3d.files import atomic, writable
from air3d.programs import infer as infer_program
from air3d.programs import preview as preview_program
from air3d.programs import train as train_program
from air3d.training.checkpoint import load_checkpoint, load_config, save_checkpoint, save_config
from air3d.training.config import Config
from air3d.training.tracking import allowed
from scenes.errors import UserError
from scenes.pictures import labels, picture_paths

ROOT = Path(__file__).resolve().parents[1]
TINY = ("scene=tabletop", "scene.image_size=16", "trainer.batch=2", "trainer.steps=1", "trainer.validation_scenes=2",
        "gradient.samples=2", "logger.mode=disabled")  # fmt: skip


def program(*words: str, **how: object) -> subprocess.CompletedProcess[str]:
    settings = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 600, **how}
    return subprocess.run([sys.executable, *words], **settings)  # type: ignore[call-overload]


def test_what_the_system_refuses_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/last.pt")

    with pytest.raises(SystemExit) as ended:
        cli.one_line(full)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: runs/last.pt: No space left on device\n"


def test_a_full_disk_is_told_with_the_file_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path / "last.pt", {"step": 1})
    before, write = (tmp_path / "last.pt").read_bytes(), Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        write(path, bytes(content)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as error:
        save_checkpoint(tmp_path / "last.pt", {"step": 2})
    assert error.value.filename == str(tmp_path / "last.pt")
    assert (tmp_path / "last.pt").read_bytes() == before and [*tmp_path.iterdir()] == [tmp_path / "last.pt"]


@pytest.mark.parametrize("place", ["file/x", "file", "null\0byte", "a" * 300])
def test_a_folder_that_cannot_be_is_told_before_the_work(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    out = str(tmp_path / place)
    with pytest.raises(UserError, match="cannot write in"):
        writable(out)
    if place.startswith("file"):
        with pytest.raises(UserError, match=r"cannot write in|exists: choose another"):
            train_program.run(cli.compose("train", [*TINY, f"run_dir={out}"]))
        with pytest.raises(UserError, match="cannot write in"):
            preview_program.main(cli.compose("preview", ["scene=tabletop", f"out={out}/page.html"]))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["trainer.learning_rate", "trainer.clip", "scene.table", "scene.camera_position"])
def test_a_setting_that_is_no_number_is_refused(name: str, value: str) -> None:
    given = f"{name}=[{value},1,1]" if name.startswith("scene") else f"{name}={value}"
    with pytest.raises(UserError, match=rf"{name}={value}: give a finite number"):
        cli.typed(cli.compose("train", [given]), Config)


def test_more_objects_than_fit_are_refused_before_anything_is_compiled(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="30 objects do not fit on a table"):
        train_program.run(cli.compose("train", [*TINY, "scene.max_objects=30", f"run_dir={tmp_path / 'run'}"]))
    assert not (tmp_path / "run").exists()


def test_one_bad_job_does_not_end_a_sweep(tmp_path: Path) -> None:
    words = ("scene=single_object", "scenes=1", "out=set_${seed}", "-m", "seed=0,-1,1")
    done = program(str(ROOT / "generate.py"), *words, cwd=tmp_path)
    assert {path.name for path in tmp_path.glob("set_*")} == {"set_0", "set_1"}, done.stderr
    assert done.returncode == 2 and "error: seed=-1: give 0 or more" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: not all jobs") and "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no polite kill")
def test_a_polite_kill_leaves_no_half_of_a_data_set(tmp_path: Path) -> None:
    words = [sys.executable, "generate.py", "scene=single_object", "scenes=100000", f"out={tmp_path / 'set'}"]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 300
        while not list(tmp_path.glob(".set-*/images/000060.png")):
            assert running.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=300)[1]
    assert running.returncode == cli.INTERRUPTED and "stopped: nothing is left of" in said
    assert not [*tmp_path.iterdir()]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    config = small_config(tmp_path, *TINY)
    save_config(config, tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"step": 0, "train/elbo": 1.0}\n')
    settings = cli.compose("train", [f"resume={tmp_path}"])
    assert train_program.run(settings, [f"resume={tmp_path}"]).step == 1
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 1
    assert '"train/elbo": 1.0' not in (tmp_path / "metrics.jsonl").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: ${oc.env:PATH}\n", r"holds \$\{\.\.\.\}"),
        ("a: &a [x, x]\nb: [*a, *a]\n", "alias"),
        ("[" * 100_000, "nested too deeply"),
        ("seed: !!python/object/apply:os.system [exit]\n", "no readable yaml"),
        ("a" * 2**21, "bytes: more than"),
        ("\x00\x01", "no readable yaml"),
        ("- 1\n", "holds no settings"),
    ],
)
def test_settings_of_a_foreign_run_are_values_and_nothing_else(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=said) as error:
        load_config(tmp_path)
    assert "\n" not in str(error.value)


def test_a_checkpoint_that_would_be_larger_unpacked_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "last.pt", {"step": 1})
    with (
        zipfile.ZipFile(tmp_path / "last.pt") as whole,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in whole.namelist():
            bomb.writestr(name, whole.read(name))
        bomb.writestr("archive/data/1", bytes(10**7))
    with pytest.raises(UserError, match="truncated or no checkpoint"):
        load_checkpoint(tmp_path / "bomb.pt")


def test_a_runs_folder_is_asked_for_and_not_a_file_in_it(tmp_path: Path) -> None:
    trainer = small_trainer(tmp_path, "trainer.steps=1")
    trainer.fit()
    save_config(trainer.run.config, tmp_path)
    for words in ([f"resume={tmp_path / 'last.pt'}"], [*TINY, f"init={tmp_path / 'last.pt'}"]):
        with pytest.raises(UserError, match=f"last.pt is a file: give the run's folder, {tmp_path}"):
            train_program.run(
                cli.compose("train", [*words, *([] if "resume" in words[0] else [f"run_dir={tmp_path}/r"])])
            )


@pytest.mark.parametrize(
    ("variables", "modes"),
    [
        ({}, ["disabled", "offline", "online"]),
        ({"WANDB_MODE": "disabled"}, ["disabled"] * 3),
        ({"WANDB_DISABLED": "true"}, ["disabled"] * 3),
        ({"WANDB_MODE": "offline"}, ["disabled", "offline", "offline"]),
        ({"WANDB_MODE": "online"}, ["disabled", "offline", "online"]),
        ({"WANDB_MODE": "nonsense", "WANDB_DISABLED": "false"}, ["disabled", "offline", "online"]),
    ],
)
def test_wandb_is_switched_off_by_its_own_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], modes: list[str]
) -> None:
    for name in ("WANDB_MODE", "WANDB_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert [allowed(mode) for mode in ("disabled", "offline", "online")] == modes


def test_a_folder_of_pictures_as_people_have_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Resource forks, telephones' formats, broken files, sixteen bits, names that are long or no UTF-8."""
    folder, table = tmp_path / "in", Image.new("RGB", (64, 64))
    folder.mkdir()
    long = "a" * 250 + ".png"
    for name in (long, "b.webp", "c.gif", os.fsdecode(b"d\xff.png")):
        table.save(folder / name)
    Image.fromarray(np.zeros((64, 64), np.uint16)).save(folder / "e.png")
    Image.fromarray(np.zeros((64, 64), np.float32)).save(folder / "f.tiff")
    for name in ("._a.png", "g.heic", "h.png", "notes.txt"):
        (folder / name).write_bytes(b"nothing")
    words = [f"run={ROOT / 'pretrained/tabletop'}", f"pictures={folder}", f"out={tmp_path / 'out'}"]
    infer_program.main(cli.compose("infer", [*words, "calibration_scenes=10"]))
    answers = json.loads((tmp_path / "out/scenes.json").read_text())["scenes"]
    assert [each["image_filename"] for each in answers] == [long, "b.webp", "c.gif", "d\udcff.png", "e.png"]
    said = capsys.readouterr().out
    assert said.count(" 0 (") == 5 and "\nd\\udcff.png: " in said
    for line in (
        "left out: g.heic, save it as PNG or JPEG",
        "left out: h.png, no picture",
        "left out: f.tiff, floating",
    ):
        assert line in said
    assert len([*(tmp_path / "out").glob("*_found.png")]) == 5


def test_labels_keep_apart_what_is_cut() -> None:
    first, second = (f"{'ä' * 130}{letter}.png" for letter in "ab")
    one, other = labels([Path(first), Path(second)])
    assert one != other and all(len(os.fsencode(name)) < 220 for name in (one, other))


def test_a_folder_without_pictures_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.heic cannot be read here: save it as PNG or JPEG"):
        picture_paths(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="descriptors are closed by POSIX shells")
def test_nobody_needs_to_listen(tmp_path: Path) -> None:
    words = ("generate.py", "scene=single_object", "scenes=1", f"out={tmp_path / 'set'}")
    done = program("-c", f"import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *{words!r}])")
    assert done.returncode == 0 and (tmp_path / "set/scenes.json").is_file(), done.stderr


def test_files_of_any_name_can_be_written(tmp_path: Path) -> None:
    """The temporary name beside it must not be longer than a name may be."""
    path = tmp_path / ("a" * 250 + ".json")
    with atomic(path) as temporary:
        temporary.write_text("x")
    assert path.read_text() == "x"

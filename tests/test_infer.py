"""infer.py: from pictures on disk to a list of objects with regions, with a released network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from air3d import cli
from air3d.api.answer_files import refuse
from air3d.evaluation.scenes import render
from air3d.programs import infer as infer_py
from air3d.training.checkpoint import load_run
from renderers.convert import to_bytes
from scenes.errors import UserError
from scenes.objects import Objects

ROOT = Path(__file__).resolve().parents[1]
TABLETOP = f"run={ROOT / 'pretrained' / 'tabletop'}"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Objects]:
    """Sixty pictures on disk, and what they show."""
    run, folder = load_run(ROOT / "pretrained" / "tabletop"), tmp_path_factory.mktemp("tables")
    truth, view = run.scene.batch(55, range(60)), run.scene.views(55, range(60))
    for index, picture in enumerate(to_bytes(render(run.renderer, truth, view))):
        Image.fromarray(picture).save(folder / f"{index:02d}.png")
    return folder, truth


def infer(out: Path, *words: str) -> list[dict]:
    infer_py.main(cli.compose("infer", [TABLETOP, f"out={out}", "calibration_scenes=300", *words]))
    return json.loads((out / "scenes.json").read_text())["scenes"]


def test_what_stands_where_and_how_sure(tables, tmp_path, capsys):
    folder, truth = tables
    scenes = infer(tmp_path, f"pictures={folder}", "show=3")
    assert [scene["image_filename"] for scene in scenes] == [f"{index:02d}.png" for index in range(60)]
    right = [len(scene["objects"]) == count for scene, count in zip(scenes, truth.count.tolist(), strict=True)]
    trusted = [index for index, scene in enumerate(scenes) if not scene["doubtful"]]
    assert np.mean(right) > 0.95 and len(trusted) >= 58
    inside, turned, names = [], [], ["plate", "bowl", "mug", "saucepan"]
    for index in trusted:
        assert sum(scenes[index]["count"].values()) == pytest.approx(1)
        for entry in scenes[index]["objects"]:
            away = np.linalg.norm(truth.position[index] - entry["3d_coords"], axis=1) + 9 * ~truth.presence[index]
            nearest, region = int(away.argmin()), entry["region"]
            assert entry["shape"] == names[truth.identity[index, nearest]] and entry["identity"][entry["shape"]] > 0.5
            off = (truth.position[index, nearest] - entry["3d_coords"])[:2] / [region["x"], region["y"]]
            inside.append(np.linalg.norm(off) <= 1)
            if entry["shape"] in ("mug", "saucepan"):
                angle = (entry["rotation"] - truth.rotation[index, nearest] + np.pi) % (2 * np.pi) - np.pi
                turned.append(abs(angle) <= region["rotation"])
            else:
                assert entry["rotation"] is region["rotation"] is None
    assert len(inside) > 50 and np.mean(inside) > 0.8 and np.mean(turned) > 0.75, "nine tenths, of not very many"
    drawn = {f"{index:02d}_found.png" for index in range(60)} | {f"0{index}.glb" for index in range(3)}
    assert {path.name for path in tmp_path.iterdir()} == {"scenes.json", "objects.csv", "steps.png", *drawn}
    said = capsys.readouterr().out
    assert "59.png: " in said and "turned" in said and "90% regions" in said


def test_a_larger_region_holds_more(tables, tmp_path):
    folder, _ = tables
    few, many = (infer(tmp_path, f"pictures={folder / '03.png'}", f"level={x}", "show=0") for x in (0.5, 0.9))
    pairs = list(zip(few[0]["objects"], many[0]["objects"], strict=True))
    assert pairs and all(a["region"]["x"] < b["region"]["x"] for a, b in pairs)
    assert [a["3d_coords"] for a, _ in pairs] == [b["3d_coords"] for _, b in pairs]


def test_a_larger_picture_is_the_same_and_noise_is_not_trusted(tables, tmp_path, capsys):
    folder, _ = tables
    (tmp_path / "images").mkdir()
    Image.open(folder / "03.png").resize((192, 192), Image.Resampling.NEAREST).save(tmp_path / "images" / "large.png")
    noise = torch.randint(0, 256, (64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    Image.fromarray(noise.numpy()).save(tmp_path / "images" / "noise.png")
    large, strange = infer(tmp_path, f"pictures={tmp_path}", "show=0")
    (small,) = infer(tmp_path / "small", f"pictures={folder / '03.png'}", "show=0")
    assert [entry["shape"] for entry in large["objects"]] == [entry["shape"] for entry in small["objects"]]
    assert large["objects"][0]["3d_coords"] == pytest.approx(small["objects"][0]["3d_coords"], abs=1e-6)
    assert strange["doubtful"] and not large["doubtful"] and "DOUBTFUL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give run=RUN_DIR and pictures="),
        (["pictures=nowhere.png"], "nowhere.png does not exist"),
        (["pictures=EMPTY"], "holds no pictures"),
        (["pictures=README"], "README.md: no picture"),
        (["pictures=SMALL"], "16 x 16 pixels are too few for 64 x 64"),
        (["pictures=WIDE", "camera.position=[0,-1,1]"], "camera.position and camera.target say together"),
        (["pictures=WIDE", "camera.intrinsics=[9,9]"], "camera.intrinsics=.*give 4 numbers"),
        (["pictures=SET", "camera.intrinsics=[9,9,3,3]"], "leave camera. out"),
        (["pictures=SET", "out=SET"], "would be written over: it holds the pictures' own labels"),
        (["pictures=WIDE", "level=90"], "level=90.0: give a share"),
        (["pictures=WIDE", "show=-1"], "show=-1: give at least 0"),
        (["pictures=WIDE", "calibration_scenes=0"], "calibration_scenes=0: give at least 1"),
        (["pictures=WIDE", "counting=likelyhood"], "did you mean likelihood"),
        (["pictures=WIDE", "levle=0.5"], "did you mean level"),
    ],
)
def test_bad_input_gets_one_line(words, said, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, size in (("small", (16, 16)), ("wide", (128, 64))):
        Image.new("RGB", size).save(tmp_path / f"{name}.png")
    (tmp_path / "set").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "set" / "a.png")
    (tmp_path / "set" / "scenes.json").write_text('{"info": {}, "scenes": [{"image_filename": "a.png"}]}')
    places = {"EMPTY": tmp_path / "empty", "README": ROOT / "README.md", "SET": tmp_path / "set"}
    places |= {"SMALL": tmp_path / "small.png", "WIDE": tmp_path / "wide.png"}
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]
    with pytest.raises(UserError, match=said) as error:
        infer(tmp_path / "out", *words)
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_counting_by_likelihood(tables, tmp_path):
    folder, truth = tables
    scenes = infer(tmp_path, f"pictures={folder}", "counting=likelihood", "calibration_scenes=50")
    right = [len(scene["objects"]) == count for scene, count in zip(scenes, truth.count.tolist(), strict=True)]
    assert np.mean(right) > 0.95
    for scene in scenes:
        assert sum(scene["count"].values()) == pytest.approx(1)
        assert max(scene["count"], key=scene["count"].get) == str(len(scene["objects"]))


def test_pictures_that_differ_only_in_their_ending_keep_apart(tables, tmp_path):
    picture = Image.open(tables[0] / "03.png")
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.bmp", "a.png.png"):
        picture.save(tmp_path / "in" / name)
    infer(tmp_path / "out", f"pictures={tmp_path / 'in'}", "calibration_scenes=20")
    assert {path.name for path in (tmp_path / "out").glob("*.glb")} == {"a.png.glb", "a.bmp.glb", "a.png.png.glb"}


def test_from_the_command_line(tables, tmp_path):
    folder, _ = tables
    words = [TABLETOP, f"pictures={folder / '00.png'}", f"out={tmp_path}", "calibration_scenes=50"]
    done = subprocess.run([sys.executable, "infer.py", *words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "00.png: " in done.stdout and (tmp_path / "00.glb").read_bytes()[:4] == b"glTF"


def test_whoever_reads_it_may_stop_reading(tables, tmp_path):
    """`infer.py ... | head -1`: no traceback, and all that was asked for is written."""
    folder, _ = tables
    words = [TABLETOP, f"pictures={folder}", f"out={tmp_path}", "calibration_scenes=50", "show=0"]
    command, pipe = [sys.executable, "-u", "infer.py", *words], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, bufsize=1) as program:
        assert program.stdout and program.stderr
        assert "90% regions" in program.stdout.readline()
        program.stdout.close()
        said = program.stderr.read()
    assert "Traceback" not in said and "Broken" not in said
    assert len(json.loads((tmp_path / "scenes.json").read_text())["scenes"]) == 60


def test_answers_may_be_written_over_and_nothing_else(tmp_path):
    for head, ours in (
        ({"run": "r", "calibration_scenes": 9}, True),
        ({"asked_about": "p"}, True),
        ({"seed": 3}, False),
    ):
        (tmp_path / "scenes.json").write_text(json.dumps({"info": head, "scenes": [{}]}))
        if ours:
            refuse(tmp_path, "elsewhere")
        else:
            with pytest.raises(UserError, match="would be written over: it holds a data set"):
                refuse(tmp_path, "elsewhere")

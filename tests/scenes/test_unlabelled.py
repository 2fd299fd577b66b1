"""A folder of anybody's pictures: each once, in order, what is wrong with the others in a line. No label is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from unread import LabelsRead, labels_unread

from scenes import unlabelled
from scenes.errors import UserError
from scenes.unlabelled import FEWEST, foreign, read_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "photos", FEWEST)
    return tmp_path / "photos"


def write(where: Path, number: int, first: int = 0, size: tuple[int, int] = (8, 8), name: str = "{:04d}.png") -> None:
    where.mkdir(parents=True, exist_ok=True)
    for index in range(first, first + number):
        pixels = np.random.default_rng(index).integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(pixels).save(where / name.format(index))


def test_pictures_come_in_the_order_of_their_names(folder: Path) -> None:
    write(folder / "b" / "c", 1, 100)
    write(folder / "a", 1, 200, name="{}.BMP")
    read = read_folder(folder, 8, 8)
    assert read.names == (*(f"{index:04d}.png" for index in range(FEWEST)), "a/200.BMP", "b/c/0100.png")
    assert read.pictures.shape == (FEWEST + 2, 8, 8, 3) and read.notes == ()
    np.testing.assert_array_equal(read.pictures[1], np.asarray(Image.open(folder / "0001.png")))


def test_of_a_data_set_the_pictures_are_read_and_the_labels_are_not(tmp_path: Path) -> None:
    write(tmp_path / "images", FEWEST)
    write(tmp_path / "backgrounds", 3, 50)
    (tmp_path / "scenes.json").write_text("{ this is no JSON")
    (tmp_path / "manifest.json").write_text("[1, 2")
    with labels_unread():
        read = read_folder(tmp_path, 8, 8)
        assert len(read) == FEWEST and read.notes == () and foreign(tmp_path, {}) is None
        with pytest.raises(LabelsRead):
            (tmp_path / "scenes.json").read_text()


def test_broken_files_are_named_and_counted(folder: Path) -> None:
    whole = (folder / "0000.png").read_bytes()
    for index in range(7):
        (folder / f"broken{index}.png").write_bytes(whole[:60] if index else b"cat")
    (folder / "odd\nname.png").write_bytes(b"")
    (note,) = read_folder(folder, 8, 8).notes
    assert note.startswith("8 files cannot be used and are left out: broken0.png (no picture), broken1.png (")
    assert note.endswith(") and 3 more") and "\n" not in note
    for index in range(6):
        (folder / f"broken{index}.png").unlink()
    assert r"odd\nname.png (no picture)" in read_folder(folder, 8, 8).notes[0]


def test_of_what_looks_the_same_one_is_kept(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "0003.png").read_bytes())
    Image.open(folder / "0003.png").save(folder / "again.bmp")  # other bytes, the same pixels
    read = read_folder(folder, 8, 8)
    assert len(read) == FEWEST and "0003.png" in read.names
    assert read.notes == ("2 pictures look the same as one before them and are left out",)


def test_mixed_sizes_are_said_and_brought_to_one(folder: Path) -> None:
    write(folder, 2, 100, size=(16, 12))
    write(folder, 1, 200, size=(6, 6))
    read = read_folder(folder, 8, 8)
    assert read.pictures.shape == (FEWEST + 3, 8, 8, 3)
    assert read.notes == (
        "pictures have 3 sizes, from 6 x 6 to 16 x 12",
        "2 pictures are cropped about their centre to the proportions 8 : 8",
        "1 pictures are smaller than 8 x 8 and are enlarged",
    )


def test_other_files_are_said(folder: Path) -> None:
    (folder / "IMG_1.HEIC").write_bytes(b"a photograph that Pillow cannot read")
    (folder / "._0000.png").write_bytes(b"what macOS leaves beside it")
    (folder / "scenes.json").write_text("")
    assert read_folder(folder, 8, 8).notes == ("1 files are no pictures that can be read: IMG_1.HEIC",)


def test_a_folder_that_teaches_nothing_is_refused(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "few", 3)
    (tmp_path / "few" / "broken.png").write_bytes(b"")
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "a.heic").write_bytes(b"")
    for where, answer in {
        "nowhere": "nowhere does not exist: give a folder of pictures",
        "photos/0000.png": "0000.png is a file: give a folder of pictures",
        "empty": r"empty holds no pictures \(.*\.png",
        "phone": "holds no pictures .*; it holds 1 other files, such as a.heic",
        "few": r"few has 3 usable pictures that differ, of 4: give at least 20; not readable: broken.png \(",
    }.items():
        with pytest.raises(UserError, match=answer) as caught:
            read_folder(tmp_path / where, 8, 8)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(unlabelled, "MEMORY", 8 * 8 * 3 * (FEWEST - 1))
    with pytest.raises(UserError, match="holds 20 pictures: at 8 x 8, 19 fit into memory"):
        read_folder(folder, 8, 8)


def test_the_fingerprint_is_of_names_and_bytes_that_are_used(folder: Path) -> None:
    before = read_folder(folder, 8, 8).fingerprint
    (folder / "notes.txt").write_text("what else lies there does not matter")
    assert read_folder(folder, 8, 8).fingerprint == before == read_folder(folder, 4, 4).fingerprint
    (folder / "0000.png").rename(folder / "000.png")
    renamed = read_folder(folder, 8, 8).fingerprint
    write(folder, 1, 300)
    (folder / "0300.png").rename(folder / "000.png")
    assert len({before, renamed, read_folder(folder, 8, 8).fingerprint}) == 3


def test_a_data_set_of_other_objects_is_told_by_its_manifest(tmp_path: Path) -> None:
    mine = {"cup": "1", "box": "2"}
    told = {"fingerprints": {"cup": "1", "box": "3", "pan": "4"}}
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    assert foreign(tmp_path, mine) == f"{tmp_path} is a data set of other objects than this network's: box, pan"
    for silent in (json.dumps({"fingerprints": mine}), '{"files": {}}', "[" * 100_000, '{"fingerprints": 3}', ""):
        (tmp_path / "manifest.json").write_text(silent)
        assert foreign(tmp_path, mine) is None

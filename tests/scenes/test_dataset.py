"""Frozen data sets: round trip, same bytes, and every way in which a folder can be wrong."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scenes.catalogue import Catalogue, catalogue
from scenes.dataset import check_out, describe, read_dataset, write_dataset
from scenes.errors import UserError
from scenes.reading import read_views
from scenes.scene import Scene, SceneConfig
from scenes.view import ARRAYS, shared

SCENE = Scene(SceneConfig(image_size=16))
OBJECTS, VIEW = SCENE.batch(0, range(4)), SCENE.views(0, range(4))
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
VISIBLE = np.arange(4 * OBJECTS.slots).reshape(4, -1)
INFO = describe(SCENE, VIEW, seed=0, extra={"scenes": 4})


def pictures() -> Iterator[tuple[np.ndarray, list[int]]]:
    yield from ((image, visible.tolist()) for image, visible in zip(IMAGES, VISIBLE, strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "set", INFO, SCENE.catalogue, OBJECTS, VIEW, pictures())
    return tmp_path / "set"


def edit(folder: Path, change, keep_manifest: bool = False) -> None:
    """Change scenes.json as somebody would who writes such a data set without a manifest."""
    content = json.loads((folder / "scenes.json").read_text())
    change(content)
    (folder / "scenes.json").write_text(json.dumps(content))
    if not keep_manifest:
        (folder / "manifest.json").unlink(missing_ok=True)


def full(content: dict) -> dict:
    """The first object that there is."""
    return next(scene["objects"][0] for scene in content["scenes"] if scene["objects"])


def test_round_trip(folder: Path):
    data = read_dataset(folder)
    np.testing.assert_array_equal(data.images, IMAGES)
    slots = data.objects.slots
    for name in ("identity", "position", "rotation", "presence"):
        np.testing.assert_array_equal(getattr(data.objects, name), getattr(OBJECTS, name)[:, :slots])
    present = OBJECTS.presence[:, :slots]
    np.testing.assert_array_equal(data.visible_pixels, np.where(present, VISIBLE[:, :slots], -1))
    assert data.names == SCENE.catalogue.names
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(data.view, name), getattr(VIEW, name), err_msg=name)
        assert shared(getattr(data.view, name)), name
    assert data.info["seed"] == 0 and SceneConfig(**data.info["scene"]) == SCENE.config


def test_clevr_words(folder: Path):
    content = json.loads((folder / "scenes.json").read_text())
    assert [entry["image_filename"] for entry in content["scenes"]] == [f"{i:06d}.png" for i in range(4)]
    words = {"shape", "3d_coords", "pixel_coords", "rotation", "face", "visible_pixels"}
    assert set(full(content)) == {*words, "R_world", "R_camera", "t_camera"}
    assert set(json.loads((folder / "manifest.json").read_text())["files"]) == {
        "scenes.json", "images/000000.png", "images/000001.png", "images/000002.png", "images/000003.png",
    }  # fmt: skip


def test_same_bytes_twice(folder: Path, tmp_path: Path):
    write_dataset(tmp_path / "again", INFO, SCENE.catalogue, OBJECTS, VIEW, pictures())
    files = sorted(p.relative_to(folder) for p in folder.rglob("*.*"))
    assert len(files) == 6
    for name in files:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_identities_follow_the_names_asked_for(folder: Path):
    cube, *_ = catalogue("shapes").meshes
    names = Catalogue((cube, *reversed(SCENE.catalogue.meshes)))
    asked, own = read_dataset(folder, names).objects, read_dataset(folder).objects
    np.testing.assert_array_equal(asked.identity[own.presence], 4 - own.identity[own.presence])
    with pytest.raises(UserError, match=r"unknown shape .*known are cube"):
        read_dataset(folder, Catalogue((cube,)))


def test_out_that_is_taken(folder: Path, tmp_path: Path):
    assert check_out(folder, INFO), "the same request again is already done"
    before = (folder / "scenes.json").stat().st_mtime_ns
    write_dataset(folder, INFO, SCENE.catalogue, OBJECTS, VIEW, pictures())
    assert (folder / "scenes.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="other settings"):
        check_out(folder, INFO | {"seed": 1})
    (tmp_path / "mine").mkdir()
    assert not check_out(tmp_path / "mine", INFO), "an empty folder is free"
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not a data set of ours"):
        check_out(tmp_path / "mine", INFO)
    with pytest.raises(UserError, match="not a data set of ours"):
        check_out(tmp_path / "mine" / "thesis.txt", INFO)
    with pytest.raises(UserError, match="cannot write"):
        write_dataset(tmp_path / "mine" / "thesis.txt" / "set", INFO, SCENE.catalogue, OBJECTS, VIEW, pictures())


def test_nothing_is_left_after_a_failure(tmp_path: Path):
    def broken() -> Iterator[tuple[np.ndarray, list[int]]]:
        yield IMAGES[0], VISIBLE[0].tolist()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "set", INFO, SCENE.catalogue, OBJECTS, VIEW, broken())
    assert not list(tmp_path.iterdir())


def test_missing_and_altered_files(folder: Path):
    picture = folder / "images" / "000002.png"
    original = picture.read_bytes()
    picture.unlink()
    with pytest.raises(UserError, match=r"000002.png is missing"):
        read_dataset(folder)
    picture.write_bytes(original[:-1])
    with pytest.raises(UserError, match=r"000002.png was altered"):
        read_dataset(folder)
    picture.write_bytes(original)
    edit(folder, lambda content: content["scenes"].pop(), keep_manifest=True)
    with pytest.raises(UserError, match=r"scenes.json was altered"):
        read_dataset(folder)


def manifest_of(folder: Path, change) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    change(content["files"])
    (folder / "manifest.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["../photo.png", "images/../../photo.png", "PLACE/photo.png"])
def test_a_manifest_names_files_of_its_folder_only(folder: Path, name: str):
    (folder.parent / "photo.png").write_bytes(b"private")
    name = name.replace("PLACE", str(folder.parent))
    manifest_of(folder, lambda files: files.update({name: hashlib.sha256(b"private").hexdigest()}))
    with pytest.raises(UserError, match=rf"manifest.json names {name}, which is no file of this folder"):
        read_dataset(folder)


@pytest.mark.parametrize("name", ["images/000001.png", "scenes.json"])
def test_what_the_manifest_does_not_name_does_not_pass(folder: Path, name: str):
    """As it does where somebody takes an altered file's line out."""
    manifest_of(folder, lambda files: files.pop(name))
    for read in (read_dataset, lambda folder: read_views(folder, ["000000.png"])):
        with pytest.raises(UserError, match=rf"{name} is not in manifest.json"):
            read(folder)


def test_meshes_are_known_by_their_geometry(folder: Path):
    """Others of the same name are refused, where both sides say what theirs are; other names do not matter."""
    meshes = SCENE.catalogue.meshes
    assert len(read_dataset(folder, SCENE.catalogue).images) == 4
    assert len(read_dataset(folder, Catalogue((*meshes[::-1], *catalogue("shapes").meshes))).images) == 4
    larger = replace(meshes[2], vertices=1.01 * meshes[2].vertices)
    other = Catalogue((*meshes[:2], larger, *meshes[3:]))
    with pytest.raises(UserError, match=r"scenes.json: its 'mug' is another mesh than the catalogue's") as caught:
        read_dataset(folder, other)
    assert "\n" not in str(caught.value)
    edit(folder, lambda content: content["info"].pop("fingerprints"))
    assert len(read_dataset(folder, other).images) == 4, "an earlier version's, which knew names alone"


def test_a_picture_that_would_fill_the_memory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"000000.png is no readable picture: .*decompression bomb") as caught:
        read_dataset(folder)
    assert "\n" not in str(caught.value)


def test_written_by_somebody_else(folder: Path):
    """Nothing but what the format needs: no manifest, no seed, no pixel counts, any angle."""

    def strip(content: dict) -> None:
        content["info"] = {key: content["info"][key] for key in ("camera", "catalogue")}
        for scene in content["scenes"]:
            scene["objects"] = [
                {"shape": o["shape"], "3d_coords": o["3d_coords"], "rotation": o["rotation"] + 4 * np.pi}
                for o in scene["objects"]
            ]

    edit(folder, strip)
    data = read_dataset(folder)
    np.testing.assert_allclose(data.objects.rotation, OBJECTS.rotation[:, : data.objects.slots], atol=1e-5)
    assert (data.visible_pixels == -1).all() and len(data.images) == 4


def test_no_manifest_and_wrong_pictures(folder: Path):
    (folder / "manifest.json").unlink()
    picture = folder / "images" / "000001.png"
    Image.new("RGB", (16, 12)).save(picture)
    with pytest.raises(UserError, match=r"000001.png is 12 x 16 pixels: its camera says 16 x 16"):
        read_dataset(folder)
    picture.write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"000001.png is no readable picture"):
        read_dataset(folder)
    picture.unlink()
    with pytest.raises(UserError, match=r"000001.png is missing"):
        read_dataset(folder)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda c: full(c).update(shape="teapot"), "unknown shape 'teapot'"),
        (lambda c: full(c).update({"3d_coords": [0, 0]}), "3d_coords must be 3 finite numbers"),
        (lambda c: full(c).update(rotation=float("nan")), "rotation must be 1 finite number"),
        (lambda c: full(c).pop("rotation"), "rotation must be 1 finite number"),
        (lambda c: c["scenes"][1].pop("objects"), "scene 1 has no list of 'objects'"),
        (lambda c: c["scenes"][1].update(image_filename="../x.png"), "must name a file in images/"),
        (lambda c: c["info"].pop("camera"), "camera must give intrinsics, .*, or position, target"),
        (lambda c: c["info"]["camera"].update(height="tall"), "camera.height must be 1"),
        (lambda c: c["info"]["camera"].update(rotation=7), "camera.rotation must be 3"),
        (lambda c: c["info"]["camera"].update(rotation=[[2, 0, 0], [0, 1, 0], [0, 0, 1]]), "rotation matrix"),
        (lambda c: c["info"]["camera"].update(intrinsics=[0, 1, 2, 3]), "focal lengths"),
        (lambda c: c["info"].update(light={"direction": [0, 0, 0]}), "must be a direction"),
        (lambda c: c["info"].update(light=[0, 0, 1]), "light must give direction, ambient"),
        (lambda c: c["info"].update(background="../x.png"), "must name a file in backgrounds/"),
        (lambda c: c["info"].update(background="table.png"), "table.png is missing"),
        (lambda c: c["info"].update(background=[0.5]), "background must be 3 finite numbers"),
        (lambda c: c["info"].update(noise="loud"), "noise must be 1 finite number"),
        (lambda c: full(c).update(face=0.5), "face is 0.5: it must be a whole number"),
        (lambda c: full(c).update(tint=[1, 1]), "tint must be 3 finite numbers"),
        (lambda c: full(c).update(size="large"), "size must be 1 finite number"),
        (lambda c: c["scenes"].append(3), "every one of 'scenes' must be"),
        (lambda c: c["info"].pop("catalogue"), "info.catalogue must list"),
        (lambda c: c.update(scenes=[]), "at least one of 'scenes'"),
        (lambda c: c.pop("info"), "must hold 'info'"),
    ],
)
def test_bad_labels(folder: Path, change, words: str):
    edit(folder, change)
    with pytest.raises(UserError, match=words) as caught:
        read_dataset(folder)
    assert "\n" not in str(caught.value) and "scenes.json" in str(caught.value)


def test_broken_json(folder: Path):
    (folder / "manifest.json").unlink()
    (folder / "scenes.json").write_text('{"info": ')
    with pytest.raises(UserError, match=r"scenes.json is no readable JSON"):
        read_dataset(folder)
    (folder / "scenes.json").write_text("[]")
    with pytest.raises(UserError, match="must hold a JSON object"):
        read_dataset(folder)
    shutil.rmtree(folder)
    with pytest.raises(UserError, match=r"no data set: it has no scenes.json"):
        read_dataset(folder)

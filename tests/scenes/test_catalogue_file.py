"""A catalogue as a file: all of it comes back, and nothing else is believed to be one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from render_tools import on_faces

from scenes.catalogue import Catalogue, catalogue
from scenes.catalogue_file import read_catalogue, save_catalogue
from scenes.errors import UserError

LYING = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
MOTIONS = np.stack([np.eye(4), trimesh.transformations.rotation_matrix(np.pi, [0, 0, 1], [0.1, 0, 0])])


def several() -> Catalogue:
    """A mug on two faces, of a group of two motions, and a bowl."""
    mugs = on_faces((catalogue("crockery").meshes[2],), LYING, weights=(0.75, 0.25)).meshes
    return Catalogue((replace(mugs[0], group=MOTIONS), mugs[1], catalogue("crockery").meshes[1]))


def test_all_of_it_comes_back(tmp_path: Path) -> None:
    known, path = several(), tmp_path / "catalogue.npz"
    save_catalogue(path, known)
    read = read_catalogue(path)
    assert read.fingerprint == known.fingerprint and read.names == known.names
    for mine, theirs in zip(read.meshes, known.meshes, strict=True):
        for name, value in vars(mine).items():
            expected = getattr(theirs, name)
            np.testing.assert_array_equal(value, expected, err_msg=name)
            assert np.asarray(value).dtype.kind == np.asarray(expected).dtype.kind
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue.npz"]
    before = path.read_bytes()
    save_catalogue(path, read)
    assert path.read_bytes() == before, "the same catalogue, the same bytes"


def changed(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    return lambda arrays: arrays.update({name: value(arrays[name])})


def at(array: np.ndarray, place: int | tuple[int, ...], value: float) -> np.ndarray:
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda arrays: arrays.pop("group"), "it must hold name,"),
        (lambda arrays: arrays.update(more=np.zeros(1)), "it must hold name,"),
        (changed("vertices", lambda a: at(a, (5, 1), np.nan)), "vertices of mug must be within 100 m"),
        (changed("vertices", lambda a: a[1:]), "vertices and vertex_count do not fit"),
        (changed("vertices", lambda a: a[:, :2]), "vertices has the shape"),
        (changed("vertices", lambda a: a.astype(complex)), "vertices is complex128"),
        (changed("normals", lambda a: 2 * a), "normals of mug must have the length 1"),
        (changed("colours", lambda a: a + 1), "colours of mug must be from 0 to 1"),
        (changed("faces", lambda a: at(a, (0, 0), 10**6)), "faces of mug must be numbers of its"),
        (changed("faces", lambda a: at(a, (-1, 0), -1)), "faces of bowl must be numbers of its"),
        (changed("faces", lambda a: a.astype(float)), "faces is float64"),
        (changed("vertex_count", lambda a: at(a, 0, -1)), "vertex_count must be 3 numbers above 0"),
        (changed("vertex_count", lambda a: at(a, 0, 2**62)), "vertices and vertex_count do not fit"),
        (changed("group_count", lambda a: a[:2]), "group_count must be 3 numbers"),
        (changed("group", lambda a: 1.01 * a), "must be rigid motions"),
        (changed("placement", lambda a: at(a, (0, 2, 2), -1)), "must be rigid motions"),
        (changed("placement", lambda a: at(a, (0, 0, 3), np.inf)), "must be rigid motions"),
        (changed("weight", lambda a: at(a, 0, 0.5)), "weights of a mesh's faces must"),
        (changed("weight", lambda a: at(a, 0, np.nan)), "the weight of mug must be above 0"),
        (changed("symmetry", lambda a: a - 5), "symmetry and face of mug must be 0 or more"),
        (changed("face", lambda a: 0 * a), "stand on the same face"),
        (changed("name", lambda a: np.array(["mug", "mug", "a\nb"])), "no name of a mesh"),
        (changed("name", lambda a: np.array(["mug", "mug", ""])), "no name of a mesh"),
        (changed("name", lambda a: a[:0]), "it holds 0 entries"),
    ],
)
def test_what_is_no_catalogue_is_refused_in_a_line(tmp_path: Path, change: Callable[[dict], None], words: str) -> None:
    path = tmp_path / "catalogue.npz"
    save_catalogue(path, several())
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    assert refusal(path).startswith(f"{path} is no catalogue: ") and words in refusal(path)


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_catalogue(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "executed",)

    path = tmp_path / "catalogue.npz"
    save_catalogue(path, several())
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "name": np.array([Trap(), Trap(), Trap()], dtype=object)})
    assert "name is object" in refusal(path) and not (tmp_path / "executed").exists()


def test_files_that_are_missing_damaged_or_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalogue.npz"
    assert refusal(path) == f"{path} is missing"
    path.write_bytes(b"meshes")
    assert "is no catalogue" in refusal(path)
    save_catalogue(path, several())
    whole = path.read_bytes()
    for place in range(200, len(whole), len(whole) // 7):
        path.write_bytes(whole[:place])
        assert "is no catalogue" in refusal(path)
    path.write_bytes(whole)
    monkeypatch.setattr("scenes.catalogue_file.LARGEST", 2**12)
    assert "is larger than" in refusal(path)
    with pytest.raises(UserError, match="cannot write"):
        save_catalogue(tmp_path / "nowhere" / "catalogue.npz", several())

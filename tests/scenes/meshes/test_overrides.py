"""meshes.yaml beside the meshes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mesh_folders import save

from scenes.errors import UserError
from scenes.meshes.entries import Reading, understand


def written(folder: Path, text: str) -> Path:
    save(folder, "thing.stl")
    save(folder, "other.stl")
    (folder / "meshes.yaml").write_text(text)
    return folder


def test_everything_can_be_said(tmp_path: Path):
    text = "thing: {name: box, size: 24, up: x, colour: [1, 0.5, 0], symmetry: 2}\nother.stl: {use: false}\n"
    (mesh,) = understand(written(tmp_path, text), Reading()).catalogue.meshes
    assert mesh.name == "box" and mesh.symmetry == 2
    assert np.allclose(np.ptp(mesh.vertices, axis=0), [0.10, 0.16, 0.24], atol=1e-5)
    assert np.allclose(mesh.colours, [1, 0.5, 0])


@pytest.mark.parametrize(("units", "metres"), [("cm", 0.01), ("m", 1.0), ("0.5", 0.5)])
def test_units_by_name_or_in_metres(tmp_path: Path, units: str, metres: float):
    text = f"thing: {{units: {units}}}\n"
    if metres == 0.01:  # 1.2 mm
        understood = understand(written(tmp_path, text), Reading())
        assert understood.catalogue.kinds == ("other",) and "in the given units" in understood.left_out[0]
        return
    meshes = {mesh.name: mesh for mesh in understand(written(tmp_path, text), Reading()).catalogue.meshes}
    assert np.ptp(meshes["thing"].vertices, axis=0).max() == pytest.approx(0.12 * metres)


def test_the_yaml_goes_before_the_setting(tmp_path: Path):
    meshes = understand(written(tmp_path, "thing: {up: x}\n"), Reading(up="y")).catalogue.meshes
    heights = {mesh.name: np.ptp(mesh.vertices[:, 2]) for mesh in meshes}
    assert heights == {"thing": pytest.approx(0.12), "other": pytest.approx(0.08)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thing: {colr: [1, 0, 0]}", "no setting colr; did you mean colour?"),
        ("thign: {up: z}", "no mesh thign; did you mean thing?"),
        ("thing: {up: w}", "up is w: it must be one of x, y, z"),
        ("thing: {units: feet}", "units is feet: it must be m, cm, mm, in"),
        ("thing: {units: .nan}", "units is nan"),
        ("thing: {units: mm, size: 3}", "units or size, not both"),
        ("thing: {colour: [300, 0, 0]}", "colour is .* three numbers in 0..1"),
        ("thing: {colour: red}", "colour is red"),
        ("thing: {use: perhaps}", "use is perhaps: it must be true or false"),
        ("thing: {rest: top}", "rest is top: it must be a list"),
        ("thing: {symmetry: -1}", "symmetry is -1"),
        ("thing: up", "must be followed by settings"),
        ("- thing", "must hold names of meshes"),
        ("thing: {up: z", "no readable yaml"),
        ("thing: !!python/object/apply:os.system ['touch ran']", "no readable yaml"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(UserError, match=said) as error:
        understand(written(tmp_path, text), Reading())
    assert "\n" not in str(error.value) and not Path("ran").exists()


def test_a_yaml_that_lies_elsewhere_is_not_read(tmp_path: Path):
    folder = tmp_path / "inside"
    save(folder, "thing.stl")
    (tmp_path / "secret.yaml").write_text("thing: {up: x}\n")
    (folder / "meshes.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(UserError, match="leads out of the folder"):
        understand(folder, Reading())


def test_leaving_everything_out_is_an_error(tmp_path: Path):
    with pytest.raises(UserError, match="leaves all of them out"):
        understand(written(tmp_path, "thing: {use: false}\nother: {use: false}\n"), Reading())

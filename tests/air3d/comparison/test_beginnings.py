"""Models that begin with another one's network and go on with a folder: found again by what they learned from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from comparing import common, in_process
from folder_runs import photographs

from air3d import cli
from air3d.comparison.collect import collect
from air3d.comparison.folders import check_folders
from air3d.comparison.learned import Learned, learned, pictures, to_learn_with
from air3d.comparison.plan import CompareConfig, request
from air3d.comparison.report.parts import MINUTES, curve_of
from air3d.programs import generate
from air3d.report.records import read_csv
from air3d.training.checkpoint import load_config
from air3d.training.tracking import read_metrics
from scenes.errors import UserError

LEFT_OUT = ("air", "air_varied", "supervised_symmetric", "supervised_varied_symmetric", "supervised_ordered",
            "supervised_hungarian", "supervised_varied_hungarian")  # fmt: skip
TESTS = ("path_traced_1", "path_traced_3", "path_traced_3_untold")
WORDS = ["experiment=another_painter", "scenes=10", *(f"~models.{name}" for name in LEFT_OUT),
         *(f"~tests.{name}" for name in TESTS)]  # fmt: skip
Plan = Callable[..., CompareConfig]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set to test on, small pictures, and a folder to learn from."""
    made = tmp_path_factory.mktemp("made")
    generate.main(cli.compose("generate", ["scenes=10", f"out={made / 'test'}", "scene.image_size=16"]))
    photographs(made / "photos")
    return made


@pytest.fixture(scope="module")
def given(made: Path) -> list[str]:
    return [*WORDS, f"tests.path_traced_2.data={made / 'test'}"]


@pytest.fixture(scope="module")
def compared(made: Path, given: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("compared")
    started = in_process(runs, *given, f"data={made / 'photos'}")
    assert started == ["train", "evaluate", "evaluate"] * 3
    return runs


@pytest.fixture
def plan(compared: Path, given: list[str], made: Path) -> Plan:
    def plan(*words: str) -> CompareConfig:
        told = [*common(compared), *given, f"data={made / 'photos'}", *words]
        return cli.typed(cli.compose("compare", told, "compare"), CompareConfig)

    return plan


def run_of(runs: Path, model: str) -> Path:
    (run,) = (path.parent for path in runs.glob(f"{model}_seed0_*/last.pt"))
    return run


def test_one_goes_on_where_the_other_ended(compared: Path, plan: Plan) -> None:
    half, folder = run_of(compared, "air_varied_half"), run_of(compared, "air_folder")
    assert load_config(folder).init == str(half)
    results = {result.model: result for result in collect(Path(plan().out), plan()) if result.test == "own_scenes"}
    assert results["air_folder"].before == (half,) and results["air_varied_half"].before == ()
    steps = {model: result.cost.steps for model, result in results.items()}
    assert steps == {"air_varied_half": 2, "air_folder": 4, "supervised_varied_ordered": 2}
    minutes = results["air_folder"].cost.minutes, results["air_varied_half"].cost.minutes
    assert minutes[0] > minutes[1]
    assert f"init={half}" in results["air_folder"].training
    curve = [row[MINUTES] for row in curve_of(results["air_folder"]) if MINUTES in row]
    assert curve == sorted(curve) and curve[-1] == pytest.approx(minutes[0])
    assert len(curve) > len([row for row in read_metrics(folder / "metrics.jsonl") if MINUTES in row])


def test_the_page_has_all_tests_in_one_place(compared: Path) -> None:
    report = compared / "another_painter_with_folder/report"
    page = (report / "index.html").read_text()
    assert page.index("all tests") < page.index("Count accuracy.") < page.index("training")
    rows = read_csv(report / "results.csv")
    expected = {(test, model) for test in ("path_traced_2", "own_scenes")
                for model in ("air_varied_half", "air_folder", "supervised_varied_ordered")}  # fmt: skip
    assert {(row["test"], row["model"]) for row in rows} == expected


def test_what_is_in_a_folder_decides_and_not_where_it_lies(
    compared: Path, made: Path, given: list[str], plan: Plan, tmp_path: Path
) -> None:
    there, photos = learned(run_of(compared, "air_folder")), made / "photos"

    def wanted(folder: Path) -> Learned:
        return to_learn_with(plan(f"data={folder}").training("air_folder", run_of(compared, "air_varied_half")))

    assert there == wanted(photos)
    moved = shutil.copytree(photos, tmp_path / "somewhere, else")
    test = shutil.copytree(made / "test", tmp_path / "test")
    (moved / "note.txt").write_text("no picture")
    assert wanted(moved) == there
    elsewhere = [*given, f"data={moved}", f"tests.path_traced_2.data={test}"]
    assert in_process(compared, *elsewhere) == [], "nothing is trained or measured again"
    (moved / "000.png").unlink()
    pictures.cache_clear()
    assert wanted(moved) != there
    out, moved_plan = Path(plan().out), plan(f"data={moved}")
    assert {result.model for result in collect(out, moved_plan)} == {"air_varied_half", "supervised_varied_ordered"}


def test_another_beginning_is_another_training(compared: Path, plan: Plan, tmp_path: Path) -> None:
    """The network that was begun with decides, and so does what it had learned."""
    half, folder = run_of(compared, "air_varied_half"), run_of(compared, "air_folder")
    assert learned(folder) == to_learn_with(plan().training("air_folder", half))
    other = shutil.copytree(half, tmp_path / "half")
    moved = to_learn_with(plan().training("air_folder", other))
    assert learned(folder) == moved, "the same network somewhere else"
    shutil.copy(run_of(compared, "supervised_varied_ordered") / "best.pt", other / "best.pt")
    assert learned(folder) != to_learn_with(plan().training("air_folder", other))
    half_of_another_kind = 'models.air_varied_half=["model=air","scene=tabletop_varied","trainer.clip=9.0"]'
    clipped = plan(half_of_another_kind)
    assert {result.model for result in collect(Path(clipped.out), clipped)} == {"supervised_varied_ordered"}
    environment = folder / "environment.json"
    before = environment.read_text()
    environment.write_text(json.dumps([{k: v for k, v in e.items() if k != "init"} for e in json.loads(before)]))
    assert learned(folder) is None, "nobody knows what it began with"
    environment.write_text(before)


def test_what_is_measured_is_never_learned_from(made: Path, plan: Plan, tmp_path: Path) -> None:
    check_folders(plan())
    mixed = shutil.copytree(made / "photos", tmp_path / "mixed")
    shutil.copy(made / "test/images/000003.png", mixed / "holiday.png")
    with pytest.raises(UserError, match=r"holds 1 pictures of the test .*such as holiday\.png: give others"):
        check_folders(plan(f"data={mixed}"))
    with pytest.raises(UserError, match="does not exist: give a folder"):
        check_folders(plan(f"data={tmp_path / 'nowhere'}"))
    with pytest.raises(UserError, match=r"is no data set, as generate\.py writes it"):
        check_folders(plan(f"tests.path_traced_2.data={made / 'photos'}"))
    assert "data" not in request(plan().tests["own_scenes"]), "results from before tests had data sets still count"

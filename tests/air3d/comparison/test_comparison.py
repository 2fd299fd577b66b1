"""Comparisons: trainings and tests that are done once, results that belong together, the page that shows them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from small_runs import small_trainer
from wandb_file import history, kept

from air3d import cli
from air3d.comparison.collect import Result, collect
from air3d.comparison.plan import CompareConfig, TestSet
from air3d.comparison.report.figures import summed
from air3d.comparison.report.parts import circumstances
from air3d.comparison.report.summary import COLUMNS, counts_table, headline, means
from air3d.comparison.trainings import LABELS_USE, Cost, configured, fingerprint, folder_of
from air3d.report.records import read_csv
from air3d.training.checkpoint import save_config
from air3d.training.config import typed
from air3d.training.schedules import ScheduleConfig
from scenes.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs/compare"
SMALL = ("scene.image_size=32", "trainer.batch=4", "trainer.steps=2", "gradient.samples=2",
         "trainer.validation_scenes=8")  # fmt: skip
WORDS = f"words={json.dumps(SMALL)}"


def plan(*words: str) -> CompareConfig:
    return typed(cli.compose("compare", list(words), "compare"), CompareConfig)


def compare(runs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "compare.py", f"runs={runs}", "threads=1", "logger.mode=offline", WORDS, *words]
    # only what hangs takes so long: a dozen programs one after the other, beside other tests
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)


@pytest.mark.parametrize("experiment", sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml")))
@pytest.mark.parametrize("models", sorted(path.stem for path in (CONFIGS / "models").glob("*.yaml")))
def test_shipped_comparisons(experiment: str, models: str):
    """Every training and every test of every comparison is one that train.py and evaluate.py understand."""
    config = plan(f"experiment={experiment}", f"models={models}", "seed=3")
    assert (config.name, config.set) == (experiment, models) and config.about
    trainings = {model: configured(config.training(model)) for model in config.models}
    assert {training.seed for training in trainings.values()} == {3}
    assert len({fingerprint(training.plain()) for training in trainings.values()}) == len(trainings)
    for test in config.tests.values():
        words = cli.compose("evaluate", ["run=R", *test.words()])
        assert words.scenes == test.scenes and words.counts == test.counts
        changed = {name: value for name, value in words.scene.items() if value is not None}
        assert changed == {**json.loads(json.dumps(test.scene.changes())), "camera_known": test.scene.camera_known}


def test_one_folder_for_what_learns_the_same(tmp_path):
    words = ["scene=tabletop", "seed=1"]
    config = configured(words)
    mark = fingerprint(config.plain())
    assert mark == fingerprint(configured([*words, "run_dir=elsewhere", "logger.group=g"]).plain())
    others = (["seed=2"], ["trainer.steps=3"], ["model=supervised"], ["scene.counts=[0,3]"])
    assert len({fingerprint(configured([*words, *other]).plain()) for other in others} | {mark}) == 5
    assert mark == fingerprint(configured([*words, "supervised.beta=0"]).plain())  # AIR has no labels to weigh
    plain, weighed = (configured([*words, "model=supervised", f"supervised.beta={beta}"]) for beta in (0, 0.5))
    assert fingerprint(plain.plain()) != fingerprint(weighed.plain())
    folder = folder_of(tmp_path, "air", config)
    assert folder.parent == tmp_path and folder.name.startswith("air_seed1_") and not folder.exists()
    (damaged := tmp_path / "another").mkdir()
    (damaged / "config.yaml").write_text("sceen: 3\n")
    there = tmp_path / "under_another_name"
    save_config(config, there)
    assert folder_of(tmp_path, "air", config) == there
    stored = yaml.safe_load((there / "config.yaml").read_text())
    del stored["supervised"]["beta"]  # as a version wrote it that did not know this setting, which AIR has no use for
    (there / "config.yaml").write_text(yaml.safe_dump(stored))
    assert folder_of(tmp_path, "air", config) == there
    del stored["trainer"]["schedule"]["pull"]  # one that AIR does use
    (there / "config.yaml").write_text(yaml.safe_dump(stored))
    assert folder_of(tmp_path, "air", config) == folder, "what it did instead is not known"


def test_labels_do_not_learn_what_the_bound_is_made_of(tmp_path):
    """A training on labels shares its folder with one whose bound differs: the same, weight by weight."""
    words = ("model=supervised", "trainer.steps=4", "trainer.validation_scenes=2")
    unused = [field.name for field in fields(ScheduleConfig) if not LABELS_USE.match(field.name)]
    bound = [f"trainer.schedule.{name}=0.31" for name in unused]
    plain, other = (
        small_trainer(tmp_path / str(i), *words, *more) for i, more in enumerate([(), ("gradient=nvil", *bound)])
    )
    assert fingerprint(plain.run.config.plain()) == fingerprint(other.run.config.plain())
    mine = fingerprint(configured(words).plain())
    for used in ("sigma", "rate_from", "rate_end", "render_sigma_start"):
        assert fingerprint(configured([*words, f"trainer.schedule.{used}=0.31"]).plain()) != mine, used
    for trainer in (plain, other):
        torch.manual_seed(0)
        for _ in range(4):
            trainer.train_step()
    for mine, theirs in zip(plain.parameters, other.parameters, strict=True):
        assert torch.equal(mine, theirs)


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Path:
    """Two models and two seeds through the whole of compare.py, with trainings of two steps."""
    runs = tmp_path_factory.mktemp("compared")
    done = compare(runs, "experiment=no_repeats", "models=same_seconds", "scenes=10", "-m", "seed=0,1",
                   "~models.supervised_ordered", "~models.supervised_hungarian")  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return runs


@pytest.mark.slow
def test_everything_is_there_and_nothing_is_done_twice(compared):
    out = compared / "no_repeats_same_seconds"
    rows = read_csv(out / "report/results.csv")
    expected = {(t, m, s) for t in ("repeated", "unique") for m in ("air", "supervised_symmetric") for s in "01"}
    assert {(row["test"], row["model"], row["seed"]) for row in rows} == expected
    assert {row["scenes"] for row in rows} == {"10"} and {row["training_pictures"] for row in rows} == {"8"}
    by_count = read_csv(out / "report/by_count.csv")
    assert len(by_count) == 5 * len(rows) and {row["scenes"] for row in by_count} == {"2"}
    assert not (ROOT / "multirun.yaml").exists()
    again = compare(compared, "experiment=no_repeats", "models=same_seconds", "scenes=10", "seed=1",
                    "~models.supervised_ordered", "~models.supervised_hungarian")  # fmt: skip
    assert again.returncode == 0 and "train.py" not in again.stdout and "evaluate.py" not in again.stdout
    assert str(out / "report/index.html") in again.stdout


@pytest.mark.slow
def test_answers_to_something_else_are_left_out(compared):
    given = [f"runs={compared}", "threads=1", WORDS, "experiment=no_repeats", "models=same_seconds"]
    config, out = plan(*given, "scenes=10"), compared / "no_repeats_same_seconds"
    assert [(a.model, a.seed, a.test) for a in collect(out, config)][:3] == [
        ("air", 0, "repeated"), ("air", 0, "unique"), ("air", 1, "repeated")]  # fmt: skip
    assert collect(out, plan(*given, "scenes=20")) == []
    about = out / "results/air_seed1/unique/about.json"
    kept = about.read_text()
    about.write_text(json.dumps({**json.loads(kept), "learned": "0123456789"}))  # the same words, another default
    assert ("air", 1, "unique") not in [(a.model, a.seed, a.test) for a in collect(out, config)]
    about.unlink()  # being asked again just now
    assert ("air", 1, "unique") not in [(a.model, a.seed, a.test) for a in collect(out, config)]
    about.write_text(kept)
    assert ("air", 1, "unique") in [(a.model, a.seed, a.test) for a in collect(out, config)]
    longer = replace(config, words=[*config.words, "trainer.steps=3"])
    assert collect(out, longer) == []
    assert {result.model for result in collect(out, replace(config, models={"air": ["model=air"]}))} == {"air"}


@pytest.mark.slow
def test_a_sweep_reads_as_one_experiment(compared):
    """Read back from wandb's own files: four trainings and the reports in one group, the headline in the newest."""
    runs = [(run.run_group, run.job_type, run.project) for run in kept(compared, "run")]
    assert {group for group, *_ in runs} == {"no_repeats"} and {project for *_, project in runs} == {"air3d"}
    assert [job for _, job, _ in runs].count("train") == 4 and "compare" in {job for _, job, _ in runs}
    rows = history(compared / "no_repeats_same_seconds/wandb_report")
    said = [row for row in rows if "unique/air/counted_right" in row]
    assert {row["step"] for row in said} == {1, 2}, "after the first seed, and after the second"
    assert any("report/learning" in row for row in rows)


@pytest.mark.slow
def test_the_page_stands_alone(compared, tmp_path):
    """Nothing is fetched from beside it, and every picture in it is a whole one."""
    page = (compared / "no_repeats_same_seconds/report/index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 2 * (3 + 2) + 2 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "AIR" in page and "supervised symmetric" in page and "<script" not in page
    for path in (compared / "no_repeats_same_seconds/report").glob("*.png"):
        assert min(Image.open(path).size) > 100


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs a browser: chromium or google-chrome")
@pytest.mark.parametrize("width", [1200, 500])  # 500: Chromium's windows are never narrower
def test_a_browser_shows_it(compared, tmp_path, width):
    """A browser without network opens the file, loads every picture, and the page fits a narrow screen."""
    page = compared / "no_repeats_same_seconds/report/index.html"
    gradient_diagnostics = """<script>
      document.querySelectorAll("details").forEach(part => { part.open = true })
      const images = [...document.images]
      images.forEach(image => { image.loading = "eager" })
      setInterval(() => {
        const loaded = images.filter(image => image.complete && image.naturalWidth > 100 && image.width <= innerWidth)
        document.title = JSON.stringify({images: images.length, loaded: loaded.length, cells: document.querySelectorAll(
          "td").length, overflow: document.documentElement.scrollWidth - innerWidth})
      }, 100)</script>"""
    (copy := tmp_path / "page.html").write_text(page.read_text().replace("</body>", f"{gradient_diagnostics}</body>"))
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
             "--disable-component-update", "--disable-quic", f"--user-data-dir={tmp_path / 'profile'}",
             f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom"]  # fmt: skip
    flags += ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
    shown = subprocess.run([str(BROWSER), *flags, copy.as_uri()], capture_output=True, text=True, timeout=120)
    title = re.search(r"<title>(.*?)</title>", shown.stdout, re.DOTALL)
    assert title, shown.stderr
    seen = json.loads(title[1])
    assert seen["images"] == seen["loaded"] == 2 * (3 + 2) + 2
    assert seen["overflow"] <= 0 and seen["cells"] > 50


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment=unseen_count"], "unseen_counts"),
        (["threads=0"], "threads=0"),
        (["scenes=0"], "scenes=0"),
        (["+models.a-b=[]"], "letters, digits"),
        (["+tests.more.scene.gaps=0"], "gaps"),
        (["sed=1"], "seed"),
        (["device=gpu"], "cpu or cuda"),
        (["tests.explained.counting=explaind"], "explained"),
    ],
)
def test_bad_requests_get_one_line(words, said):
    with pytest.raises(UserError, match=said) as error:
        plan(*words)
    assert "\n" not in str(error.value)


def test_a_device_is_given_to_trainings_and_makes_other_networks(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    here, there = plan("models=air"), plan("models=air", "device=cuda")
    (word,) = set(there.training("air")) - set(here.training("air"))
    trained = [configured(config.training("air")) for config in (here, there)]
    assert word == "device=cuda" and [config.device for config in trained] == ["cpu", "cuda"]
    assert len({fingerprint(config.plain()) for config in trained}) == 2


@pytest.mark.slow
def test_a_training_that_fails_ends_the_comparison_with_its_reason(tmp_path):
    done = compare(tmp_path, "experiment=no_repeats", "models=air", 'train=["scene=tabletop","trainer.clip=-1"]')
    assert done.returncode == 2 and "trainer.clip must be above 0" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def result(model: str, seed: int, share: float) -> Result:
    counts = {"0": 1.0, "4": share}
    metrics = {"count_accuracy": share, "detection_rate": 1.0, "count_accuracy_by_count": counts,
               "by_count": {count: {} for count in counts}, "trained_counts": [0, 1]}  # fmt: skip
    return Result(model, seed, "test", "", Path(), Cost(10, 320, 2.0 + seed), Path(), metrics)


def test_seeds_in_one_line():
    results = [result("air", 0, 0.99), result("air", 1, 0.91), result("other", 0, 0.5)]
    table = headline(results)
    assert table[0][:4] == ["model", "seeds", "above 95%", "counted right"]
    assert table[1][:5] == ["AIR", "2", "1 of 2", "95.0 ± 5.7 %", "100.0 ± 0.0 %"]
    assert table[2][:4] == ["other", "1", "0 of 1", "50.0 %"]
    assert table[1][3 + [c.title for c in COLUMNS].index("training")] == "2.5 ± 0.7 min"
    assert table[1][-1] == "320 ± 0" and "-" in table[1]
    assert means(results)["test/air/counted_right"] == pytest.approx(95) and "test/air/position" not in means(results)
    assert counts_table(results)[:2] == [["objects", "0*", "4"], ["AIR", "100.0 ± 0.0 %", "95.0 ± 5.7 %"]]
    said, explained = (
        replace(results[0], metrics={"scenes_from": "tables", "counting": how}) for how in ("said", "explained")
    )
    assert circumstances(said) == "tables." and "counted by what explains" in circumstances(explained)
    np.testing.assert_array_equal(summed([[[1, 2], [3, 4]], [[5]]]), [[6, 2], [3, 4]])


def test_a_test_says_what_is_not_as_trained():
    raw = yaml.safe_load((CONFIGS / "experiment/camera_height.yaml").read_text())["tests"]["lower_untold"]
    words = TestSet(**{**raw, "scene": plan("experiment=camera_height").tests["lower_untold"].scene}).words()
    assert "scene.camera_position=[0.0,-1.11,1.11]" in words and "scene.camera_known=false" in words
    tests = plan("experiment=unseen_counts").tests
    assert "counting=said" in tests["counts"].words() and "counting=explained" in tests["explained"].words()

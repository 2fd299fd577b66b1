"""Whole comparisons: trainings and tests that are done once, results that belong together, the page that shows them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from comparing import as_program, common, in_process
from PIL import Image
from wandb_file import history, kept

from air3d import cli
from air3d.comparison.collect import collect
from air3d.comparison.plan import CompareConfig
from air3d.report.records import read_csv
from scenes.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
TWO = ("experiment=no_repeats", "models=same_seconds", "~models.supervised_ordered", "~models.supervised_hungarian")
IMAGES = 2 * (3 + 2) + 2  # in the page: of each test three figures and two panels, and two of the trainings


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Path:
    """Two models and two seeds through the whole of compare.py, with trainings of two steps."""
    runs = tmp_path_factory.mktemp("compared")
    for seed in (0, 1):
        started = in_process(runs, *TWO, "scenes=10", f"seed={seed}")
        assert started == ["train", "evaluate", "evaluate"] * 2
    return runs


def test_everything_is_there_and_nothing_is_done_twice(compared, capsys):
    out = compared / "no_repeats_same_seconds"
    rows = read_csv(out / "report/results.csv")
    expected = {(t, m, s) for t in ("repeated", "unique") for m in ("air", "supervised_symmetric") for s in "01"}
    assert {(row["test"], row["model"], row["seed"]) for row in rows} == expected
    assert {row["scenes"] for row in rows} == {"10"} and {row["training_pictures"] for row in rows} == {"8"}
    by_count = read_csv(out / "report/by_count.csv")
    assert len(by_count) == 5 * len(rows) and {row["scenes"] for row in by_count} == {"2"}
    assert in_process(compared, *TWO, "scenes=10", "seed=1") == []
    assert str(out / "report/index.html") in capsys.readouterr().out


def test_results_of_something_else_are_left_out(compared):
    given, out = [*common(compared), *TWO], compared / "no_repeats_same_seconds"

    def plan(*words: str) -> CompareConfig:
        return cli.typed(cli.compose("compare", [*given, *words], "compare"), CompareConfig)

    config = plan("scenes=10")
    assert [(r.model, r.seed, r.test) for r in collect(out, config)][:3] == [
        ("air", 0, "repeated"), ("air", 0, "unique"), ("air", 1, "repeated")]  # fmt: skip
    assert collect(out, plan("scenes=20")) == []
    about = out / "results/air_seed1/unique/about.json"
    before = about.read_text()
    about.write_text(json.dumps({**json.loads(before), "learned": "0123456789"}))  # the same words, another default
    assert ("air", 1, "unique") not in [(r.model, r.seed, r.test) for r in collect(out, config)]
    about.unlink()  # being evaluated again just now
    assert ("air", 1, "unique") not in [(r.model, r.seed, r.test) for r in collect(out, config)]
    about.write_text(before)
    assert ("air", 1, "unique") in [(r.model, r.seed, r.test) for r in collect(out, config)]
    longer = replace(config, words=[*config.words, "trainer.steps=3"])
    assert collect(out, longer) == []
    assert {result.model for result in collect(out, replace(config, models={"air": ["model=air"]}))} == {"air"}


def test_a_sweep_reads_as_one_experiment(compared):
    """Read back from wandb's own files: four trainings and the reports in one group, the headline in the newest."""
    runs = [(run.run_group, run.job_type, run.project) for run in kept(compared, "run")]
    assert {group for group, *_ in runs} == {"no_repeats"} and {project for *_, project in runs} == {"air3d"}
    assert [job for _, job, _ in runs].count("train") == 4 and "compare" in {job for _, job, _ in runs}
    rows = history(compared / "no_repeats_same_seconds/wandb_report")
    headlines = [row for row in rows if "unique/air/count_accuracy" in row]
    assert {row["step"] for row in headlines} == {1, 2}, "after the first seed, and after the second"
    assert any("report/learning" in row for row in rows)


def test_the_page_stands_alone(compared):
    """Nothing is fetched from beside it, and every picture in it is a whole one."""
    page = (compared / "no_repeats_same_seconds/report/index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == IMAGES and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "AIR" in page and "supervised symmetric" in page and "<script" not in page
    for path in (compared / "no_repeats_same_seconds/report").glob("*.png"):
        assert min(Image.open(path).size) > 100


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="needs a browser: chromium or google-chrome")
@pytest.mark.parametrize("width", [1200, 500])  # 500: Chromium's windows are never narrower
def test_a_browser_shows_it(compared, tmp_path, width):
    """A browser without network opens the file, loads every picture, and the page fits a narrow screen."""
    page = compared / "no_repeats_same_seconds/report/index.html"
    probe = """<script>
      document.querySelectorAll("details").forEach(part => { part.open = true })
      const images = [...document.images]
      images.forEach(image => { image.loading = "eager" })
      setInterval(() => {
        const loaded = images.filter(image => image.complete && image.naturalWidth > 100 && image.width <= innerWidth)
        document.title = JSON.stringify({images: images.length, loaded: loaded.length, cells: document.querySelectorAll(
          "td").length, overflow: document.documentElement.scrollWidth - innerWidth})
      }, 100)</script>"""
    (copy := tmp_path / "page.html").write_text(page.read_text().replace("</body>", f"{probe}</body>"))
    flags = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
             "--disable-component-update", "--disable-quic", f"--user-data-dir={tmp_path / 'profile'}",
             f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom"]  # fmt: skip
    flags += ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
    shown = subprocess.run([str(BROWSER), *flags, copy.as_uri()], capture_output=True, text=True, timeout=120)
    title = re.search(r"<title>(.*?)</title>", shown.stdout, re.DOTALL)
    assert title, shown.stderr
    seen = json.loads(title[1])
    assert seen["images"] == seen["loaded"] == IMAGES
    assert seen["overflow"] <= 0 and seen["cells"] > 50


def test_a_training_that_fails_ends_the_comparison(tmp_path, capsys):
    diverging = 'train=["scene=tabletop","trainer.learning_rate=1e30"]'
    with pytest.raises(UserError, match="is not trained to its end; the same command goes on from there"):
        in_process(tmp_path, "experiment=no_repeats", "models=air", diverging)
    assert "stopped being a number" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_of_seeds_from_the_command_line(tmp_path):
    """Every training and evaluation a program of its own."""
    words = ("experiment=no_repeats", "models=air", "~tests.repeated", "scenes=5")
    done = as_program(tmp_path, *words, "-m", "seed=0,1")
    assert done.returncode == 0, done.stderr + done.stdout
    out = tmp_path / "no_repeats_air"
    assert {(row["test"], row["model"], row["seed"]) for row in read_csv(out / "report/results.csv")} == {
        ("unique", "air", seed) for seed in "01"}  # fmt: skip
    assert not (ROOT / "multirun.yaml").exists()
    again = as_program(tmp_path, *words, "seed=1")
    assert again.returncode == 0 and "train.py" not in again.stdout and "evaluate.py" not in again.stdout
    assert str(out / "report/index.html") in again.stdout


@pytest.mark.slow
def test_a_training_that_fails_gives_its_reason_in_one_line(tmp_path):
    done = as_program(tmp_path, "experiment=no_repeats", "models=air", 'train=["scene=tabletop","trainer.clip=-1"]')
    assert done.returncode == 2 and "trainer.clip must be above 0" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

"""The parts of the page: what every test showed, and what the trainings took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from air3d.comparison.collect import Result
from air3d.comparison.report import figures
from air3d.comparison.report.page import Part, Picture, Table
from air3d.comparison.report.summary import ACROSS, across, by_model, counts_table, headline, words
from air3d.files import atomic
from air3d.report.panels import cell_corner
from air3d.report.plots import count_accuracy_by_count, learning_curve
from air3d.training.checkpoint import load_config
from air3d.training.tracking import read_metrics

SHOWN = 3  # scenes of each kind
KINDS = {"best": "fit best", "median": "fit as usual", "worst": "fit worst"}


def under_test(folder: Path, test: str, results: Sequence[Result]) -> Part:
    """Tables, figures and paintings of one test."""
    if not results:
        return Part(words(test), "Nothing has been measured yet.")
    figures.confusions(confusion := folder / f"{test}_confusion.png", results)
    figures.errors(errors := folder / f"{test}_errors.png", results)
    tables = [Table(headline(results))]
    pictures = [
        Picture(confusion, "Number of objects, inferred against true, all seeds together."),
        Picture(errors, "Errors of the objects of all seeds; rotation of those detected with the right identity."),
    ]
    if len(results[0].metrics["by_count"]) > 1:
        shares = {label(result): result.metrics["count_accuracy_by_count"] for result in results}
        trained = results[0].metrics["trained_counts"]
        count_accuracy_by_count(counts := folder / f"{test}_by_count.png", shares, trained, named(results))
        tables.append(Table(counts_table(results), "Count accuracy by number of objects (*: trained)."))
        pictures.insert(0, Picture(counts, "Mean of the seeds; the shade reaches from the worst to the best of them."))
    paintings = [painting(folder, group[0]) for group in by_model(results).values()]
    return Part(words(test), circumstances(results[0]), tables, pictures, paintings)


def all_tests(results: Sequence[Result]) -> Part:
    """Every model on every test, a table for each number that matters most."""
    tables = [Table(across(results, column), f"{column.title.capitalize()}.") for column in ACROSS]
    return Part("all tests", "What each test is stands below.", tables)


def circumstances(result: Result) -> str:
    """What was tested on, and how objects were counted where it was not as usual."""
    explained = result.metrics.get("counting") == "likelihood"
    return result.metrics["scenes_from"] + (", counted by what explains the picture best." if explained else ".")


def painting(folder: Path, result: Result) -> Picture:
    """The scenes that a model (its first seed) painted best, as usual and worst, one under the other."""
    panels = [Image.open(result.folder / f"{kind}.png") for kind in KINDS]
    side = (load_config(result.run).scene.image_size,) * 2
    panels = [panel.crop((0, 0, panel.width, min(panel.height, cell_corner(SHOWN, 0, *side)[1]))) for panel in panels]
    sheet = Image.new("RGB", (max(p.width for p in panels), sum(p.height for p in panels)), "white")
    for index, panel in enumerate(panels):
        sheet.paste(panel, (0, sum(p.height for p in panels[:index])))
    path = folder / f"{result.test}_{result.model}_seed{result.seed}.png"
    with atomic(path) as temporary:
        sheet.quantize(128).save(temporary, optimize=True)
    caption = f"{words(result.model)}, seed {result.seed}: scenes that {', '.join(KINDS.values())}"
    return Picture(path, caption)


def training(folder: Path, results: Sequence[Result]) -> Part:
    """How the models learned, and what it took."""
    runs = {label(result): curve_of(result) for result in results}
    learning_curve(curve := folder / "learning.png", runs, ylabel="count accuracy, validation", named=named(results))
    pictures = [Picture(curve, "Every line is a seed. Validation scenes are as those of the training.")]
    if noisy := {run: rows for run, rows in runs.items() if any(NOISE in row for row in rows)}:
        noise = folder / "gradient_noise.png"
        learning_curve(noise, noisy, NOISE, ylabel="share of the gradient that is noise", named=named(results))
        pictures.append(Picture(noise, "How much the gradient of one batch of pictures varies from draw to draw."))
    return Part("training", "", [Table(commands(results), "The training of each model, of its first seed.")], pictures)


def curve_of(result: Result) -> list[dict[str, Any]]:
    """What was logged of a training and of those that it began with, one after the other in time."""
    rows: list[dict[str, Any]] = []
    for run in (*result.before, result.run):
        passed = max((row[MINUTES] for row in rows if MINUTES in row), default=0.0)
        logged = read_metrics(run / "metrics.jsonl")
        rows += [{**row, MINUTES: row[MINUTES] + passed} if MINUTES in row else row for row in logged]
    return rows


MINUTES = "perf/minutes"
NOISE = "val/gradient_noise"


def label(result: Result) -> str:
    """Whose result it is, of several tests."""
    return f"{result.model} {result.seed}"


def named(results: Sequence[Result]) -> dict[str, str]:
    """What the legend calls each label: the model, whatever its seed."""
    return {label(result): words(result.model) for result in results}


def commands(results: Sequence[Result]) -> list[list[str]]:
    rows = [["model", "command"]]
    return rows + [[words(m), f"python train.py {group[0].training}"] for m, group in by_model(results).items()]
